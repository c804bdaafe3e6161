package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// The pattern that stands for key bytes, and every way in which it could show.
var keyPattern = []byte{0xC5, 0x3A, 0x9E, 0xD7, 0x61, 0xB2, 0xF4, 0x8D}

func keyBytes(n int) []byte { return bytes.Repeat(keyPattern, (n+7)/8)[:n] }

func shows(text string) bool {
	decimal := strings.Trim(fmt.Sprint(keyPattern[:4]), "[]")
	quoted := strings.Trim(fmt.Sprintf("%#v", keyPattern[:4]), "[]byte{}")
	for _, form := range []string{
		string(keyPattern[:4]), hex.EncodeToString(keyPattern[:4]), decimal, strings.ReplaceAll(decimal, " ", ","), strings.ReplaceAll(decimal, " ", ", "),
		quoted, strings.ReplaceAll(quoted, ", ", ","), base64.StdEncoding.EncodeToString(keyPattern[:6]), `\xc5:\x9e`, "c5 3a 9e",
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// printed is a value in all forms of printing.
func printed(t *testing.T, v any) map[string]string {
	t.Helper()
	type inside struct {
		hidden any // fmt cannot ask this one to print itself
		list   []any
	}
	forms := map[string]string{}
	deref := v
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer {
		deref = r.Elem().Interface()
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o"} {
		forms[verb] = fmt.Sprintf(verb, v)
		forms[verb+" of the value"] = fmt.Sprintf(verb, deref)
		forms[verb+" inside"] = fmt.Sprintf(verb, inside{deref, []any{deref, v}})
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Errorf("%T: %v", v, err)
	}
	forms["JSON"] = string(text)
	if text, err = json.Marshal(deref); err != nil {
		t.Errorf("%T: %v", deref, err)
	}
	forms["JSON of the value"] = string(text)
	for name, h := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(h(&b)).Info("x", "value", v, "deref", deref)
		forms[name] = b.String()
	}
	return forms
}

// secrets are all messages that carry key bytes, filled with the pattern.
func secrets(t *testing.T) []wire.Message {
	t.Helper()
	var list []wire.Message
	add := func(m wire.Message) {
		if fill(reflect.ValueOf(m).Elem()) > 0 {
			list = append(list, m)
		}
	}
	for s := range wire.Commands() {
		add(s.New())
		add(s.NewResponse())
	}
	for _, s := range settings {
		m := &wire.SetConfiguration{Setting: s()}
		add(m)
	}
	return list
}

// fill puts the pattern into every Secret of v and tells how many there were.
func fill(v reflect.Value) (n int) {
	if s, ok := v.Addr().Interface().(*wire.Secret); ok {
		*s = wire.NewSecret(keyBytes(24))
		return 1
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				n += fill(v.Field(i))
			}
		}
	case reflect.Interface:
		if !v.IsNil() && v.Elem().Kind() == reflect.Pointer {
			n += fill(v.Elem().Elem())
		}
	}
	return n
}

func TestNoPrintingShowsKeys(t *testing.T) {
	list := secrets(t)
	if len(list) != 5 { // ChangeKey, ChangeKeyEV2, CreateTransactionMACFile, CreateDelegatedApplication, DefaultKey
		t.Fatalf("%d messages carry key bytes: %T", len(list), list)
	}
	marked := len(list)
	for _, ins := range []byte{wire.InsChangeKey, wire.InsChangeKeyEV2, wire.InsCreateTransactionMACFile, wire.InsCreateDelegatedApplication} {
		list = append(list, &wire.Raw{Class: wire.ClassNative, INS: ins, Data: keyBytes(32)})
	}
	list = append(list,
		&wire.Raw{Class: wire.ClassNative, INS: wire.InsSetConfiguration, Data: append([]byte{byte(wire.ConfigDefaultKey)}, keyBytes(25)...)},
		&wire.RawSetting{Opt: wire.ConfigDefaultKey, Data: keyBytes(25)},
		&wire.SetConfiguration{Setting: &wire.RawSetting{Opt: wire.ConfigDefaultKey, Data: keyBytes(25)}})
	for i, m := range list {
		for form, text := range printed(t, m) {
			if i >= marked && strings.HasSuffix(form, " inside") {
				continue // raw bytes, in a value that fmt cannot ask to print itself
			}
			if shows(text) {
				t.Errorf("%T shows its key bytes in %s: %s", m, form, text)
			}
		}
	}
}

