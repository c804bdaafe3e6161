package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/google/jsonschema-go/jsonschema"
)

// schemaPath is the schema of what is printed with --json.
func schemaPath() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "docs", "output.schema.json")
}

// outputSchemas makes a schema of each type in outputs.
func outputSchemas() (map[string]*jsonschema.Schema, error) {
	special := map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[inspect.KeyList](): {Type: "array", Items: &jsonschema.Schema{Type: "integer"}},
		reflect.TypeFor[[]dataObject]():    {Type: "array", Items: &jsonschema.Schema{Type: "object", Required: []string{"tag"}}}, // they hold themselves
		reflect.TypeFor[json.RawMessage](): {},
	}
	for _, o := range outputs {
		textsIn(reflect.TypeOf(o.value), special)
	}
	all := map[string]*jsonschema.Schema{}
	for _, o := range outputs {
		s, err := jsonschema.ForType(reflect.TypeOf(o.value), &jsonschema.ForOptions{TypeSchemas: special})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		s.Description = o.what
		s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return slices.Contains(perhaps(reflect.TypeOf(o.value)), name) })
		all[o.name] = s
	}
	return all, nil
}

// perhaps are the members of what is embedded by a pointer, which may be nil.
func perhaps(t reflect.Type) (names []string) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Type.Kind() == reflect.Pointer {
			for j := range f.Type.Elem().NumField() {
				name, _, _ := strings.Cut(f.Type.Elem().Field(j).Tag.Get("json"), ",")
				names = append(names, name)
			}
		}
	}
	return names
}

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// textTypes finds the types that are text in JSON.
func textTypes(t reflect.Type, found map[reflect.Type]*jsonschema.Schema, seen map[reflect.Type]bool) {
	if seen[t] || found[t] != nil {
		return
	}
	seen[t] = true
	if t.Kind() != reflect.Pointer && (t.Implements(textMarshaler) || reflect.PointerTo(t).Implements(textMarshaler)) {
		found[t] = &jsonschema.Schema{Type: "string"}
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		textTypes(t.Elem(), found, seen)
	case reflect.Struct:
		for i := range t.NumField() {
			textTypes(t.Field(i).Type, found, seen)
		}
	}
}

func textsIn(t reflect.Type, found map[reflect.Type]*jsonschema.Schema) {
	textTypes(t, found, map[reflect.Type]bool{})
}

// TestSchema keeps docs/output.schema.json current.
func TestSchema(t *testing.T) {
	defs, err := outputSchemas()
	if err != nil {
		t.Fatal(err)
	}
	root := &jsonschema.Schema{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		Title:  "What desfire prints with --json, one object a line",
		Defs:   defs,
	}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		root.AnyOf = append(root.AnyOf, &jsonschema.Schema{Ref: "#/$defs/" + name})
	}
	if _, err := root.CloneSchemas().Resolve(nil); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(schemaPath(), want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaPath())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/output.schema.json is not current: go test ./cmd/desfire -run TestSchema -update (%v)", err)
	}
}

// The same thing has the same name everywhere, and every object has the card
// where there is one.
func TestNamesInOutputs(t *testing.T) {
	for _, o := range outputs {
		defs, err := outputSchemas()
		if err != nil {
			t.Fatal(err)
		}
		for name := range defs[o.name].Properties {
			if name == "card" && o.name != "selftest-report" && o.name != "report" || name == "app" || name == "aids" || name == "error" && o.name != "error" || strings.ToLower(name) != name || strings.Contains(name, "-") {
				t.Errorf("%s has a member named %s", o.name, name)
			}
		}
	}
}

var committed struct {
	sync.Mutex
	root     *jsonschema.Schema
	resolved map[string]*jsonschema.Resolved
}

// resolvedSchema is a schema of the committed file.
func resolvedSchema(name string) (*jsonschema.Resolved, error) {
	committed.Lock()
	defer committed.Unlock()
	if committed.root == nil {
		text, err := os.ReadFile(schemaPath())
		if err != nil {
			return nil, err
		}
		committed.root, committed.resolved = new(jsonschema.Schema), map[string]*jsonschema.Resolved{}
		if err := json.Unmarshal(text, committed.root); err != nil {
			return nil, err
		}
	}
	if r := committed.resolved[name]; r != nil {
		return r, nil
	}
	def := committed.root.Defs[name]
	if def == nil {
		return nil, fmt.Errorf("it has no %s", name)
	}
	r, err := def.Resolve(nil)
	if err == nil {
		committed.resolved[name] = r
	}
	return r, err
}

// checkSchema ends the program if it prints an object that its schema does not
// allow: every script is a test of the schema.
func checkSchema(v any, line []byte) {
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fail := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "docs/output.schema.json: "+format+"\n", args...)
		os.Exit(99)
	}
	for _, o := range outputs {
		if reflect.TypeOf(o.value) != t {
			continue
		}
		resolved, err := resolvedSchema(o.name)
		if err != nil {
			fail("%v", err)
		}
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			fail("%v: %s", err, line)
		}
		if err := resolved.Validate(object); err != nil {
			fail("%s: %v: %s", o.name, err, line)
		}
		return
	}
	fail("no schema for %v: add it to outputs_test.go", t)
}
