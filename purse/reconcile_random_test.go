package purse

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// bank is several terminals at one card of the model, and their centre.
type bank struct {
	*model
	terminals []*teller
	card      CardApp
}

type teller struct {
	name       string
	generation Generation
	sequence   uint32
	entries    []*Entry
}

func (t *teller) open() *Entry {
	if n := len(t.entries); n > 0 && t.entries[n-1].IsOpen() {
		return t.entries[n-1]
	}
	return nil
}

func newBank(seed uint64) *bank {
	b := &bank{model: newModel(rand.New(rand.NewPCG(seed, 2))), card: CardApp{hexUID(modelUID), "F48121"}}
	b.model.key = key.Zero(key.TypeAES)
	b.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if b.tmac && b.one(2) {
		b.tmv = TMV{}
	}
	for i := range 2 + b.IntN(2) {
		b.terminals = append(b.terminals, &teller{name: fmt.Sprint("t", i), generation: Generation{0xA0, byte(i)}})
	}
	return b
}

// days lets things happen.
func (b *bank) days() {
	for range 3 + b.IntN(10) {
		b.now = b.now.Add(time.Hour)
		i := b.IntN(len(b.terminals))
		t := b.terminals[i]
		switch k := b.IntN(20); {
		case k == 0 && b.relay:
			b.commit()
		case k == 1:
			b.pending = nil
		case k == 2 && b.record && b.clears:
			b.records = nil
		case t.open() != nil:
			if b.one(3) {
				b.look(t.open())
			}
		default:
			b.debit(t, i)
		}
	}
	for _, t := range b.terminals {
		if e := t.open(); e != nil && !b.one(3) {
			b.now = b.now.Add(time.Hour)
			b.look(e)
		}
	}
}

func (b *bank) debit(t *teller, i int) {
	d := int64([]int{-30, -30, -30, -5, 30, 5}[b.IntN(6)])
	if b.others != OthersAny && d > 0 {
		d = -d
	}
	t.sequence++
	id := NewID(t.generation, t.sequence, [6]byte{byte(b.Uint32()), 1})
	moves := []movement{{id, 0, d}}
	if b.files == 2 && b.one(3) {
		moves = append(moves, movement{id, 1, -30})
	}
	e := b.job(id, i, moves)
	if e == nil {
		return
	}
	e.CardApp, e.Terminal, e.Began, e.Fingerprint = b.card, t.name, At(b.now), Hex{1}
	if b.others == OthersNothing { // of the card's application; these terminals are many
		e.Others = OthersAny
	}
	if _, acked := e.Meta["acked"]; acked {
		ev := &Evidence{CommitAcked: true, SameCard: true, Protected: b.macs()}
		if b.tmac {
			n, v := b.number(b.tmc), b.tmv
			ev.TMC, ev.TMV = &n, &v
		}
		e.Outcomes = append(e.Outcomes, b.timed(Decide(e, ev, nil)))
	}
	e.Meta = nil
	t.entries = append(t.entries, e)
}

func (b *bank) timed(o Outcome) Outcome {
	o.Time = At(b.now)
	return o
}

// look settles an entry, without the transaction MAC key.
func (b *bank) look(e *Entry) {
	ev := b.settle(e, false)
	if ev.TMC != nil { // pointers into the model
		n, v, k := *ev.TMC, *ev.TMV, *ev.TMKeyVersion
		ev.TMC, ev.TMV, ev.TMKeyVersion = &n, &v, &k
	}
	if ev.LeaseHeld = false; ev.SettlementID != nil {
		e.Progress.Settlements = append(e.Progress.Settlements, *ev.SettlementID)
	}
	e.Outcomes = append(e.Outcomes, b.timed(Decide(e, ev, nil)))
	if e.IsOpen() && b.one(10) {
		e.Outcomes = append(e.Outcomes, Outcome{Decision: []Decision{Happened, DidNot}[b.IntN(2)], Rule: RuleOperator, Why: "the customer said so", Time: At(b.now)})
	}
}

// reports are those that reach the centre.
func (b *bank) reports() (c *Centre, all []Report) {
	c = &Centre{Keys: oneKey{b.model.key}, Skew: time.Minute}
	for _, t := range b.terminals {
		if c.Holders = append(c.Holders, t.name); b.one(5) {
			continue
		}
		r := Report{Format: ReportFormat, Terminal: t.name, Generation: t.generation, Entries: []Entry{}}
		for _, e := range t.entries {
			r.Entries = append(r.Entries, *e)
		}
		if !b.one(4) {
			r.Until = At(b.now.Add(time.Hour))
		} else if len(r.Entries) > 0 && b.one(2) {
			r.Entries = r.Entries[:b.IntN(len(r.Entries))]
		}
		all = append(all, r)
	}
	return c, all
}

// oneKey is a store with the same key for everything.
type oneKey struct{ k key.Key }

func (o oneKey) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.FactsOf(o.k, ""), true, nil
}

func (o oneKey) Key(context.Context, keystore.Ref) (key.Key, error) { return o.k, nil }

// No random bank is reconciled wrongly, whatever reports come, in whatever order and
// how often.
func TestRandomReconcile(t *testing.T) {
	n := uint64(6_000)
	if testing.Short() {
		n = 2_000
	}
	wrong, doubts, total := 0, map[Rule]int{}, 0
	decided, first := map[Rule]int{}, ""
	for seed := range n {
		b := newBank(seed)
		b.days()
		c, all := b.reports()
		books, err := Reconcile(t.Context(), c, all)
		if err != nil {
			t.Fatal(err)
		}
		if seed%10 == 0 {
			b.shuffled(t, c, all, books)
		}
		for _, card := range books.Cards {
			for _, j := range card.Entries {
				total++
				did := b.done[j.Entry.ID]
				switch o := &j.Outcome; {
				case o.Rule == RuleOperator:
				case o.Decision == Happened && did != len(j.Entry.Moves), o.Decision == DidNot && did != 0:
					if wrong++; first == "" {
						first = fmt.Sprintf("seed %d: %v by %s (%s), %d of %d movements were made\nworld %+v\n%s", seed, o.Decision, o.Rule, o.Why, did, len(j.Entry.Moves), b.world, asJSON(t, books))
					}
				case o.Decision == InDoubt:
					doubts[o.Rule]++
				default:
					decided[o.Rule]++
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d entries were decided wrongly; the first one: %s", wrong, total, first)
	}
	for _, r := range []Rule{RuleCommit, RuleTMV, RuleOtherOwner, RuleReaderID, RuleMerged, RuleClosedBooks} {
		if decided[r] == 0 {
			t.Errorf("rule %s decided nothing", r)
		}
	}
	t.Logf("%d entries, %d wrong; decided by %v; in doubt by %v", total, wrong, decided, doubts)
}

// shuffled checks that order and repetition of reports do not matter, and that reports
// survive JSON.
func (b *bank) shuffled(t *testing.T, c *Centre, all []Report, want *Books) {
	t.Helper()
	var again []Report
	for _, r := range all {
		back, err := ParseReport([]byte(asJSON(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, r, *back)
		if n := len(r.Entries); n > 0 { // an older report, before the last outcome
			old := r
			old.Until, old.Entries = Time{}, slices.Clone(r.Entries)
			old.Entries[n-1].Outcomes = nil
			again = append(again, old)
		}
	}
	b.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	got, err := Reconcile(t.Context(), c, again)
	if err != nil {
		t.Fatal(err)
	}
	if g, w := asJSON(t, got), asJSON(t, want); g != w {
		t.Fatalf("in another order:\n%s\nand before:\n%s", g, w)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
