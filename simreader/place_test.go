package simreader

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
)

// image makes the image of a card and puts it on a reader.
func image(t *testing.T) (path string, card *sim.Card) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "card.json")
	card, err := sim.New(&sim.Config{Store: sim.File(path).HeldBy("desfire drain")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { card.Close() })
	return path, card
}

// parse makes the place of an image.
func parse(t *testing.T, path string) (*place.Place, error) {
	t.Helper()
	return place.Parse("sim:"+path, place.Schemes{Scheme(func(file string) (*sim.Card, error) {
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
		card, err := sim.New(&sim.Config{Store: sim.File(file)})
		if err == nil {
			t.Cleanup(func() { card.Close() })
		}
		return card, err
	})})
}

func TestPlaceWaitsForAnImage(t *testing.T) { synctest.Test(t, placeWaitsForAnImage) }

func placeWaitsForAnImage(t *testing.T) {
	path, holder := image(t)
	p, err := parse(t, path)
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	w := &place.Wait{Limit: 600 * time.Millisecond, OnWait: func(why error) { told = append(told, why) }}
	_, _, err = p.Open(t.Context(), w)
	var used *place.InUseError
	want := fmt.Sprintf("lies on another reader (desfire drain, pid %d)", os.Getpid())
	if !errors.As(err, &used) || !strings.Contains(err.Error(), want) || errors.As(err, new(*sim.LockedError)) == false {
		t.Errorf("%v, want %s", err, want)
	}
	if len(told) != 1 || !strings.Contains(told[0].Error(), want) {
		t.Errorf("told %q", told)
	}
	if err := p.Ready(t.Context()); !place.InUse(err) {
		t.Errorf("Ready: %v", err)
	}
	if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || list[0].Card || !strings.Contains(list[0].State, want) {
		t.Errorf("%+v, %v", list, err)
	}

	time.AfterFunc(50*time.Millisecond, holder.Lift)
	w.Limit = 0
	tr, reader, err := p.Open(t.Context(), w)
	if err != nil || reader != "sim:"+path {
		t.Fatalf("%q, %v", reader, err)
	}
	if _, err := tr.Transmit(t.Context(), []byte{0x60}); err != nil {
		t.Error(err)
	}
	if err := holder.Return(); !place.InUse(err) {
		t.Errorf("the image is not held by the place: %v", err)
	}
	if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || !list[0].Card {
		t.Errorf("%+v, %v", list, err)
	}
}

// What no waiting mends is told at once, also when it is found out later.
func TestPlaceDoesNotWaitForABadImage(t *testing.T) { synctest.Test(t, placeDoesNotWaitForABadImage) }

func placeDoesNotWaitForABadImage(t *testing.T) {
	if _, err := parse(t, filepath.Join(t.TempDir(), "none.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no image: %v", err)
	}
	path, holder := image(t)
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t, bad); err == nil || place.InUse(err) {
		t.Errorf("damaged image: %v", err)
	}
	p, err := parse(t, path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() {
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Error(err)
		}
		holder.Lift()
	})
	_, _, err = p.Open(t.Context(), &place.Wait{Limit: time.Minute})
	if err == nil || place.InUse(err) || errors.As(err, new(*place.NoCardError)) {
		t.Errorf("damaged meanwhile: %v", err)
	}
}

func TestPlaceWaitsForALiftedCard(t *testing.T) { synctest.Test(t, placeWaitsForALiftedCard) }

func placeWaitsForALiftedCard(t *testing.T) {
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := place.Parse("sim:", place.Schemes{Scheme(func(string) (*sim.Card, error) { return card, nil })})
	if err != nil {
		t.Fatal(err)
	}
	card.Lift()
	_, _, err = p.Open(t.Context(), &place.Wait{Limit: 50 * time.Millisecond})
	if !errors.As(err, new(*place.NoCardError)) {
		t.Error(err)
	}
	if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || list[0].Card {
		t.Errorf("%+v, %v", list, err)
	}
	time.AfterFunc(50*time.Millisecond, func() { card.Return() })
	if _, _, err := p.Open(t.Context(), nil); err != nil {
		t.Error(err)
	}
	kinds := []desfire.EventKind{desfire.ReaderAdded, desfire.CardInserted, desfire.CardRemoved}
	for ev, err := range p.Events(t.Context()) {
		if err != nil || ev.Kind != kinds[0] {
			t.Fatalf("%v, %v, want %v", ev.Kind, err, kinds[0])
		}
		if kinds = kinds[1:]; len(kinds) == 0 {
			break
		}
		if ev.Kind == desfire.CardInserted {
			card.Lift()
		}
	}
}
