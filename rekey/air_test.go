package rekey_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// meddle is what somebody in the air does with one exchange.
type meddle struct {
	name    string
	deliver bool   // the card gets the command
	answer  []byte // what the reader gets instead of the card's answer; nil: nothing
	stays   bool   // with all exchanges from then on
}

var errAir = errors.New("no answer")

// air meddles with exchange at, counted from 1.
type air struct {
	*sim.Activation
	at, seen int
	meddle
}

func (a *air) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	a.seen++
	if a.at == 0 || a.seen < a.at || a.seen > a.at && !a.stays {
		return a.Activation.Transmit(ctx, cmd)
	}
	if a.deliver {
		if _, err := a.Activation.Transmit(ctx, cmd); err != nil {
			return nil, err
		}
	}
	if a.answer == nil {
		return nil, errAir
	}
	return a.answer, nil
}

func meddles() (all []meddle) {
	add := func(name string, answer []byte) {
		for _, deliver := range []bool{false, true} {
			what := "command held back"
			if deliver {
				what = "answer replaced"
			}
			all = append(all, meddle{name: what + ", " + name, deliver: deliver, answer: answer})
		}
	}
	add("silence", nil)
	for _, sw := range []uint16{0x911E, 0x91AE, 0x9000, 0x6300, 0x919D, 0x910C, 0x91CA, 0x917E, 0x91AD, 0x911C, 0x9140, 0x91EE, 0x91A0, 0x6F00, 0x6A82, 0x0000, 0x9142} {
		add(fmt.Sprintf("forged %04X", sw), []byte{byte(sw >> 8), byte(sw)})
	}
	junk := bytes.Repeat([]byte{0x5A}, 16)
	add("forged success", []byte{0x91, 0})
	add("forged success with data", append(bytes.Clone(junk), 0x91, 0))
	add("forged version", []byte{0x33, 0x91, 0})
	for _, n := range []int{8, 16} {
		add(fmt.Sprintf("forged challenge of %d", n), append(bytes.Clone(junk[:n]), 0x91, 0xAF))
	}
	for _, sw := range []uint16{0x91AE, 0x911E, 0x9100} {
		all = append(all, meddle{name: fmt.Sprintf("from then on %04X", sw), answer: []byte{byte(sw >> 8), byte(sw)}, stays: true})
		all = append(all, meddle{name: fmt.Sprintf("from then on %04X instead", sw), answer: []byte{byte(sw >> 8), byte(sw)}, stays: true, deliver: true})
	}
	return append(all, meddle{name: "from then on silence", stays: true}, meddle{name: "from then on no answer", stays: true, deliver: true})
}

// airCase is a change of a key on a card that was made ready for it. No two keys
// of the card are the same.
type airCase struct {
	name  string
	image []byte
	ch    rekey.Change
	at    func(sim.ImageKey) bool
}

// secretOf is a key that depends on seed.
func secretOf(t testing.TB, typ key.Type, seed byte) *key.Secret {
	t.Helper()
	b := make([]byte, typ.Size())
	for i := range b {
		b[i] = seed*16 + byte(i)*2
	}
	if typ == key.TypeDES {
		copy(b[8:], b[:8])
	}
	k, err := key.New(typ, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithVersion(seed)
}

func airCases(t testing.TB) (cases []airCase) {
	ctx := context.Background()
	for _, tc := range []struct {
		g   wire.Generation
		typ key.Type
	}{
		{wire.D40, key.Type2K3DES}, {wire.EV1, key.TypeDES}, {wire.EV1, key.Type3K3DES}, {wire.EV1, key.TypeAES}, {wire.EV3, key.TypeAES}, {wire.Light, key.TypeAES},
	} {
		store := sim.Memory()
		picc, err := sim.New(&sim.Config{Generation: tc.g, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		card := connect(t, picc)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		place := wire.Place{AID: testApp}
		zero := key.Key(key.Zero(tc.typ))
		key0, key1, master := secretOf(t, tc.typ, 1), secretOf(t, tc.typ, 2), secretOf(t, tc.typ, 3)
		channel := fmt.Sprintf("%v %v", tc.g, tc.typ)
		if tc.g == wire.Light {
			channel = "LRP"
			place = wire.Place{Fixed: true}
			must(card.Select(ctx, place))
			must(card.Authenticate(ctx, 0, zero))
			must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}))
		} else {
			must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(tc.typ.Wire(), 2)}))
			must(card.SelectApplication(ctx, wire.PICC))
			must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
			must(card.ChangeKey(ctx, 0, master, nil))
			must(card.Select(ctx, place))
		}
		must(card.Authenticate(ctx, 0, zero))
		must(card.ChangeKey(ctx, 1, key1, zero))
		must(card.ChangeKey(ctx, 0, key0, nil))
		image, err := store.Load()
		must(err)
		add := func(name string, at wire.Place, no wire.KeyNo, old, with key.Key, typ key.Type) {
			aid := at.AID
			cases = append(cases, airCase{channel + " " + name, image, rekey.Change{
				Place: at, No: no, Old: old, New: secretOf(t, typ, 5), With: with, Budget: 2, Force: true,
			}, func(k sim.ImageKey) bool { return (at.Fixed || k.Application == aid) && k.No == int(no) && k.Set == 0 }})
		}
		add("own key", place, 0, key0, nil, tc.typ)
		add("other key", place, 1, key1, key0, tc.typ)
		if !place.Fixed {
			add("PICC master key", wire.Place{}, 0, master, nil, tc.typ)
			if tc.g == wire.EV1 && tc.typ != key.TypeAES || tc.g == wire.EV3 {
				to := key.TypeAES
				if tc.typ == to {
					to = key.Type2K3DES
				}
				add("PICC master key of another type", wire.Place{}, 0, master, nil, to)
			}
		}
	}
	return cases
}

