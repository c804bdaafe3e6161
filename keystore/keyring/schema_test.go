package keyring_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// The published schema takes what Open takes and refuses what it refuses, as far
// as a schema can tell.
func TestSchema(t *testing.T) {
	s := loadSchema(t)
	for _, name := range []string{"campus.yaml", "small.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.check(t, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := keyring.Open("testdata/small.json", nil); err != nil {
		t.Error(err)
	}
	refused := 0
	for _, tc := range faults {
		if !tc.schema {
			continue
		}
		refused++
		if s.check(t, tc.text) == nil {
			t.Errorf("%s: the schema takes it", tc.name)
		}
	}
	if refused < 20 {
		t.Errorf("the schema was asked %d times", refused)
	}
}

// Roles, types and members are the same in the schema and in Go.
func TestSchemaNames(t *testing.T) {
	s := loadSchema(t)
	defs := s.root["$defs"].(map[string]any)
	var roles []string
	for r := keystore.Role(1); !strings.HasPrefix(r.String(), "Role("); r++ {
		roles = append(roles, r.String())
	}
	names := defs["keys"].(map[string]any)["propertyNames"].(map[string]any)["anyOf"].([]any)
	if have := texts(names[1].(map[string]any)["enum"]); !slices.Equal(have, roles) {
		t.Errorf("roles %q, want %q", have, roles)
	}
	types := texts(defs["made"].(map[string]any)["properties"].(map[string]any)["type"].(map[string]any)["enum"])
	for i, name := range types {
		if kt, err := key.ParseType(name); err != nil || kt != key.Type(i) {
			t.Errorf("type %s: %v, %v", name, kt, err)
		}
	}
	if len(types) != 4 {
		t.Errorf("types %q", types)
	}
}

func texts(x any) (out []string) {
	for _, s := range x.([]any) {
		out = append(out, s.(string))
	}
	return out
}

// schema is as much of JSON Schema as ours uses; other words in it are an error.
type schema struct{ root map[string]any }

func loadSchema(t *testing.T) *schema {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vector.Root(t), "docs", "keyring.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := new(schema)
	if err := json.Unmarshal(b, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *schema) check(t *testing.T, text string) error {
	t.Helper()
	v, err := keyring.Plain(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.valid(t, s.root, v)
}

func (s *schema) valid(t *testing.T, rule map[string]any, v any) error {
	members, isObject := v.(map[string]any)
	list, isList := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	sub := func(x any) map[string]any { return x.(map[string]any) }
	for word, want := range rule {
		var err error
		switch word {
		case "$schema", "$id", "$defs", "title", "description":
		case "$ref":
			def := s.root["$defs"].(map[string]any)[strings.TrimPrefix(want.(string), "#/$defs/")]
			err = s.valid(t, sub(def), v)
		case "type":
			kinds, ok := want.([]any)
			if !ok {
				kinds = []any{want}
			}
			have := []bool{isObject, isList, isText, isNumber && number == math.Trunc(number), v == nil, v == true || v == false}
			ok = false
			for i, kind := range []string{"object", "array", "string", "integer", "null", "boolean"} {
				ok = ok || have[i] && slices.Contains(kinds, any(kind))
			}
			if !ok {
				err = fmt.Errorf("%T is no %v", v, want)
			}
		case "const":
			if v != want {
				err = fmt.Errorf("is not %v", want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				err = fmt.Errorf("%v is none of %v", v, want)
			}
		case "pattern":
			if isText && !regexp.MustCompile(want.(string)).MatchString(text) {
				err = fmt.Errorf("text of %d characters does not match %v", utf8.RuneCountInString(text), want)
			}
		case "minimum", "maximum":
			if n, _ := want.(float64); isNumber && (word == "minimum" && number < n || word == "maximum" && number > n) {
				err = fmt.Errorf("%v is beyond the %s", v, word)
			}
		case "minItems", "maxItems":
			if n, _ := want.(float64); isList && (word == "minItems" && len(list) < int(n) || word == "maxItems" && len(list) > int(n)) {
				err = fmt.Errorf("%d items", len(list))
			}
		case "minProperties":
			if n, _ := want.(float64); isObject && len(members) < int(n) {
				err = fmt.Errorf("%d members", len(members))
			}
		case "required":
			for _, r := range want.([]any) {
				if _, ok := members[r.(string)]; isObject && !ok {
					err = fmt.Errorf("%v is missing", r)
				}
			}
		case "propertyNames":
			for k := range members {
				if e := s.valid(t, sub(want), k); e != nil {
					err = e
				}
			}
		case "items":
			for _, x := range list {
				if e := s.valid(t, sub(want), x); e != nil {
					err = e
				}
			}
		case "properties":
			for k, r := range sub(want) {
				if x, ok := members[k]; ok {
					if e := s.valid(t, sub(r), x); e != nil {
						err = fmt.Errorf("%s: %w", k, e)
					}
				}
			}
		case "additionalProperties":
			props, _ := rule["properties"].(map[string]any)
			for k, x := range members {
				if _, ok := props[k]; ok {
					continue
				}
				if r, ok := want.(map[string]any); ok {
					if e := s.valid(t, r, x); e != nil {
						err = fmt.Errorf("%s: %w", k, e)
					}
				} else if want == false {
					err = fmt.Errorf("%s is not known", k)
				}
			}
		case "anyOf":
			for _, r := range want.([]any) {
				if err = s.valid(t, sub(r), v); err == nil {
					break
				}
			}
		default:
			t.Fatalf("the schema says %s, which this test does not know", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
