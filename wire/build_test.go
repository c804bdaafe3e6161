package wire_test

import (
	"encoding"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/wirevector"
	"github.com/go-desfire/desfire/wire"
)

// build makes the message that a vector describes in words. It knows nothing
// of layouts, so that a vector's bytes and its words check each other.
func build(t *testing.T, v *wirevector.Vector) wire.Message {
	t.Helper()
	m := v.New()
	for _, f := range v.Values {
		if err := set(reflect.ValueOf(m).Elem(), f.Path, f.Text); err != nil {
			t.Fatalf("%v: %s=%s: %v", v, f.Path, f.Text, err)
		}
	}
	return m
}

var settings = map[string]func() wire.Setting{
	"PICCConfig":            func() wire.Setting { return new(wire.PICCConfig) },
	"DefaultKey":            func() wire.Setting { return new(wire.DefaultKey) },
	"ATS":                   func() wire.Setting { return new(wire.ATS) },
	"SAK":                   func() wire.Setting { return new(wire.SAK) },
	"SecureMessagingConfig": func() wire.Setting { return new(wire.SecureMessagingConfig) },
	"Capabilities":          func() wire.Setting { return new(wire.Capabilities) },
	"VCName":                func() wire.Setting { return new(wire.VCName) },
	"ValueFileConfig":       func() wire.Setting { return new(wire.ValueFileConfig) },
	"FailedAuthConfig":      func() wire.Setting { return new(wire.FailedAuthConfig) },
	"HardwareConfig":        func() wire.Setting { return new(wire.HardwareConfig) },
	"ATQA":                  func() wire.Setting { return new(wire.ATQA) },
	"RawSetting":            func() wire.Setting { return new(wire.RawSetting) },
}

// set stores text in the field of v that path names.
func set(v reflect.Value, path, text string) error {
	if path == "" {
		return setValue(v, text)
	}
	head, tail, _ := strings.Cut(path, ".")
	field, kind, isSetting := strings.Cut(head, "/")
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return set(v.Elem(), path, text)
	case reflect.Slice:
		i, err := strconv.Atoi(head)
		if err != nil {
			return err
		}
		for v.Len() <= i {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		return set(v.Index(i), tail, text)
	case reflect.Struct:
		f := v.FieldByName(field)
		if !f.IsValid() {
			return fmt.Errorf("%v has no field %s", v.Type(), field)
		}
		if !isSetting {
			return set(f, tail, text)
		}
		if settings[kind] == nil {
			return fmt.Errorf("no setting %s", kind)
		}
		if f.IsNil() {
			f.Set(reflect.ValueOf(settings[kind]()))
		}
		return set(f.Elem(), tail, text)
	}
	return fmt.Errorf("no way from %v to %s", v.Type(), path)
}

func setValue(v reflect.Value, text string) error {
	if r, ok := v.Addr().Interface().(*wire.AccessRights); ok { // Read, Write, ReadWrite, Change
		var n [4]wire.Access
		if len(text) != len(n) {
			return fmt.Errorf("want four hexadecimal digits")
		}
		for i := range n {
			x, err := strconv.ParseUint(text[i:i+1], 16, 4)
			if err != nil {
				return err
			}
			n[i] = wire.Access(x)
		}
		*r = wire.AccessRights{Read: n[0], Write: n[1], ReadWrite: n[2], Change: n[3]}
		return nil
	}
	if s, ok := v.Addr().Interface().(*wire.Secret); ok {
		b, err := hex.DecodeString(text)
		*s = wire.NewSecret(b)
		return err
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(text == "true")
		return nil
	case reflect.Int, reflect.Int32:
		x, err := strconv.ParseInt(text, 0, 64)
		v.SetInt(x)
		return err
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		x, err := strconv.ParseUint(text, 0, v.Type().Bits())
		v.SetUint(x)
		return err
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.ValueOf(b).Convert(v.Type()))
		return nil
	case reflect.Array:
		if len(b) != v.Len() {
			return fmt.Errorf("want %d bytes, have %d", v.Len(), len(b))
		}
		reflect.Copy(v, reflect.ValueOf(b))
		return nil
	}
	return fmt.Errorf("no way to set a %v", v.Type())
}

// same reports whether two messages have the same fields. An empty slice is the
// same as none.
func same(a, b reflect.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.Equal(b) {
			return true
		}
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

func sameMessage(a, b wire.Message) bool { return same(reflect.ValueOf(a), reflect.ValueOf(b)) }