func (tc *airCase) card(t *testing.T) *sim.Card {
	t.Helper()
	store := sim.Memory()
	if err := store.Save(tc.image); err != nil {
		t.Fatal(err)
	}
	picc, err := sim.New(&sim.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	return picc
}

// holds tells, by the image alone, whether the card holds the new key. It fails
// where it holds neither, or where another key of the card was touched.
func (tc *airCase) holds(t *testing.T, name string, picc *sim.Card, changed []sim.ImageKey) (isNew bool) {
	t.Helper()
	before, err := sim.ReadImage(tc.image)
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b sim.ImageKey) bool {
		return a.Type == b.Type && a.Version == b.Version && a.Value.Equal(b.Value)
	}
	for i, k := range picc.Image().Keys {
		switch old := before.Keys[i]; {
		case same(k, old):
		case tc.at(k) && changed != nil && same(k, changed[i]):
			isNew = true
		case tc.at(k) && changed == nil:
			isNew = true
		default:
			t.Errorf("%s: key %d of %v is one that nobody meant", name, k.No, k.Application)
		}
	}
	return isNew
}

// TestMeddling lets somebody in the air meddle with each exchange of a key
// change in each way. What Run and the journal say is compared with the card's
// image: neither may say what is not so. Afterwards the card holds the old or
// the new key, Find tells which, and the change can be made.
func TestMeddling(t *testing.T) {
	ctx := context.Background()
	all := meddles()
	runs, outcomes := 0, map[rekey.Outcome]int{}
	for n, tc := range airCases(t) {
		if testing.Short() && n%3 != 0 {
			continue
		}
		attempt := func(at int, m meddle) (*sim.Card, *air, *memoryJournal, rekey.Outcome, error) {
			picc := tc.card(t)
			a := &air{Activation: picc.Present(), meddle: m}
			card, err := desfire.Connect(ctx, a, nil)
			if err != nil {
				t.Fatal(err)
			}
			j := new(memoryJournal)
			ch := tc.ch
			ch.Journal = j
			a.seen, a.at = 0, at
			outcome, err := rekey.Run(ctx, card, &ch)
			return picc, a, j, outcome, err
		}
		picc, honest, j, outcome, err := attempt(0, meddle{})
		if err != nil || outcome != rekey.Done || j.states() != "begun changed" || !tc.holds(t, tc.name, picc, nil) {
			t.Fatalf("%s: %q %v, journal %q", tc.name, outcome, err, j.states())
		}
		changed := picc.Image().Keys
		for at := 1; at <= honest.seen; at++ {
			for _, m := range all {
				name := fmt.Sprintf("%s, exchange %d of %d, %s", tc.name, at, honest.seen, m.name)
				picc, _, j, outcome, err := attempt(at, m)
				runs++
				outcomes[outcome]++
				isNew := tc.holds(t, name, picc, changed)
				last := rekey.State("")
				if len(j.entries) > 0 {
					last = j.entries[len(j.entries)-1].State
				}
				want := map[rekey.Outcome][]rekey.State{
					rekey.Untouched: {""}, rekey.Already: {rekey.Changed}, rekey.Done: {rekey.Changed}, rekey.Undone: {"", rekey.Unchanged}, rekey.InDoubt: {rekey.Unknown},
				}[outcome]
				switch {
				case last != want[0] && last != want[len(want)-1]:
					t.Errorf("%s: %q, journal %q", name, outcome, j.states())
				case isNew && (outcome == rekey.Undone || outcome == rekey.Untouched || last == rekey.Unchanged):
					t.Errorf("%s: %q, journal %q, yet the card holds the new key: %v", name, outcome, j.states(), err)
				case !isNew && (outcome == rekey.Done || outcome == rekey.Already || last == rekey.Changed || err == nil):
					t.Errorf("%s: %q, journal %q, yet the card holds the old key: %v", name, outcome, j.states(), err)
				case outcome == rekey.InDoubt && (!errors.As(err, new(*desfire.OutcomeUnknownError)) || desfire.SafeToRetry(err)):
					t.Errorf("%s: in doubt, and the error does not say so: %v", name, err)
				}
				for _, e := range j.entries {
					if e.Card != fmt.Sprintf("%X", picc.UID()) {
						t.Errorf("%s: the journal names card %q", name, e.Card)
					}
				}
				tc.recover(t, name, picc, isNew, changed)
			}
		}
	}
	t.Logf("%d runs, outcomes %v", runs, outcomes)
}

// recover presents the card to an honest reader.
func (tc *airCase) recover(t *testing.T, name string, picc *sim.Card, isNew bool, changed []sim.ImageKey) {
	t.Helper()
	ctx := context.Background()
	card := connect(t, picc)
	ch := tc.ch
	ch.Journal = new(memoryJournal)
	if found, err := rekey.Find(ctx, card, &ch); err != nil || found.IsNew != isNew {
		t.Errorf("%s: afterwards: %+v %v, the card holds the new key: %v", name, found, err, isNew)
	}
	if _, err := rekey.Run(ctx, card, &ch); err != nil || !tc.holds(t, name, picc, changed) {
		t.Errorf("%s: again: %v", name, err)
	}
}
