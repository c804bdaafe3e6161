package yaml_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/perso/yaml"
)

var update = flag.Bool("update", false, "write docs/layout.schema.json")

// The published schema is the one that the program has.
func TestSchemaIsPublished(t *testing.T) {
	path := filepath.Join(vector.Root(t), "docs", "layout.schema.json")
	if *update {
		if err := os.WriteFile(path, yaml.Schema(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, yaml.Schema()) {
		t.Error("docs/layout.schema.json is not current: go test ./perso/yaml -run TestSchemaIsPublished -update")
	}
}

func resolved(t testing.TB) *jsonschema.Resolved {
	t.Helper()
	s := new(jsonschema.Schema)
	if err := json.Unmarshal(yaml.Schema(), s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plain is a layout as an editor sees it.
func plain(t testing.TB, text string) (any, bool) {
	t.Helper()
	n, err := yamlnode.Parse([]byte(text), yamlnode.Words{})
	if err != nil {
		return nil, false
	}
	return n.Plain(), true
}

// layouts are files that Read takes.
func layouts(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"testdata/*.yaml", filepath.Join(vector.Root(t), "examples", "layouts", "*.yaml")} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	if len(all) < 5 {
		t.Fatalf("%d layouts", len(all))
	}
	return all
}

// The schema takes what Read takes, and refuses what it refuses, as far as a schema
// can tell.
func TestSchema(t *testing.T) {
	s := resolved(t)
	for _, name := range layouts(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := yaml.Open(name); err != nil {
			t.Error(err)
		}
		v, ok := plain(t, string(text))
		if !ok {
			t.Fatalf("%s is no YAML", name)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused := 0
	for _, tc := range faults {
		v, ok := plain(t, tc.text)
		if !ok {
			if tc.schema {
				t.Errorf("%s is no YAML", tc.name)
			}
			continue
		}
		if err := s.Validate(v); (err == nil) == tc.schema {
			t.Errorf("%s: the schema says %v", tc.name, err)
		}
		if tc.schema {
			refused++
		}
	}
	if refused < 60 {
		t.Errorf("the schema refuses %d", refused)
	}
}
