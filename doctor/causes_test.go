package doctor

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Each cause has a case in which it is found, and each case its words.
func TestCauses(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		t.Run(c.id+"/"+c.name, func(t *testing.T) {
			seen[c.id] = true
			found := examine(t, c.machine, c.config)
			f, ok := found[c.id]
			if !ok {
				t.Fatalf("not found, but %q", slices.Sorted(maps.Keys(found)))
			}
			if !strings.Contains(f.What, c.what) || !strings.Contains(f.Where, c.where) || !strings.Contains(f.Next, c.next) {
				t.Errorf("%q at %q, next %q;\nwant %q at %q, next %q", f.What, f.Where, f.Next, c.what, c.where, c.next)
			}
			if f.Severity != causeOf(c.id).Severity {
				t.Errorf("severity %s", f.Severity)
			}
			for id, other := range found {
				if other.Severity == Bad && id != c.id && !slices.Contains(c.also, id) {
					t.Errorf("it is said to be bad as well: %s: %s (%s)", id, other.What, other.Where)
				}
			}
		})
	}
	ids := map[string]bool{}
	for _, c := range Causes() {
		if ids[c.ID] {
			t.Errorf("two causes are called %s", c.ID)
		}
		ids[c.ID] = true
		if !seen[c.ID] && c.ID != "unseen-slow" { // TestSlow finds it

			t.Errorf("no case finds %s", c.ID)
		}
		if c.Severity == Bad && c.Next == "" && c.ID != "denied" && c.ID != "place-fails" {
			t.Errorf("%s: nothing mends it", c.ID)
		}
		if strings.ContainsAny(c.What+c.Next, "\n\t") {
			t.Errorf("%s: not one line", c.ID)
		}
	}
}

// sample is a machine on which something is wrong.
type sample struct {
	id, name string
	machine  *machine
	config   *Config
	what     string // part of the words
	where    string
	next     string
	also     []string // what else is bad there
}

func cases() []sample {
	return slices.Concat(serviceCases(), readerCases(), cardCases(), portCases(), placeCases())
}

// A line for a shell has nothing in it for people, and what is for people does not
// begin like one.
func TestLines(t *testing.T) {
	for _, c := range Causes() {
		if (Finding{Next: c.Next}).Command() {
			for _, word := range []string{", ", "; if", " then "} {
				if strings.Contains(c.Next, word) && c.ID != "polkit" && c.ID != "modem-manager" {
					t.Errorf("%s: %q has words for people in it", c.ID, c.Next)
				}
			}
		} else if strings.Contains(c.Next, "sudo ") {
			t.Errorf("%s: %q is no line for a shell", c.ID, c.Next)
		}
	}
}
