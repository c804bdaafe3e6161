// Package vector loads the published test vectors. It is for tests only.
package vector

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// Areas says which package's tests run each area of crypto.json. An area that
// is not here fails the tests, so that nothing is skipped unseen. The areas of
// Pending have no package that runs them yet.
func Areas() map[string]string {
	return map[string]string{
		"crc":             "internal/crc",
		"cmac":            "internal/cmac",
		"lrp-eval":        "internal/lrp",
		"lrp-lricb":       "internal/lrp",
		"lrp-cmac":        "internal/lrp",
		"keytype":         "key",
		"d40-auth":        "internal/securemsg",
		"d40-sm":          "internal/securemsg",
		"d40-negative":    "internal/securemsg",
		"ev1-auth":        "internal/securemsg",
		"ev1-sm":          "internal/securemsg",
		"ev1-changekey":   "internal/securemsg",
		"ev2-auth":        "internal/securemsg",
		"ev2-sm":          "internal/securemsg",
		"lrp-auth":        "internal/securemsg",
		"lrp-sm":          "internal/securemsg",
		"diversification": "an10922",
		"tmac":            "tmac",
		"sdm":             "sdm",
		"sdm-lrp":         "sdm",
		"dam":             "dam",
		"originality":     "originality",
		"proximity":       Pending,
		"duox":            "internal/vector",
	}
}

// Pending marks an area that no package runs yet.
const Pending = ""

// Vector is one entry of crypto.json. Each field must be read by the test, or
// be named as ignored.
type Vector struct {
	ID, Area, Source, Note string

	t      testing.TB
	fields map[string]string
	read   map[string]bool
}

type entry struct {
	ID       string         `json:"id"`
	Area     string         `json:"area"`
	Source   string         `json:"source"`
	Inputs   map[string]any `json:"inputs"`
	Expected map[string]any `json:"expected"`
	Computed map[string]any `json:"computed_intermediate"`
	Note     string         `json:"note"`
}

// Each runs f as a subtest for every vector of the area and fails where f
// leaves a field unread.
func Each(t *testing.T, area string, f func(t *testing.T, v *Vector)) {
	t.Helper()
	for _, v := range Load(t, area) {
		t.Run(v.ID, func(t *testing.T) {
			v.t = t
			f(t, v)
			if t.Failed() {
				return
			}
			for _, name := range slices.Sorted(maps.Keys(v.fields)) {
				if !v.read[name] {
					t.Errorf("field %s of %s was not checked", name, v.ID)
				}
			}
		})
	}
}

// Load returns the vectors of an area.
func Load(t testing.TB, area string) []*Vector {
	t.Helper()
	if _, ok := Areas()[area]; !ok {
		t.Fatalf("unknown area %q", area)
	}
	var vs []*Vector
	for _, e := range entries(t) {
		if e.Area == area {
			vs = append(vs, e.vector(t))
		}
	}
	if len(vs) == 0 {
		t.Fatalf("no vectors of area %q", area)
	}
	return vs
}

func entries(t testing.TB) []entry {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(t), "testdata", "vectors", "crypto.json"))
	if err != nil {
		t.Fatal(err)
	}
	var es []entry
	if err := json.Unmarshal(b, &es); err != nil {
		t.Fatal(err)
	}
	return es
}

func (e entry) vector(t testing.TB) *Vector {
	v := &Vector{ID: e.ID, Area: e.Area, Source: e.Source, Note: e.Note, t: t, fields: map[string]string{}, read: map[string]bool{}}
	for _, m := range []map[string]any{e.Inputs, e.Expected, e.Computed} {
		for name, x := range m {
			text := fmt.Sprint(x)
			if before, twice := v.fields[name]; twice && before != text {
				t.Fatalf("%s: field %s twice", e.ID, name)
			}
			v.fields[name] = text
		}
	}
	return v
}

// Root is the folder of the module.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Has reports whether the vector has the field.
func (v *Vector) Has(name string) bool { _, ok := v.fields[name]; return ok }

// Text is the field as it stands.
func (v *Vector) Text(name string) string {
	v.t.Helper()
	s, ok := v.fields[name]
	if !ok {
		v.t.Fatalf("%s has no field %s", v.ID, name)
	}
	v.read[name] = true
	return s
}

// Hex is the field as bytes.
func (v *Vector) Hex(name string) []byte {
	v.t.Helper()
	b, err := hex.DecodeString(v.Text(name))
	if err != nil {
		v.t.Fatalf("%s: %s: %v", v.ID, name, err)
	}
	return b
}

// HexOr is Hex, or nil where the vector lacks the field.
func (v *Vector) HexOr(name string) []byte {
	v.t.Helper()
	if !v.Has(name) {
		return nil
	}
	return v.Hex(name)
}

// Int is the field as a decimal number.
func (v *Vector) Int(name string) int {
	v.t.Helper()
	n, err := strconv.Atoi(v.Text(name))
	if err != nil {
		v.t.Fatalf("%s: %s: %v", v.ID, name, err)
	}
	return n
}

// Ignore names fields that say nothing to check.
func (v *Vector) Ignore(names ...string) {
	for _, n := range names {
		v.read[n] = true
	}
}
