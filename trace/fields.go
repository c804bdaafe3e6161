package trace

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// fieldsOf walks the layout of a plain command body. Where it does not fit,
// the rest is one field.
func fieldsOf(c *wire.Coder, cmd wire.Message, e wire.Encoded) ([]wire.Field, bool) {
	fields, err := c.Explain(e, cmd)
	if err == nil {
		return fields, true
	}
	// Boundaries of frames need not be those of the layout.
	if len(e.Marks) > 0 {
		e.Marks = nil
		if f, err := c.Explain(e, cmd); err == nil {
			return f, true
		}
	}
	return fields, false
}

// Fields are the fields of a message from its declaration, nil for what cannot
// be encoded. The bytes of keys are hidden.
func Fields(m wire.Message) []wire.Field {
	var c wire.Coder
	e, err := c.Encode(nil, m)
	if err != nil {
		return nil
	}
	e.Bytes, e.Marks = slices.Clone(e.Bytes), slices.Clone(e.Marks)
	fields, _ := fieldsOf(&c, copied(m), e)
	return fields
}

// copied is a message that shares nothing with m: to explain is to decode into it,
// and what m refers to may be read by others meanwhile.
func copied(m wire.Message) wire.Message {
	v := reflect.New(reflect.TypeOf(m).Elem())
	v.Elem().Set(reflect.ValueOf(m).Elem())
	unshare(v.Elem())
	return v.Interface().(wire.Message) //nolint:forcetypeassert // of the type of m
}

// unshare copies what v refers to, as far as it can be set.
func unshare(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		if !v.IsNil() && v.CanSet() {
			n := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(n, v)
			v.Set(n)
			if k := v.Type().Elem().Kind(); k == reflect.Struct || k == reflect.Slice || k == reflect.Pointer {
				for i := range v.Len() {
					unshare(v.Index(i))
				}
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && v.CanSet() {
			n := reflect.New(v.Type().Elem())
			n.Elem().Set(v.Elem())
			v.Set(n)
			unshare(n.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			unshare(v.Field(i))
		}
	}
}

// responseOf makes a value to decode the answer of a command into.
func responseOf(spec *wire.Spec) wire.Message {
	if spec.NewResponse != nil {
		return spec.NewResponse()
	}
	return new(wire.Data)
}

// hideFrom hides what may be a key in the fields of a command that carries keys
// from an offset on.
func hideFrom(fields []wire.Field, from int) {
	const shortest = 8 // of keys
	for i, f := range fields {
		if f.Offset >= from && f.Len >= shortest && f.Name != "DFName" && f.Name != "Cut" {
			fields[i].Value = fmt.Sprintf("(%d bytes of key)", f.Len)
		}
	}
}
