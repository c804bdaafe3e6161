package selftest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// However and whenever a run ends, keys and settings are as they were.
func TestInterrupted(t *testing.T) {
	for _, only := range []string{"picc.master-key", "picc.key-settings", "picc.default-key", "fixed.keys", "fixed.modes", "ntag424.sdm", "light"} {
		for _, g := range []wire.Generation{wire.EV1, wire.EV3, wire.Light, wire.NTAG424} {
			if !slices.ContainsFunc(selftest.List(g), func(i selftest.Info) bool { return strings.HasPrefix(i.ID, only) }) {
				continue
			}
			whole := 0
			for at := 0; at == 0 || at < whole; at += 3 {
				c := newSim(t, g)
				want := delivered(t, c)
				ctx, cancel := context.WithCancel(t.Context())
				m := &meddler{Activation: c.Present()}
				card := connect(t, m)
				m.answer = func(n int, _, a []byte) ([]byte, error) {
					if n == at {
						cancel()
					}
					return a, nil
				}
				r, err := selftest.Run(ctx, card, conf(selftest.Config{WipeCard: uid, Only: only}))
				cancel()
				if whole == 0 {
					whole = m.n
				}
				if err != nil {
					continue // before the first step
				}
				if !r.Clean {
					t.Fatalf("%v %s, cancelled at %d: %s", g, only, at, r.Left)
				}
				if got := delivered(t, c); got != want {
					t.Fatalf("%v %s, cancelled at %d: the card is left as\n%s\nit was\n%s", g, only, at, got, want)
				}
			}
		}
	}
}

// delivered is what a run leaves as it was.
func delivered(t *testing.T, c *sim.Card) string {
	t.Helper()
	i := c.Image()
	s := fmt.Sprintf("%X", []byte(i.KeySettings))
	if d := i.DefaultKey; d != nil {
		s += fmt.Sprintf(" %X %d", d.Value.Bytes(), d.Version)
	}
	for _, k := range i.Keys {
		if k.TMAC {
			continue // counters cannot be put back
		}
		s += fmt.Sprintf("\n%v %d %s %d %X", k.Application, k.No, k.Type, k.Version, k.Value.Bytes())
	}
	for _, a := range i.Applications {
		slices.SortFunc(a.Files, func(a, b sim.ImageFile) int { return a.No - b.No })
		for _, f := range a.Files {
			s += fmt.Sprintf("\nfile %d %s %X %X %v %v", f.No, f.Comm, []byte(f.Rights), []byte(f.Data), f.Records, f.SDM)
			if f.Value != nil {
				s += fmt.Sprintf(" %+v", f.Value.Value)
			}
		}
	}
	return s
}

func TestPermission(t *testing.T) {
	other := bytes.Clone(uid)
	other[6]++
	for name, x := range map[string]struct {
		prepare func(t *testing.T, card *desfire.Card)
		conf    selftest.Config
		want    error
	}{
		"another card": {nil, selftest.Config{WipeCard: other}, &selftest.WrongCardError{}},
		"a key of its own": {func(t *testing.T, card *desfire.Card) {
			k, _ := key.NewDES([]byte("selftest"))
			if err := errors.Join(card.Authenticate(t.Context(), 0, key.Zero(key.TypeDES)), card.ChangeKey(t.Context(), 0, k, nil)); err != nil {
				t.Fatal(err)
			}
		}, selftest.Config{WipeCard: uid}, &selftest.NotDeliveredError{}},
		"settings of its own": {func(t *testing.T, card *desfire.Card) {
			if err := errors.Join(card.Authenticate(t.Context(), 0, key.Zero(key.TypeDES)), card.ChangeKeySettings(t.Context(), 0x0B)); err != nil {
				t.Fatal(err)
			}
		}, selftest.Config{WipeCard: uid}, &selftest.NotDeliveredError{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newSim(t, wire.EV3)
			card := connect(t, c.Present())
			if x.prepare != nil {
				x.prepare(t, card)
			}
			before := c.Image().Encode()
			_, err := selftest.Run(t.Context(), card, conf(x.conf))
			if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", x.want) {
				t.Errorf("%v", err)
			}
			if !bytes.Equal(c.Image().Encode(), before) {
				t.Error("the card was changed")
			}
		})
	}
	card := connect(t, newSim(t, wire.EV1).Present())
	for _, c := range []selftest.Config{{Lasting: true}, {Only: "nothing.*"}, {Only: "[", WipeCard: uid}} {
		if _, err := selftest.Run(t.Context(), card, conf(c)); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// An AES master key of zeros is a key as delivered, too, and stays.
func TestMasterKeyAES(t *testing.T) {
	c := newSim(t, wire.EV2)
	card := connect(t, c.Present())
	if err := errors.Join(card.Authenticate(t.Context(), 0, key.Zero(key.TypeDES)), card.ChangeKey(t.Context(), 0, key.Zero(key.TypeAES), nil)); err != nil {
		t.Fatal(err)
	}
	want := delivered(t, c)
	r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid}))
	if err != nil {
		t.Fatal(err)
	}
	complain(t, r)
	if got := delivered(t, c); got != want {
		t.Errorf("%s\nwas\n%s", got, want)
	}
}

func TestRandomID(t *testing.T) {
	c := newSim(t, wire.EV2)
	card := connect(t, c.Present())
	if err := errors.Join(card.Authenticate(t.Context(), 0, key.Zero(key.TypeDES)), card.SetConfiguration(t.Context(), &wire.PICCConfig{Flags: wire.PICCRandomID})); err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(uid)
	other[0]++
	if _, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: other})); !errors.As(err, new(*selftest.WrongCardError)) {
		t.Fatalf("another UID: %v", err)
	}
	r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid, MaskUID: true}))
	if err != nil {
		t.Fatal(err)
	}
	complain(t, r)
	if r.Card.UID != "random" {
		t.Errorf("UID %s", r.Card.UID)
	}
	checkRedacted(t, r)
}

// Cards that are switched to LRP for ever are tested under LRP.
func TestLRP(t *testing.T) {
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		c := newSim(t, g)
		card := connect(t, c.Present())
		name := []byte(c.Image().Applications[0].DFName)
		caps := make([]byte, 10)
		caps[wire.CapPDCap2_1] = wire.CapLRP
		_, err := desfire.Do(t.Context(), card, &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData})
		if err := errors.Join(err, card.Authenticate(t.Context(), 0, key.Zero(key.TypeAES)),
			card.SetConfiguration(t.Context(), &wire.Capabilities{Data: caps})); err != nil {
			t.Fatal(err)
		}
		want := delivered(t, c)
		r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid}))
		if err != nil {
			t.Fatal(err)
		}
		complain(t, r)
		if got := delivered(t, c); got != want {
			t.Errorf("%v is left as\n%s\nit was\n%s", g, got, want)
		}
	}
}

// A card of a generation that nobody knows is tested as the newest.
func TestUnknownGeneration(t *testing.T) {
	c, err := sim.New(&sim.Config{Generation: wire.EV3, UID: uid, Rand: seeded(1), Hardware: []byte{4, 1, 1, 0x77, 0, 0x1A, 5}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := selftest.Run(t.Context(), connect(t, c.Present()), conf(selftest.Config{WipeCard: uid, Only: "identify,error,value"}))
	if err != nil {
		t.Fatal(err)
	}
	complain(t, r)
	if r.Card.Known || r.Card.Generation != wire.EV3 {
		t.Errorf("%+v", r.Card)
	}
}
