package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Secret is bytes of a key in a message, or what a key can be computed from.
// No form of printing shows them: fmt with any verb, log/slog, encoding/json.
// The zero value has none.
type Secret struct {
	// fmt follows one pointer inside a value that it cannot ask to print itself,
	// but never two.
	b **[]byte
}

// How many bytes the secrets of fixed length have.
const (
	TMKeySize      = 16 // CreateTransactionMACFile
	DefaultKeySize = 24 // DefaultKey
	EncKSize       = 32 // CreateDelegatedApplication
)

// NewSecret copies b.
func NewSecret(b []byte) Secret {
	c := append([]byte(nil), b...)
	p := &c
	return Secret{&p}
}

// Bytes are the bytes themselves, which copies of the Secret share.
func (s Secret) Bytes() []byte {
	if s.b == nil {
		return nil
	}
	return **s.b
}

// Len is how many bytes there are.
func (s Secret) Len() int { return len(s.Bytes()) }

// IsZero reports whether there are none.
func (s Secret) IsZero() bool { return s.Len() == 0 }

// Equal compares in constant time.
func (s Secret) Equal(o Secret) bool {
	a, b := s.Bytes(), o.Bytes()
	if len(a) != len(b) {
		return false
	}
	var differ byte
	for i := range a {
		differ |= a[i] ^ b[i]
	}
	return differ == 0
}

func (s Secret) String() string { return fmt.Sprintf("(%d bytes of key)", s.Len()) }

// Format writes String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText writes String. There is no way back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secret is a field of n key bytes.
func secret(c *Coder, name string, v *Secret, n int) {
	if !c.decoding && v.Len() != n {
		c.failf(name, true, "has %d bytes, want %d", v.Len(), n)
	}
	c.secret(name, v, n)
}

// restSecret is key bytes up to the end of the frame.
func restSecret(c *Coder, name string, v *Secret) { c.secret(name, v, c.left()) }

func (c *Coder) secret(name string, v *Secret, n int) {
	if c.decoding {
		b := c.take(name, n)
		if c.done() {
			return
		}
		*v = NewSecret(b)
	} else if !c.done() {
		c.buf = append(c.buf, v.Bytes()...)
	}
	if c.visit != nil && !c.done() {
		c.visit(Field{Name: c.fieldName(name), Offset: c.position() - n, Len: n, Secret: true, Value: v.String()})
	}
}

// Redacted is m as those may have it who watch: a copy with zeros in place of
// all key bytes, or m itself where there can be none.
func Redacted(m Message) Message {
	switch m := m.(type) {
	case *Raw:
		return m.redacted()
	case *SetConfiguration:
		if s, ok := m.Setting.(*RawSetting); ok {
			return &SetConfiguration{s.redacted()}
		}
	case *RawSetting:
		return m.redacted()
	}
	if v := reflect.ValueOf(m); v.Kind() == reflect.Pointer && !v.IsNil() && holdsSecret(v) {
		return redactedCopy(v).Interface().(Message)
	}
	return m
}

var secretType = reflect.TypeFor[Secret]()

// holdsSecret reports whether a value has a Secret in its fields.
func holdsSecret(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && holdsSecret(v.Elem())
	case reflect.Struct:
		if v.Type() == secretType {
			return true
		}
		for i := range v.NumField() {
			if holdsSecret(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return false
		}
		for i := range v.Len() {
			if holdsSecret(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

// redactedCopy copies what it changes and shares the rest.
func redactedCopy(v reflect.Value) reflect.Value {
	if !holdsSecret(v) {
		return v
	}
	if v.Type() == secretType {
		return reflect.ValueOf(NewSecret(make([]byte, v.Interface().(Secret).Len())))
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(redactedCopy(v.Elem()))
	case reflect.Interface:
		c.Set(redactedCopy(v.Elem()))
	case reflect.Struct:
		for i := range v.NumField() {
			if c.Field(i).CanSet() {
				c.Field(i).Set(redactedCopy(v.Field(i)))
			}
		}
	case reflect.Slice:
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			c.Index(i).Set(redactedCopy(v.Index(i)))
		}
	}
	return c
}

// redacted is m without the data of a command that carries keys.
func (m *Raw) redacted() *Raw {
	if m.Class != ClassNative || len(m.Data) == 0 {
		return m
	}
	carries := m.INS == InsSetConfiguration && m.Data[0] == byte(ConfigDefaultKey)
	switch m.INS {
	case InsChangeKey, InsChangeKeyEV2, InsCreateTransactionMACFile, InsCreateDelegatedApplication:
		carries = true
	}
	if !carries {
		return m
	}
	c := *m
	c.Data = make([]byte, len(m.Data))
	return &c
}

// Format prints like a struct, without key bytes.
func (m Raw) Format(f fmt.State, verb rune) {
	type bare Raw
	fmt.Fprintf(f, fmt.FormatString(f, verb), bare(*m.redacted()))
}

// MarshalJSON writes the fields, without key bytes.
func (m Raw) MarshalJSON() ([]byte, error) {
	type bare Raw
	return json.Marshal(bare(*m.redacted()))
}

func (s *RawSetting) redacted() *RawSetting {
	if s.Opt != ConfigDefaultKey {
		return s
	}
	return &RawSetting{s.Opt, make([]byte, len(s.Data))}
}

// Format prints like a struct, without key bytes.
func (s RawSetting) Format(f fmt.State, verb rune) {
	type bare RawSetting
	fmt.Fprintf(f, fmt.FormatString(f, verb), bare(*s.redacted()))
}

// MarshalJSON writes the fields, without key bytes.
func (s RawSetting) MarshalJSON() ([]byte, error) {
	type bare RawSetting
	return json.Marshal(bare(*s.redacted()))
}
