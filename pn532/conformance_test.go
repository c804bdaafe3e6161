package pn532

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/transporttest"
)

// open connects to the card of a reader.
func openCard(t testing.TB, r *Reader) *Conn {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for ev, err := range r.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == desfire.CardInserted {
			tr, err := ev.Open(t.Context())
			if e := (*Error)(nil); errors.As(err, &e) && e.Removed() {
				continue // it will be reported again
			}
			if err != nil {
				t.Fatal(err)
			}
			return tr.(*Conn)
		}
	}
	t.Fatal("no card")
	return nil
}

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		f := newFake(present)
		r := f.reader(nil)
		c := openCard(t, r)
		t.Cleanup(func() {
			c.Close()
			r.Close()
		})
		return c
	}, nil)
}
