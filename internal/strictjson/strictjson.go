// Package strictjson says what is wrong with a JSON text and where, in words of
// the text: line and member, never a type of this program. It decodes nothing;
// what it lets through, encoding/json takes.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
)

// Error is a fault of a JSON text.
type Error struct {
	Line   int    // from 1
	Offset int    // bytes before it
	Member string // such as applications[0].aid; empty for the whole text
	Reason string
	Cut    bool  // the text ends in the middle
	Err    error // of the member's own check, or nil
}

func (e *Error) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d: %s: %s", e.Line, e.Member, e.Reason)
}

func (e *Error) Unwrap() error { return e.Err }

// Check walks a text beside a value, which it could fill. Members that the value
// does not know, and members that stand twice, are errors.
func Check(data []byte, v any) error {
	_, err := check(data, v, true)
	return err
}

// CheckKnown is Check for texts of others: it passes over members that the value
// does not know, and returns their names, each once.
func CheckKnown(data []byte, v any) (unknown []string, err error) { return check(data, v, false) }

func check(data []byte, v any, strict bool) ([]string, error) {
	w := walker{data: data, dec: json.NewDecoder(bytes.NewReader(data)), strict: strict}
	w.dec.UseNumber()
	if err := w.value(reflect.TypeOf(v), ""); err != nil {
		return nil, err
	}
	switch _, err := w.dec.Token(); {
	case err == nil:
		return nil, w.fault(w.start(), "", "something follows the end of the JSON text")
	case !errors.Is(err, io.EOF):
		return nil, w.syntax(err)
	}
	return w.unknown, nil
}

type walker struct {
	data    []byte
	dec     *json.Decoder
	strict  bool
	unknown []string
}

// start is where the next token begins.
func (w *walker) start() int {
	at := int(w.dec.InputOffset())
	for at < len(w.data) && strings.IndexByte(" \t\r\n,:", w.data[at]) >= 0 {
		at++
	}
	return at
}

func (w *walker) fault(at int, member, format string, args ...any) *Error {
	at = min(at, len(w.data))
	return &Error{Line: 1 + bytes.Count(w.data[:at], []byte{'\n'}), Offset: at, Member: member, Reason: fmt.Sprintf(format, args...)}
}

// syntax is the decoder's error with its place.
func (w *walker) syntax(err error) error {
	var s *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &s) && s.Offset >= int64(len(w.data)) && !json.Valid(w.data):
		e := w.fault(len(w.data), "", "the text is cut off after %d bytes", len(w.data))
		e.Cut = true
		return e
	case s != nil:
		return w.fault(max(int(s.Offset)-1, w.start()), "", "this is no JSON: %s", strings.TrimPrefix(s.Error(), "json: "))
	}
	return w.fault(int(w.dec.InputOffset()), "", "this is no JSON: %v", err)
}

var (
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType = reflect.TypeFor[json.Unmarshaler]()
)

// value walks one value of a type.
func (w *walker) value(t reflect.Type, member string) error {
	at := w.start()
	token, err := w.dec.Token()
	if err != nil {
		return w.syntax(err)
	}
	for t.Kind() == reflect.Pointer {
		if token == nil {
			return nil
		}
		t = t.Elem()
	}
	pointer := reflect.PointerTo(t)
	switch {
	case pointer.Implements(textType):
		s, ok := token.(string)
		if !ok {
			return w.kind(at, member, "a text", token)
		}
		if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
			return w.own(at, member, err)
		}
		return nil
	case pointer.Implements(jsonType) && t.Kind() != reflect.Struct:
		if err := w.rest(token); err != nil {
			return err
		}
		return w.fits(t, at, member)
	}
	switch t.Kind() {
	case reflect.Interface:
		return w.rest(token)
	case reflect.Struct:
		if token != json.Delim('{') {
			return w.kind(at, member, "an object", token)
		}
		if err := w.object(t, member); err != nil || !pointer.Implements(jsonType) {
			return err
		}
		return w.fits(t, at, member)
	case reflect.Map:
		if token != json.Delim('{') {
			return w.kind(at, member, "an object", token)
		}
		return w.members(member, func(name, member string, _ int) error { return w.value(t.Elem(), member) })
	case reflect.Slice, reflect.Array:
		if token == nil && t.Kind() == reflect.Slice {
			return nil
		}
		if token != json.Delim('[') {
			return w.kind(at, member, "a list", token)
		}
		for n := 0; w.dec.More(); n++ {
			if err := w.value(t.Elem(), fmt.Sprintf("%s[%d]", member, n)); err != nil {
				return err
			}
		}
		return w.end()
	case reflect.String:
		if _, ok := token.(string); !ok {
			return w.kind(at, member, "a text", token)
		}
	case reflect.Bool:
		if _, ok := token.(bool); !ok {
			return w.kind(at, member, "true or false", token)
		}
	default:
		n, ok := token.(json.Number)
		if !ok {
			return w.kind(at, member, "a number", token)
		}
		if err := json.Unmarshal([]byte(n), reflect.New(t).Interface()); err != nil {
			return w.fault(at, member, "%.40s is no number that can stand here: want %s", n, numbers(t))
		}
	}
	return nil
}

