package simreader

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// FuzzPlace makes the place that a word names, and lets the card leave and come
// back there. A word names a place exactly if it begins as one; Open finds the card
// exactly if it lies there in time, and it is that card; each time that it is
// presented it is served once.
func FuzzPlace(f *testing.F) {
	for i, word := range []string{"sim:", "sim:", "sim:card.json", "sim:a:b", "sim", "sim:bad", "pcsc:x", "", ":", "none", "sim:busy"} {
		for how := range byte(8) {
			f.Add(word, how|byte(i)<<3, []byte{how, 1, 5, byte(i), 90, 30})
		}
	}
	f.Fuzz(func(t *testing.T, word string, how byte, moves []byte) {
		if len(moves) > 12 {
			return
		}
		synctest.Test(t, func(t *testing.T) { playPlace(t, word, how, moves) })
	})
}

// inUse is the error of a card that lies elsewhere.
type inUse struct{}

func (inUse) Error() string { return "on another reader" }
func (inUse) InUse() bool   { return true }

func playPlace(t *testing.T, word string, how byte, moves []byte) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bad := errors.New("a damaged image")
	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	loads := 0
	schemes := place.Schemes{Scheme(func(file string) (*sim.Card, error) {
		loads++
		switch {
		case file == "bad":
			return nil, bad
		case file == "busy" && loads < 4:
			return nil, inUse{}
		}
		return card, nil
	}), {Name: "none", Forms: []string{"none"}, Open: func(string) (*place.Place, error) { return nil, place.ErrAddress }}}
	p, err := place.Parse(word, schemes)
	var spec *place.SpecError
	switch named := strings.HasPrefix(word, "sim:"); {
	case word == "sim:bad":
		if !errors.Is(err, bad) {
			t.Errorf("%q: %v", word, err)
		}
		return
	case named != (err == nil), err != nil && (!errors.As(err, &spec) || spec.Spec != word || !strings.HasPrefix(err.Error(), word)):
		t.Fatalf("%q: %v", word, err)
	case err != nil:
		return
	}
	if p.Name != word || !p.Fixed {
		t.Errorf("%q is %q, fixed %v", word, p.Name, p.Fixed)
	}
	here, busy := true, word == "sim:busy"
	if how&1 != 0 && !busy {
		card.Lift()
		here = false
	}
	list, err := p.Readers(ctx)
	if err != nil || len(list) != 1 || list[0].Card != (here && !busy) || list[0].State == "" {
		t.Errorf("readers %+v, %v", list, err)
	}
	back := make(chan struct{})
	returns := how&2 != 0
	go func() {
		defer close(back)
		time.Sleep(2 * time.Second)
		if returns {
			_ = card.Return()
		}
	}()
	told := 0
	w := &place.Wait{Limit: 5 * time.Second, Alone: how&4 != 0, OnWait: func(error) { told++ }, OnEvent: func(desfire.Event) {}}
	wanted := how&8 == 0
	if how&0x18 != 0 {
		w.Identify = func(ctx context.Context, tr desfire.Transport, reader string) (string, bool, error) {
			c, err := desfire.Connect(ctx, tr, nil)
			if err != nil {
				return "", false, err
			}
			return c.String(), wanted, nil
		}
	}
	tr, reader, err := p.Open(ctx, w)
	switch found := (here || returns) && wanted; {
	case found != (err == nil):
		t.Fatalf("%q, here %v, returns %v, wanted %v: %v", word, here, returns, wanted, err)
	case err != nil && (!errors.As(err, new(*place.NoCardError)) || !strings.Contains(err.Error(), word)):
		t.Errorf("%v", err)
	case err == nil:
		c, err := desfire.Connect(ctx, tr, nil)
		if err != nil || reader != word || !bytes.Equal(c.UID(), card.UID()) {
			t.Fatalf("on %q: %v, %v", reader, c, err)
		}
		c.Close()
	}
	if !here && told == 0 {
		t.Error("nobody was told of a long wait")
	}
	<-back

	r := New(word, card)
	if how&0x20 != 0 {
		r.Relay = &new(sim.Faults).Relay
	}
	presented := 1
	go func() {
		for i, m := range moves {
			time.Sleep(time.Second + time.Duration(m)*time.Millisecond)
			if r.Toggle() != (i%2 == 1) {
				t.Error("Toggle does not tell where the card is")
			}
			if i%2 == 1 {
				presented++
			}
		}
		time.Sleep(time.Minute)
		cancel()
	}()
	served := 0
	err = nil
	serve := func(ctx context.Context, c *desfire.Card) {
		served++
		if !bytes.Equal(c.UID(), card.UID()) || c.Reader() != word {
			t.Errorf("%v on %q is served", c, c.Reader())
		}
	}
	switch how >> 6 {
	case 0:
		err = desfire.Serve(ctx, r, nil, serve)
	case 1, 2:
		for c, err := range desfire.Cards(ctx, r, nil) {
			if err == nil {
				serve(ctx, c)
			}
		}
	default:
		err = desfire.Keep(ctx, r, &desfire.KeepConfig{Every: time.Second}, func(ctx context.Context, c *desfire.Card) (bool, error) {
			_, err := c.FreeMemory(ctx)
			return false, err
		})
		served = presented
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("serving: %v", err)
	}
	if served != presented {
		t.Errorf("presented %d times, served %d times", presented, served)
	}
	if _, err := r.Open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Open after the end: %v", err)
	}
	if _, err := r.Activate(t.Context()); (err == nil) != card.InField() {
		t.Errorf("Activate: %v, in the field %v", err, card.InField())
	}
}
