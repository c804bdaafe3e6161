package wire_test

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// A set of vectors is too weak if it would not notice that two neighbouring
// fields of the same size are swapped, or that a number is written the wrong way
// round. The layouts' own field positions say where fields are.
func TestVectorsAreStrong(t *testing.T) {
	noticed := map[string]bool{}
	for _, v := range loadVectors(t) {
		var c wire.Coder
		fields, err := c.Explain(v.Encoded, v.New())
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		for mistake, seen := range mistakes(v.Encoded, fields) {
			mistake = layoutName(v) + ": " + mistake
			noticed[mistake] = noticed[mistake] || seen
		}
	}
	for mistake, seen := range noticed {
		if !seen {
			t.Errorf("no vector would notice %s", mistake)
		}
	}
	if len(noticed) < 150 {
		t.Errorf("only %d mistakes tried", len(noticed))
	}
}

var index = regexp.MustCompile(`\[\d+\]`)

// mistakes lists what could be confused in a message, and whether the bytes
// would change.
func mistakes(e wire.Encoded, fields []wire.Field) map[string]bool {
	m := map[string]bool{}
	add := func(what string, seen bool) { m[what] = m[what] || seen }
	for i, f := range fields {
		name := index.ReplaceAllString(f.Name, "")
		if f.Offset < 0 {
			if i+1 < len(fields) && fields[i+1].Offset < 0 && fields[i+1].Name != "Le" {
				add(name+" and "+fields[i+1].Name+" swapped", e.P1 != e.P2)
			}
			continue
		}
		own := e.Bytes[f.Offset : f.Offset+f.Len]
		if f.Number && f.Len > 1 {
			reversed := slices.Clone(own)
			slices.Reverse(reversed)
			add(name+" reversed", !bytes.Equal(own, reversed))
		}
		if i+1 == len(fields) {
			continue
		}
		next := fields[i+1]
		nextName := index.ReplaceAllString(next.Name, "")
		if next.Offset == f.Offset+f.Len && next.Len == f.Len && next.Number == f.Number && nextName != name {
			add(name+" and "+nextName+" swapped", !bytes.Equal(own, e.Bytes[next.Offset:next.Offset+next.Len]))
		}
	}
	return m
}

// The strength test itself must find a weak vector.
func TestStrengthTestFindsWeakVectors(t *testing.T) {
	var c wire.Coder
	e := wire.Encoded{Bytes: []byte{0, 0, 0, 0, 0, 0, 0}, Le: -1}
	fields, err := c.Explain(e, new(wire.ReadData))
	if err != nil {
		t.Fatal(err)
	}
	for mistake, seen := range mistakes(e, fields) {
		if seen {
			t.Errorf("noticed %s in zeros", mistake)
		}
	}
	if n := len(mistakes(e, fields)); n != 3 {
		t.Errorf("%d mistakes, want Offset reversed, Length reversed, both swapped", n)
	}
}
