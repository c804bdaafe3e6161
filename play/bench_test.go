package play

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/examples/layouts"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

func bench(t *testing.T, r Recipe) *Bench {
	t.Helper()
	b, err := New(&Config{First: &r, Rand: rand.NewChaCha8([32]byte{1}), Now: func() time.Time { return time.Unix(1, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// connect takes the card as a program would: from the events.
func connect(t *testing.T, b *Bench) *desfire.Card {
	t.Helper()
	ctx := t.Context()
	for ev, err := range b.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind != desfire.CardInserted {
			continue
		}
		transport, err := ev.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		card, err := desfire.Connect(ctx, transport, nil)
		if err != nil {
			t.Fatal(err)
		}
		return card
	}
	t.Fatal("no card")
	return nil
}

// TestEveryRecipe makes every content on every generation, and asks the card's memory
// and a reader what became of it.
func TestEveryRecipe(t *testing.T) {
	b := bench(t, Recipe{Generation: wire.EV3, Content: Empty})
	seen := map[string]bool{}
	for _, c := range Contents() {
		seen[c.Name] = true
		for _, g := range c.Generations {
			t.Run(c.Name+"/"+g.String(), func(t *testing.T) {
				if err := b.Make(t.Context(), Recipe{Generation: g, Content: c.Name}); err != nil {
					t.Fatal(err)
				}
				s := b.State()
				if s.Card.Generation != g || s.Card.Content != c.Name || s.Away || len(s.Card.UID) != 7 {
					t.Errorf("%+v", s)
				}
				card := connect(t, b)
				defer card.Close()
				if card.Generation() != g || string(card.UID()) != string(s.Card.UID) {
					t.Errorf("%v %X", card.Generation(), card.UID())
				}
				held := b.Holds()
				if p := c.Purse; p != nil {
					if v, ok := held.Value(p.Place, p.File); !ok || v != p.Value {
						t.Errorf("the purse holds %d, %v", v, ok)
					}
				}
				for _, n := range b.Keys().Named() {
					if no, numbered := n.Ref.Key.Role(); c.Name != Empty && no == 0 && n.Facts.Version != 1 {
						t.Errorf("%v, %s: version %d, %v", n.Ref, n.Name, n.Facts.Version, numbered)
					}
					if _, isNumber := n.Ref.Key.Role(); isNumber {
						continue
					}
					o := &unlock.Opener{Store: b.Keys()}
					_, no, _ := n.Ref.Key.Number()
					if err := o.Key(t.Context(), card, n.Ref.Place, no); err != nil {
						t.Errorf("%v: %v", n.Ref, err)
					}
				}
			})
		}
	}
	files, _ := layouts.Files.ReadDir(".")
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".yaml")
		if !ok {
			continue
		}
		if !seen[name] {
			t.Errorf("no content for %s", f.Name())
			continue
		}
		text, _ := layouts.Files.ReadFile(f.Name())
		doc, err := yaml.Read(f.Name(), text, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := layouts.Rows(name)
		layout, err := doc.Layout(rows[0])
		c, _ := Find(name)
		if err != nil || len(layout.Generations) != len(c.Generations) {
			t.Errorf("%s: %v, the layout is for %v: %v", name, c.Generations, layout.Generations, err)
		}
		for _, g := range c.Generations {
			if !layout.Fits(g) {
				t.Errorf("%s is not for %v", name, g)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	b := bench(t, Recipe{Generation: wire.EV3, Content: Empty})
	for _, g := range Generations() {
		for _, n := range Sizes(g) {
			if err := b.Make(t.Context(), Recipe{Generation: g, Storage: n, Content: Empty}); err != nil {
				t.Errorf("%v %d: %v", g, n, err)
			}
			if s := b.State(); s.Card.Storage != n {
				t.Errorf("%v %d: %+v", g, n, s.Card)
			}
		}
	}
	was := b.State().Card
	for _, r := range []Recipe{
		{}, {Generation: wire.EV3}, {Generation: wire.EV3, Content: "nonsense"}, {Generation: wire.D40, Content: "transit"},
		{Generation: wire.EV3, Content: Empty, Storage: 1}, {Generation: wire.NTAG424, Content: Empty, Storage: 8192},
		{Generation: 77, Content: Empty},
	} {
		var wrong *RecipeError
		if err := b.Make(t.Context(), r); !errors.As(err, &wrong) || wrong.Recipe != r {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if now := b.State().Card; string(now.UID) != string(was.UID) {
		t.Error("a recipe that fails took the card away")
	}
}

// TestEvents follows a card that is lifted, returned, torn and replaced.
func TestEvents(t *testing.T) {
	b := bench(t, Recipe{Generation: wire.EV2, Content: Empty})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan desfire.Event)
	go func() {
		defer close(got)
		for ev := range b.Events(ctx) {
			got <- ev
		}
	}()
	want := func(kinds ...desfire.EventKind) (last desfire.Event) {
		t.Helper()
		for _, k := range kinds {
			if last = <-got; last.Kind != k || last.Reader != ReaderName {
				t.Fatalf("%v of %q, want %v", last.Kind, last.Reader, k)
			}
		}
		return last
	}
	first := want(desfire.ReaderAdded, desfire.CardInserted)
	b.Lift()
	want(desfire.CardRemoved)
	if _, err := first.Open(ctx); err == nil {
		t.Error("a card that is away can be opened")
	}
	b.Return()
	want(desfire.CardInserted)
	if err := b.Make(ctx, Recipe{Generation: wire.D40, Content: "visitor"}); err != nil {
		t.Fatal(err)
	}
	want(desfire.CardRemoved)
	next := want(desfire.CardInserted)
	if _, err := first.Open(ctx); err == nil {
		t.Error("the card before can be opened")
	}
	if tr, err := next.Open(ctx); err != nil {
		t.Error(err)
	} else if c, err := desfire.Connect(ctx, tr, nil); err != nil || c.Generation() != wire.D40 {
		t.Error(c, err)
	}
	b.Lift()
	b.Lift()
	want(desfire.CardRemoved)
	if err := b.Make(ctx, Default()); err != nil {
		t.Fatal(err)
	}
	want(desfire.CardInserted)
	cancel()
	for range got {
	}
}

// TestKeysOfOthers: the keys of the card are no other card's.
func TestKeysOfOthers(t *testing.T) {
	b := bench(t, Default())
	r := keystore.Ref{UID: "1234567", Place: wire.Place{AID: 0xF58401}}
	if _, ok, _ := b.Keys().Has(t.Context(), r); ok {
		t.Error("another card has the keys")
	}
	if _, err := b.Keys().Key(t.Context(), r); !errors.Is(err, keystore.ErrNotFound) {
		t.Error(err)
	}
	if list := b.Keys().Trace([]byte("1234567")); list != nil {
		t.Error("another card has trace keys")
	}
	if list := b.Keys().Trace(nil); len(list) != 4 || list[0].Value == nil {
		t.Errorf("%v", list)
	}
}

func TestChanged(t *testing.T) {
	b := bench(t, Default())
	c := b.Changed()
	b.Lift()
	<-c
	c = b.Changed()
	b.Bend(true)
	<-c
}

// Exchanges take as long as at a reader, where that is wanted.
func TestLatency(t *testing.T) {
	latency := sim.ReaderLatency(106)
	b, err := New(&Config{First: &Recipe{Generation: wire.EV1, Content: Empty}, Latency: &latency})
	if err != nil {
		t.Fatal(err)
	}
	rec := trace.NewRecorder(nil)
	for ev := range b.Events(t.Context()) {
		if ev.Kind != desfire.CardInserted {
			continue
		}
		tr, err := ev.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := desfire.Connect(t.Context(), rec.Wrap(tr), nil); err != nil {
			t.Fatal(err)
		}
		break
	}
	for _, x := range rec.Recording().Exchanges {
		if least := latency.Exchange(len(x.Command), len(x.Response), 0); time.Duration(x.Took)*time.Microsecond < least-time.Microsecond {
			t.Errorf("% X took %d us, want at least %v", x.Command, x.Took, least)
		}
	}
}
