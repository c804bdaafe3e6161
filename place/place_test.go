package place

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
)

// script is a source that reports what it holds and then waits for the end.
type script []desfire.Event

func (s script) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for _, ev := range s {
			if !yield(ev, ev.Err) {
				return
			}
		}
		<-ctx.Done()
	}
}

type link struct{}

func (link) Transmit(context.Context, []byte) ([]byte, error) { return nil, errors.New("unused") }

type gone struct{ error }

func (gone) Removed() bool { return true }

func opens(context.Context) (desfire.Transport, error) { return link{}, nil }

func TestParse(t *testing.T) {
	mine := errors.New("no library")
	var got string
	open := func(address string) (*Place, error) {
		switch address {
		case "bad":
			return nil, ErrAddress
		case "broken":
			return nil, mine
		}
		got = address
		return &Place{Name: "at " + address}, nil
	}
	schemes := Schemes{
		{Name: "any", Forms: []string{"any", "any:PART"}, Open: open},
		{Name: "net", Forms: []string{"net:HOST:PORT"}, Open: open},
	}
	for spec, want := range map[string]string{
		"any": "", "any:": "", "any:A B": "A B", "net:h:1": "h:1", "net:": "",
	} {
		p, err := Parse(spec, schemes)
		if err != nil || got != want || p.Name != "at "+want {
			t.Errorf("%q: %v, %v, opened %q", spec, p, err, got)
		}
	}
	for spec, want := range map[string]string{
		"usb":     "usb: want any, any:PART or net:HOST:PORT",
		"":        ": want any, any:PART or net:HOST:PORT",
		"Any":     "Any: want any, any:PART or net:HOST:PORT",
		"net":     "net: want net:HOST:PORT",
		"net:bad": "net:bad: want net:HOST:PORT",
		"any:bad": "any:bad: want any or any:PART",
	} {
		_, err := Parse(spec, schemes)
		var e *SpecError
		if !errors.As(err, &e) || e.Error() != want || errors.Is(err, ErrAddress) == strings.Contains(want, "any, any") {
			t.Errorf("%q: %v, want %s", spec, err, want)
		}
	}
	if _, err := Parse("net:broken", schemes); err != mine {
		t.Error(err)
	}
	if _, err := Parse("x", nil); err == nil || !strings.Contains(err.Error(), "no schemes") {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	mine := errors.New("mine")
	inserted := desfire.Event{Kind: desfire.CardInserted, Reader: "a", Open: opens}
	blinks := desfire.Event{Kind: desfire.CardInserted, Reader: "b", Open: func(context.Context) (desfire.Transport, error) { return nil, gone{mine} }}
	busy := desfire.Event{Kind: desfire.CardInserted, Reader: "c", Open: func(context.Context) (desfire.Transport, error) { return nil, mine }}
	contact := desfire.Event{Kind: desfire.CardInserted, Reader: "d", Ignored: "a contact card"}
	for name, test := range map[string]struct {
		place  Place
		reader string
		want   error // nil: a connection
	}{
		"first card":        {Place{Source: script{{Kind: desfire.ReaderAdded, Reader: "a"}, contact, inserted, busy}}, "a", nil},
		"left meanwhile":    {Place{Source: script{blinks, inserted}}, "a", nil},
		"cannot be opened":  {Place{Source: script{busy, inserted}}, "c", mine},
		"end of the source": {Place{Source: script{{Err: mine}}}, "", mine},
		"no card":           {Place{Source: script{contact}, Name: "here"}, "", &NoCardError{Place: "here", Limit: time.Minute, Reader: "d", Ignored: "a contact card"}},
		"not ready":         {Place{Source: script{inserted}, Ready: func(context.Context) error { return mine }}, "", mine},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events []string
				tr, reader, err := test.place.Open(t.Context(), &Wait{Limit: time.Minute, OnEvent: func(ev desfire.Event) { events = append(events, ev.Reader) }})
				var none *NoCardError
				switch {
				case test.want == nil && (err != nil || tr != link{}):
					t.Errorf("%v, %v", tr, err)
				case errors.As(test.want, new(*NoCardError)):
					if !errors.As(err, &none) || !reflect.DeepEqual(none, test.want) || !strings.Contains(none.Error(), "d is left out: a contact card") {
						t.Error(err)
					}
				case !errors.Is(err, test.want):
					t.Error(err)
				}
				if reader != test.reader {
					t.Errorf("reader %q, want %q", reader, test.reader)
				}
				if name == "first card" && !slices.Equal(events, []string{"a", "d", "a"}) {
					t.Errorf("events of %q", events)
				}
			})
		})
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &Place{Source: script{{Kind: desfire.ReaderAdded}}}
	if _, _, err := p.Open(ctx, &Wait{OnEvent: func(desfire.Event) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReaders(t *testing.T) {
	p := &Place{Source: script{{Kind: desfire.ReaderAdded, Reader: "a"}, {Kind: desfire.CardInserted, Reader: "b", ATR: []byte{0x3B}}}}
	got, err := p.Readers(t.Context())
	if err != nil || len(got) != 1 || got[0].Name != "b" || !got[0].Card || len(got[0].ATR) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	p.List = func(context.Context) ([]Reader, error) { return []Reader{{Name: "x"}, {Name: "y"}}, nil }
	if got, err = p.Readers(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	mine := errors.New("mine")
	p = &Place{Source: script{{Err: mine}}}
	if _, err = p.Readers(t.Context()); !errors.Is(err, mine) {
		t.Error(err)
	}
}
