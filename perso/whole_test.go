package perso_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// whole is all exchanges and not a sample: make matrix.
var whole = os.Getenv("DESFIRE_WHOLE") != ""

// wholeCase is a layout that is applied to a new card by processes that die.
type wholeCase struct {
	name   string
	g      wire.Generation
	layout *perso.Layout
	keys   keystore.Map
}

func wholeCases(t testing.TB) []wholeCase {
	list := []wholeCase{
		{name: "campus EV2", g: wire.EV2, layout: campusCard(t, wire.EV2)},
		{name: "campus EV3", g: wire.EV3, layout: campusCard(t, wire.EV3)},
		{name: "transit EV3", g: wire.EV3, layout: transitCard(t)},
		{name: "tag EV3", g: wire.EV3, layout: tagCard(t, wire.EV3)},
		{name: "tag NTAG424", g: wire.NTAG424, layout: tagCard(t, wire.NTAG424)},
	}
	for i := range list {
		list[i].keys = keysOfCard(t, list[i].layout)
	}
	l, keys := delegating(t)
	list = append(list, wholeCase{"delegated EV2", wire.EV2, l, keys})
	l, keys = lightCard(t, 5, 1)
	l.Card = &perso.Level{Options: []perso.Option{option(t, perso.OptionRandomUID, "")}}
	return append(list, wholeCase{"purse Light", wire.Light, l, keys})
}

// process is one run of a program that knows nothing but layout, keys, and the journal
// on disk.
func (c *wholeCase) process(t testing.TB, air *torn, journal string) error {
	return c.processOn(t, air, journal)
}

func (c *wholeCase) processOn(t testing.TB, air desfire.Transport, journal string) error {
	ctx := context.Background()
	j, err := rekey.OpenJournal(journal)
	if err != nil {
		return err
	}
	defer j.Close()
	conf := &perso.Config{Want: c.keys, Journal: j, Irreversible: perso.Irreversible()}
	card, err := desfire.Connect(ctx, air, nil)
	if err != nil {
		return err
	}
	p, err := perso.Apply(ctx, card, c.layout, conf)
	if err == nil && len(p.Impossible)+len(p.Held) > 0 {
		return fmt.Errorf("impossible %v, held %v", p.Impossible, p.Held)
	}
	return err
}

// verify is the end of a card: compared, each key proved, nothing left open.
func (c *wholeCase) verify(t testing.TB, picc *sim.Card, journal string) error {
	list, err := perso.Verify(context.Background(), connect(t, picc), c.layout, &perso.Config{Want: c.keys})
	if err != nil {
		return err
	}
	if perso.Differs(list) {
		return fmt.Errorf("differences: %v", list)
	}
	entries, _, err := rekey.ReadJournal(journal)
	if err != nil {
		return err
	}
	for i, open := range rekey.OpenEntries(entries) {
		if open {
			return fmt.Errorf("the journal left open: %+v", entries[i])
		}
	}
	return nil
}

// imageText is the memory of a card with its keys, without what counts attempts.
func imageText(picc *sim.Card) string {
	i := picc.Image()
	for k := range i.Keys {
		i.Keys[k].Failures = nil
	}
	return string(i.Encode())
}

// differsAt is where two images differ.
func differsAt(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %s instead of %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines instead of %d", len(a), len(b))
}

// TestWholeTorn cuts each exchange of a card's making, before the command reaches it
// and before its answer is back. Another process, which knows nothing but layout, keys
// and the journal on disk, goes on; some of those die as well. The card must end in
// the same memory as one that was never torn, keys included. Not under make matrix it
// is a sample.
func TestWholeTorn(t *testing.T) {
	for _, c := range wholeCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			picc := newPICC(t, c.g)
			air := &torn{Activation: picc.Present()}
			if err := errors.Join(c.process(t, air, filepath.Join(dir, "untorn")), c.verify(t, picc, filepath.Join(dir, "untorn"))); err != nil {
				t.Fatal(err)
			}
			want := imageText(picc)
			step := 1
			if !whole {
				step = air.seen/8 + 1
			}
			if testing.Short() && !whole {
				step *= 3
			}
			cuts := 0
			for at := 1; at <= air.seen; at += step {
				for _, after := range []bool{false, true} {
					cuts++
					if err := c.tear(t, at, after, filepath.Join(dir, fmt.Sprint(at, after)), want); err != nil {
						t.Errorf("exchange %d of %d, after %v: %v", at, air.seen, after, err)
					}
				}
			}
			t.Logf("%d exchanges, torn at %d points", air.seen, cuts)
		})
	}
}

