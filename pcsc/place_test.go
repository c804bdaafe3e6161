package pcsc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
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

func TestPlaceChooses(t *testing.T) {
	f := newFake("A", "B", "C SAM")
	for _, reader := range []string{"A", "B", "C SAM"} {
		f.insert(reader)
	}
	p := open(nil, f).place()
	want := ""
	identify := func(ctx context.Context, tr desfire.Transport, reader string) (string, bool, error) {
		_, err := tr.Transmit(ctx, []byte{0x90, 0x60, 0, 0, 0})
		return "the card of " + reader, want == "" || reader == want, err
	}
	for _, test := range []struct {
		want, reader, err string
		wait              place.Wait
	}{
		{"", "A", "", place.Wait{}},
		{"", "", "there are 2 cards: A, B: leave one there", place.Wait{Alone: true}},
		{"B", "B", "", place.Wait{Alone: true, Identify: identify}},
		{"", "", "there are 2 cards: A: the card of A, B: the card of B: leave one there", place.Wait{Alone: true, Identify: identify}},
		{"C", "", "seen: A: the card of A, B: the card of B", place.Wait{Limit: 500 * time.Millisecond, Identify: identify}},
	} {
		want = test.want
		tr, reader, err := p.Open(t.Context(), &test.wait)
		if reader != test.reader || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: %q, %v", test, reader, err)
		}
		if tr != nil {
			if _, err := tr.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
				t.Error(err)
			}
			tr.(*Conn).Close()
		}
		if test.want == "B" && !strings.Contains(f.calls(), "reconnect 1") {
			t.Errorf("the card was not reset: %s", f.calls())
		}
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		contexts, cards := f.open()
		if contexts == 0 && cards == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d contexts and %d cards are left", contexts, cards)
		}
	}
}

// Another program that has the card is waited for, too.
func TestPlaceWaitsForOthers(t *testing.T) {
	f := newFake("A")
	f.insert("A")
	f.do(func() { f.reader("A").share = []uint32{shareExclusive} })
	p := open(nil, f).place()
	var used *place.InUseError
	if _, _, err := p.Open(t.Context(), &place.Wait{Limit: time.Second}); !errors.As(err, &used) || used.Reader != "A" || !errors.Is(err, ErrReaderBusy) {
		t.Error(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { f.do(func() { f.reader("A").share = nil }) })
	tr, reader, err := p.Open(t.Context(), nil)
	if err != nil || reader != "A" {
		t.Fatal(reader, err)
	}
	tr.(*Conn).Close()
}