// What is printed is found where it is printed, else the test above is worth
// nothing.
func TestShowsFindsKeys(t *testing.T) {
	for form, text := range printed(t, &wire.WriteData{Data: keyBytes(16)}) {
		if form != "%o" && form != "%o of the value" && form != "%o inside" && !strings.HasSuffix(form, " inside") && !shows(text) {
			t.Errorf("%s: %s", form, text)
		}
	}
}

func TestRedacted(t *testing.T) {
	list := append(secrets(t),
		&wire.Raw{Class: wire.ClassNative, INS: wire.InsChangeKey, Data: keyBytes(25)},
		&wire.SetConfiguration{Setting: &wire.RawSetting{Opt: wire.ConfigDefaultKey, Data: keyBytes(25)}})
	for _, m := range list {
		before := fmt.Sprintf("%X", allBytes(reflect.ValueOf(m)))
		r := wire.Redacted(m)
		if reflect.TypeOf(r) != reflect.TypeOf(m) || r == m {
			t.Errorf("%T becomes %T", m, r)
		}
		if got := allBytes(reflect.ValueOf(r)); bytes.Contains(got, keyPattern) || len(got) != len(allBytes(reflect.ValueOf(m))) {
			t.Errorf("%T redacted has %X", m, got)
		}
		if after := fmt.Sprintf("%X", allBytes(reflect.ValueOf(m))); after != before || !strings.Contains(after, "C53A9ED7") {
			t.Errorf("%T itself has changed", m)
		}
	}
	for _, m := range []wire.Message{
		&wire.WriteData{Data: keyBytes(4)}, &wire.Raw{Class: wire.ClassNative, INS: wire.InsWriteData, Data: keyBytes(9)},
		&wire.SetConfiguration{Setting: &wire.ATS{ATS: keyBytes(4)}}, &wire.SetConfiguration{}, &wire.ChangeKeySettings{},
	} {
		if r := wire.Redacted(m); r != m {
			t.Errorf("%T was copied", m)
		}
	}
	cmd := &wire.WriteData{Data: keyBytes(4)}
	if n := testing.AllocsPerRun(100, func() { wire.Redacted(cmd) }); n > 0 {
		t.Errorf("a command without keys costs %v allocations", n)
	}
}

// allBytes are the bytes of all secrets and byte slices below v.
func allBytes(v reflect.Value) (b []byte) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return allBytes(v.Elem())
		}
	case reflect.Struct:
		if s, ok := v.Interface().(wire.Secret); ok {
			return s.Bytes()
		}
		for i := range v.NumField() {
			b = append(b, allBytes(v.Field(i))...)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes()
		}
	}
	return b
}

func TestSecret(t *testing.T) {
	b := keyBytes(16)
	s := wire.NewSecret(b)
	b[0] = 0
	if s.Bytes()[0] != keyPattern[0] || s.Len() != 16 || s.IsZero() || s.String() != "(16 bytes of key)" {
		t.Errorf("%v", s)
	}
	if !s.Equal(wire.NewSecret(keyBytes(16))) || s.Equal(wire.NewSecret(b)) || s.Equal(wire.Secret{}) || !(wire.Secret{}).IsZero() || (wire.Secret{}).Bytes() != nil {
		t.Error("Equal or IsZero")
	}
	var c wire.Coder
	if _, err := c.Encode(nil, &wire.CreateTransactionMACFile{KeyOption: wire.TMKeyAES}); err == nil || !strings.Contains(err.Error(), "want 16") {
		t.Errorf("a file without a key: %v", err)
	}
}