// object walks the members of a struct; its brace is read.
func (w *walker) object(t reflect.Type, member string) error {
	known := map[string]reflect.Type{}
	fields(t, known)
	return w.members(member, func(name, path string, at int) error {
		if field, ok := known[name]; ok {
			return w.value(field, path)
		}
		if w.strict {
			return w.fault(at, member, "the member %.60q is not known: it is misspelt, or a newer version of the program wrote it", name)
		}
		if !slices.Contains(w.unknown, name) && len(w.unknown) < maxUnknown {
			w.unknown = append(w.unknown, name)
		}
		return w.skip()
	})
}

const maxUnknown = 20

// members walks an object whose brace is read, and calls each with the next
// token being the member's value.
func (w *walker) members(member string, each func(name, path string, at int) error) error {
	seen := map[string]bool{}
	for w.dec.More() {
		at := w.start()
		token, err := w.dec.Token()
		if err != nil {
			return w.syntax(err)
		}
		name := token.(string) // the decoder takes nothing else here
		path := visible.Text(fmt.Sprintf("%.60s", name))
		if member != "" {
			path = member + "." + path
		}
		if seen[name] {
			return w.fault(at, path, "it stands there twice")
		}
		seen[name] = true
		if err := each(name, path, at); err != nil {
			return err
		}
	}
	return w.end()
}

// end reads the bracket that closes a list or an object.
func (w *walker) end() error {
	if _, err := w.dec.Token(); err != nil {
		return w.syntax(err)
	}
	return nil
}

// skip reads a value of any kind.
func (w *walker) skip() error {
	token, err := w.dec.Token()
	if err != nil {
		return w.syntax(err)
	}
	return w.rest(token)
}

// rest reads what belongs to a token.
func (w *walker) rest(token json.Token) error {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = w.dec.Token(); err != nil {
			return w.syntax(err)
		}
	}
}

// fits lets the type judge a value that was walked.
func (w *walker) fits(t reflect.Type, at int, member string) error {
	if err := json.Unmarshal(w.data[at:w.dec.InputOffset()], reflect.New(t).Interface()); err != nil {
		return w.own(at, member, err)
	}
	return nil
}

// own is an error of the type's own check.
func (w *walker) own(at int, member string, err error) error {
	e := w.fault(at, member, "%v", err)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		e.Reason = "a " + wrong.Value + " cannot stand here"
		return e
	}
	e.Err = err
	return e
}

func (w *walker) kind(at int, member, want string, token json.Token) error {
	have := "null"
	switch token.(type) {
	case string:
		have = "a text"
	case bool:
		have = "true or false"
	case json.Number:
		have = "a number"
	case json.Delim:
		if have = "a list"; token == json.Delim('{') {
			have = "an object"
		}
	}
	return w.fault(at, member, "want %s, have %s", want, have)
}

// fields collects the members of a struct as encoding/json names them. What is
// further out hides what an embedded struct has.
func fields(t reflect.Type, known map[string]reflect.Type) {
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			embedded = append(embedded, inner)
			continue
		case name == "":
			name = f.Name
		}
		if _, hidden := known[name]; !hidden {
			known[name] = f.Type
		}
	}
	for _, t := range embedded {
		fields(t, known)
	}
}

// numbers is the range of an integer type.
func numbers(t reflect.Type) string {
	switch bits := t.Bits(); t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("a whole number, %d to %d", int64(-1)<<(bits-1), uint64(1)<<(bits-1)-1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number, 0 to %d", ^uint64(0)>>(64-bits))
	}
	return "another one"
}
