// Package wellknown has names of DESFire applications that are known by their
// AID, and what the MIFARE Application Directory says of registered ones.
//
// The names were collected by others from cards they met; the sources stand in
// the data file. Anybody can create an application of any AID: a name is a hint
// for people, and proves nothing.
package wellknown

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/go-desfire/desfire/wire"
)

// Entry is what is known of an AID.
type Entry struct {
	AID      wire.AID `json:"aid"`
	Name     string   `json:"name,omitempty"`     // "Clipper"; empty where only Function is known
	Operator string   `json:"operator,omitempty"` // "MTC"
	Place    string   `json:"place,omitempty"`    // "San Francisco"
	Kind     Kind     `json:"kind,omitempty"`
	Function string   `json:"function,omitempty"` // of its cluster in the directory: "multi-modal transit"
	Source   string   `json:"source,omitempty"`   // who says so, names separated by blanks
}

// Kind is what a card with the application is for.
type Kind string

// Kinds. The words are stable.
const (
	Transit    Kind = "transit"
	Access     Kind = "access"
	Campus     Kind = "campus"
	Payment    Kind = "payment"
	Leisure    Kind = "leisure"
	CarSharing Kind = "car sharing"
	NDEF       Kind = "ndef"
	Directory  Kind = "directory"
)

// String is a line for people: "Clipper (MTC, San Francisco)".
func (e Entry) String() string {
	if e.Name == "" {
		return e.Function
	}
	var about []string
	if e.Operator != "" && !strings.EqualFold(e.Operator, e.Name) {
		about = append(about, e.Operator)
	}
	if e.Place != "" {
		about = append(about, e.Place)
	}
	if about == nil {
		return e.Name
	}
	return e.Name + " (" + strings.Join(about, ", ") + ")"
}

// Name is what is known of an AID. One that is registered in the directory and
// not known otherwise has its function only.
func Name(aid wire.AID) (Entry, bool) {
	t := tables()
	i, ok := slices.BinarySearchFunc(t.entries, aid, func(e Entry, aid wire.AID) int { return int(e.AID) - int(aid) })
	if ok {
		return t.entries[i], true
	}
	f, ok := Function(aid)
	if !ok {
		return Entry{AID: aid}, false
	}
	return Entry{AID: aid, Function: f, Source: "AN10787"}, true
}

// Function is what an AID is registered for in the MIFARE Application Directory:
// F, then two digits of function cluster, two of application, and one that the
// owner counts. false for others, and for clusters that nobody has named.
func Function(aid wire.AID) (string, bool) {
	if aid>>20 != 0xF || aid == wire.MaxAID {
		return "", false
	}
	f := tables().clusters[byte(aid>>12)]
	return f, f != ""
}

// Find looks for a name in any case: the entries that are called so, else those
// whose name or operator has words that begin so. In the order of AIDs.
func Find(text string) []Entry {
	want := words(text)
	if len(want) == 0 {
		return nil
	}
	var exact, near []Entry
	for _, e := range tables().entries {
		name := words(e.Name)
		switch {
		case slices.Equal(name, want):
			exact = append(exact, e)
		case begins(name, want), begins(words(e.Operator), want):
			near = append(near, e)
		}
	}
	if exact != nil {
		return exact
	}
	return near
}

// words takes a text apart, in lower case.
func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// begins reports whether some words are part of others, the last as a beginning.
func begins(all, part []string) bool {
	for i := 0; i+len(part) <= len(all); i++ {
		last := len(part) - 1
		if slices.Equal(all[i:i+last], part[:last]) && strings.HasPrefix(all[i+last], part[last]) {
			return true
		}
	}
	return false
}

//go:embed aids.tsv
var aids string

//go:embed clusters.tsv
var clusters string

type data struct {
	entries  []Entry // by AID
	clusters [256]string
}

var tables = sync.OnceValue(func() (t data) {
	for row := range rows(clusters) {
		first, last, ok := strings.Cut(row[0], "-")
		if !ok {
			last = first
		}
		for c := number(first); c <= number(last); c++ {
			t.clusters[c] = row[1]
		}
	}
	for row := range rows(aids) {
		aid := number(row[0])
		e := Entry{AID: wire.AID(aid), Name: row[1], Operator: row[2], Place: row[3], Kind: Kind(row[4]), Source: row[5]}
		if aid>>20 == 0xF && e.AID != wire.MaxAID {
			e.Function = t.clusters[byte(aid>>12)]
		}
		t.entries = append(t.entries, e)
	}
	return t
})