// tear makes a card by processes: the first dies at an exchange, each third second
// one at another.
func (c *wholeCase) tear(t *testing.T, at int, after bool, journal, want string) error {
	picc := newPICC(t, c.g)
	random := rand.New(rand.NewPCG(uint64(at), 7))
	for n := 0; ; n++ {
		air := &torn{Activation: picc.Present()}
		switch {
		case n == 0:
			air.at, air.after = at, after
		case n == 1 && at%3 == 0:
			air.at, air.after = 1+random.IntN(60), random.IntN(2) == 0
		}
		err := c.process(t, air, journal)
		if err == nil && (air.at == 0 || air.seen < air.at || air.at == at) { // of the last exchange nothing need be known
			break
		}
		if air.at == 0 || err == nil {
			return fmt.Errorf("process %d: %v", n+1, err)
		}
		picc.Lift()
		if err := picc.Return(); err != nil {
			return err
		}
	}
	picc.Lift()
	if err := errors.Join(picc.Return(), c.verify(t, picc, journal)); err != nil {
		return err
	}
	if got := imageText(picc); got != want {
		return errors.New("another memory: " + differsAt(got, want))
	}
	return os.Remove(journal)
}

// TestWholeForged lets somebody in the air say what he likes: forged statuses, and
// answers of before. Whatever a process says then, another makes the card the same.
func TestWholeForged(t *testing.T) {
	for _, c := range wholeCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			picc := newPICC(t, c.g)
			air := &torn{Activation: picc.Present()}
			if err := c.process(t, air, filepath.Join(dir, "untorn")); err != nil {
				t.Fatal(err)
			}
			want := imageText(picc)
			step := 1
			if !whole {
				step = air.seen/5 + 1
			}
			if testing.Short() && !whole {
				step *= 3
			}
			for at := 1; at <= air.seen; at += step {
				for _, kind := range []string{"9100", "91AE", "919D", "910C", "91A0", "911E", "again", "older"} {
					if !whole && (at+len(kind))%2 == 0 && kind != "again" {
						continue
					}
					journal := filepath.Join(dir, fmt.Sprint(at, kind))
					if err := c.forge(t, at, kind, journal, want); err != nil {
						t.Errorf("exchange %d of %d, %s: %v", at, air.seen, kind, err)
					}
				}
			}
		})
	}
}

// forge answers one exchange itself, after the card has answered, or in its place.
func (c *wholeCase) forge(t *testing.T, at int, kind, journal, want string) error {
	picc := newPICC(t, c.g)
	var heard [][]byte
	n := 0
	relay := &sim.Relay{Meet: func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		if n++; n == at {
			if at%2 == 0 { // the card does it, and nobody hears
				if _, err := x.Pass(); err != nil {
					return nil, err
				}
			}
			switch {
			case len(kind) == 4:
				var b [2]byte
				_, err := fmt.Sscanf(kind, "%02X%02X", &b[0], &b[1])
				return b[:], err
			case kind == "again" && len(heard) > 0:
				return heard[len(heard)-1], nil
			case len(heard) > 0:
				return heard[len(heard)/2], nil
			}
		}
		answer, err := x.Pass()
		heard = append(heard, bytes.Clone(answer))
		return answer, err
	}}
	first := c.processOn(t, relay.Present(picc), journal)
	picc.Lift()
	if err := picc.Return(); err != nil {
		return err
	}
	if err := c.process(t, &torn{Activation: picc.Present()}, journal); err != nil {
		return fmt.Errorf("again, after %v: %w", first, err)
	}
	picc.Lift()
	if err := errors.Join(picc.Return(), c.verify(t, picc, journal)); err != nil {
		return err
	}
	if got := imageText(picc); got != want {
		return fmt.Errorf("another memory, after %v: %s", first, differsAt(got, want))
	}
	return os.Remove(journal)
}
