package trace

import (
	"fmt"
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
	fields, _ := fieldsOf(&c, m, e)
	return fields
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
