package pcsc

import (
	"errors"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	f := newFake("A 1", "A 2", "B")
	for _, test := range []struct {
		part, name string
		insert     string
		ready      string // part of why it is not, empty if it is
	}{
		{"", "any PC/SC reader", "", ""},
		{"a", `a PC/SC reader named "a"`, "A 1", ""},
		{"", "any PC/SC reader", "B", "there are 2 cards: A 1, B: leave one there"},
		{"a", `a PC/SC reader named "a"`, "", ""},
		{"C", `a PC/SC reader named "C"`, "", `no reader with "C" in its name: there are: A 1, A 2, B`},
	} {
		if test.insert != "" {
			f.insert(test.insert)
		}
		p := open(&Config{Reader: test.part}, f).place()
		err := p.Ready(t.Context())
		if p.Name != test.name || (err == nil) != (test.ready == "") || err != nil && !strings.Contains(err.Error(), test.ready) {
			t.Errorf("%q: %s, ready %v", test.part, p.Name, err)
		}
	}
	list, err := open(nil, f).place().Readers(t.Context())
	if err != nil || len(list) != 3 || !list[0].Card || list[1].Card || !list[2].Card || list[0].Name != "A 1" || len(list[0].ATR) == 0 || list[1].State == "" {
		t.Errorf("%+v, %v", list, err)
	}
	f.stop(codeNoService)
	if _, err := open(nil, f).place().Readers(t.Context()); !errors.Is(err, ErrNoService) {
		t.Error(err)
	}
}
