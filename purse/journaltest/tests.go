package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/purse"
)

// inDoubt, happened and didNot are decisions with a rule that makes them.
func (s *suite) inDoubt() purse.Outcome  { s.Helper(); return s.outcome(purse.InDoubt, purse.RuleNone) }
func (s *suite) happened() purse.Outcome { s.Helper(); return s.outcome(purse.Happened, purse.RuleTMV) }
func (s *suite) didNot() purse.Outcome   { s.Helper(); return s.outcome(purse.DidNot, purse.RuleCounter) }

func newID(t *testing.T, s *suite) {
	seen := map[purse.ID]bool{}
	var last uint32
	check := func(times int) {
		t.Helper()
		for range times {
			id, err := s.NewID(s.ctx)
			s.must(err)
			if id.IsZero() || seen[id] || id.Generation() != s.Generation() || id.Sequence() <= last && len(seen) > 0 {
				t.Fatalf("ID %v after number %d, in generation %v", id, last, s.Generation())
			}
			seen[id], last = true, id.Sequence()
		}
	}
	check(600)
	if _, forgets := s.place.(Forgetful); forgets {
		return
	}
	before := s.Generation()
	s.reopen()
	if s.Generation() != before {
		t.Errorf("closed and opened, it has generation %v and had %v", s.Generation(), before)
	}
	check(10)
}

func inOrder(t *testing.T, s *suite) {
	for n := range 20 {
		e := s.entry(card((n*7)%20), fmt.Sprint("r", (n*3)%20), 1)
		s.begin(e)
		if n%3 > 0 {
			s.end(e.ID, s.happened(), nil)
		}
	}
	s.check()
	// The first ones may be asked for alone.
	n := 0
	for e, err := range s.Entries(s.ctx) {
		s.must(err)
		if e.ID != s.model.calls[0].id {
			t.Errorf("the first entry is %v", e.ID)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("a loop that stops sees %d entries", n)
	}
}

func refusals(t *testing.T, s *suite) {
	good := s.entry(card(1), "r", 1)
	s.begin(good)
	stranger := purse.NewID(s.Generation(), 1<<31, [6]byte{1})
	other := s.state(card(2), 5)
	strange := s.entry(card(2), "", 0)
	strange.ID = purse.ID{}
	ended := s.entry(card(2), "", 0)
	ended.Outcomes = []purse.Outcome{s.happened()}
	nowhere := s.entry(purse.CardApp{UID: "04", App: ""}, "", 0)
	none, notUTF8, notUTF8Meta := s.entry(card(2), "q", 0), s.entry(card(2), "\xff", 1), s.entry(card(2), "", 0)
	notUTF8Meta.Meta["\xff"] = "x"
	long := s.entry(card(2), strings.Repeat("r", 65), 1)
	undecided := s.happened()
	undecided.Decision = 0
	for name, err := range map[string]error{
		"an entry again":          s.Begin(s.ctx, good),
		"no entry":                s.Begin(s.ctx, nil),
		"no ID":                   s.Begin(s.ctx, strange),
		"an outcome":              s.Begin(s.ctx, ended),
		"no application":          s.Begin(s.ctx, nowhere),
		"no attempt":              s.Begin(s.ctx, none),
		"a request not in UTF-8":  s.Begin(s.ctx, notUTF8),
		"Meta not in UTF-8":       s.Begin(s.ctx, notUTF8Meta),
		"a long request":          s.Begin(s.ctx, long),
		"an outcome that is none": s.End(s.ctx, good.ID, undecided, nil),
		"another card's state":    s.End(s.ctx, good.ID, s.happened(), other),
		"a state of no card":      s.Keep(s.ctx, &purse.CardState{}),
		"no state":                s.Keep(s.ctx, nil),
	} {
		if err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	for name, err := range map[string]error{
		"Note": s.Note(s.ctx, stranger, purse.Progress{Acked: 1}),
		"End":  s.End(s.ctx, stranger, s.happened(), nil),
	} {
		var unknown *purse.UnknownIDError
		if !errors.As(err, &unknown) || unknown.ID != stranger {
			t.Errorf("%s of an unknown ID: %v", name, err)
		}
	}
	if e, err := s.Entry(s.ctx, stranger); e != nil || err != nil {
		t.Errorf("an unknown ID: %v, %v", e, err)
	}
	if e, err := s.Request(s.ctx, "never"); e != nil || err != nil {
		t.Errorf("an unknown request: %v, %v", e, err)
	}
	if e, err := s.Request(s.ctx, ""); e != nil || err != nil {
		t.Errorf("no request: %v, %v", e, err)
	}
	s.check() // nothing of it is there, and the journal goes on
	s.begin(s.entry(card(2), "q", 1))
	s.check()
}

func oneOpenEntry(t *testing.T, s *suite) {
	first := s.entry(card(1), "a", 1)
	s.begin(first)
	refused := func(e *purse.Entry) {
		t.Helper()
		var open *purse.OpenEntryError
		if err := s.Begin(s.ctx, e); !errors.As(err, &open) || open.ID != first.ID || open.Card != first.CardApp {
			t.Errorf("beside an open entry: %v", err)
		}
	}
	refused(s.entry(card(1), "b", 1))
	s.end(first.ID, s.inDoubt(), nil)
	refused(s.entry(card(1), "b", 1))
	elsewhere := card(1)
	elsewhere.App = "F00F02"
	s.begin(s.entry(elsewhere, "c", 1)) // another application
	s.begin(s.entry(card(2), "d", 1))   // another card
	s.end(first.ID, s.didNot(), nil)
	s.begin(s.entry(card(1), "b", 1))
	s.check()
}

func attempts(t *testing.T, s *suite) {
	for n := 1; n <= 3; n++ {
		e := s.entry(card(1), "a", n)
		s.begin(e)
		s.end(e.ID, s.didNot(), nil)
		var again *purse.AttemptError
		for _, wrong := range []int{n, 1} {
			if err := s.Begin(s.ctx, s.entry(card(2), "a", wrong)); !errors.As(err, &again) || again.Highest != n || again.Attempt != wrong || again.Request != "a" {
				t.Errorf("attempt %d after %d: %v", wrong, n, err)
			}
		}
	}
	s.begin(s.entry(card(1), "", 0)) // without a name nothing is counted
	s.begin(s.entry(card(2), "", 0))
	s.begin(s.entry(card(3), "ab", 7))
	s.check()
}

func notes(_ *testing.T, s *suite) {
	e := s.entry(card(1), "a", 1)
	s.begin(e)
	id, err := s.NewID(s.ctx)
	s.must(err)
	for _, p := range []purse.Progress{
		{Acked: 1}, {Acked: 2, TMI: purse.Hex{1, 2, 3}}, {Settlements: []purse.ID{id}}, {}, {Acked: 1}, {CommitSent: true},
		{EncTMRI: purse.Hex{4}}, {Settlements: []purse.ID{e.ID}}, {TMI: purse.Hex{9}},
	} {
		s.note(e.ID, p)
		s.check()
	}
	s.end(e.ID, s.happened(), nil)
	s.note(e.ID, purse.Progress{Acked: 3}) // what is found out later
	s.check()
}

func amendments(t *testing.T, s *suite) {
	e := s.entry(card(1), "a", 1)
	s.begin(e)
	s.end(e.ID, s.inDoubt(), s.state(card(1), 1))
	s.end(e.ID, s.inDoubt(), nil)
	operator := s.outcome(purse.DidNot, purse.RuleOperator)
	s.end(e.ID, operator, nil)
	s.check()
	next := s.entry(card(1), "b", 1)
	s.begin(next)
	s.end(e.ID, s.happened(), s.state(card(1), 2)) // late evidence, while another is open
	s.check()
	var open *purse.OpenEntryError
	if err := s.End(s.ctx, e.ID, s.inDoubt(), s.state(card(1), 3)); !errors.As(err, &open) || open.ID != next.ID {
		t.Errorf("opened again beside an open entry: %v", err)
	}
	s.check()
	s.end(next.ID, s.happened(), nil)
	s.end(e.ID, s.inDoubt(), nil) // opened again
	if err := s.Begin(s.ctx, s.entry(card(1), "c", 1)); !errors.As(err, &open) || open.ID != e.ID {
		t.Errorf("beside an entry that was opened again: %v", err)
	}
	s.check()
}

func states(t *testing.T, s *suite) {
	if got, err := s.State(s.ctx, card(1)); got != nil || err != nil {
		t.Errorf("a card that is not known: %v, %v", got, err)
	}
	s.keep(s.state(card(1), 1))
	s.keep(s.state(card(1), 2))
	s.keep(&purse.CardState{CardApp: card(2)}) // replaced as a whole
	e := s.entry(card(2), "a", 1)
	s.begin(e)
	s.end(e.ID, s.happened(), s.state(card(2), 9))
	s.keep(&purse.CardState{CardApp: card(1), Blocked: "lost"})
	s.check()
}

// copies changes everything that was given and returned.
func copies(_ *testing.T, s *suite) {
	e := s.entry(card(1), "a", 1)
	s.begin(e)
	e.Meta["gate"], e.Fingerprint[0], e.Moves[0].Amount, *e.KeyNo, e.Values[0].Value = "8", 77, 77, 7, 77
	p := purse.Progress{TMI: purse.Hex{1}, Settlements: []purse.ID{e.ID}}
	s.note(e.ID, p)
	p.TMI[0], p.Settlements[0] = 77, purse.ID{}
	o, state := s.happened(), s.state(card(1), 3)
	s.end(e.ID, o, state)
	*o.Evidence.TMC, o.Needs[0], o.Alarms[0].What, o.Evidence.Records[0][0] = 77, "x", "x", 77
	state.Slot[0], *state.KeyVer, state.Values[0].Value = 77, 77, 77
	s.check()
	for range 2 {
		var all []*purse.Entry
		for got, err := range s.Entries(s.ctx) {
			s.must(err)
			all = append(all, got)
		}
		for _, get := range []func() (*purse.Entry, error){
			func() (*purse.Entry, error) { return s.Entry(s.ctx, e.ID) },
			func() (*purse.Entry, error) { return s.Request(s.ctx, "a") },
		} {
			got, err := get()
			s.must(err)
			all = append(all, got)
		}
		for _, got := range all {
			got.Meta["gate"], got.TMI[0], got.Moves[0].Amount, *got.SlotFile = "x", 77, 77, 7
			got.Progress.Settlements[0], got.Progress.TMI[0] = purse.ID{}, 77
			*got.Outcomes[0].Evidence.TMC, got.Outcomes[0].Needs[0], got.Outcomes[0].Evidence.Records[1][0] = 77, "x", 77
		}
		known, err := s.State(s.ctx, card(1))
		s.must(err)
		known.Slot[0], *known.TMKeyVer, known.Values[0].Value = 77, 77, 77
		s.check()
	}
}

func strangeStrings(_ *testing.T, s *suite) {
	strange := []string{"\x00", "a", "a\x00", "a\x00b", "\u2028", "\ufffd", "<b>&", `"\`, "é", "e\u0301", " a", "A", "..", strings.Repeat("\U0001F4B3", 16), "a\nb"}
	for i, request := range strange {
		c := purse.CardApp{UID: request + "x", App: request + "\x00y"}
		e := s.entry(c, request, 1)
		e.Meta = map[string]string{request: request + request}
		e.Terminal, e.Lease = request, request
		s.begin(e)
		o := s.happened()
		o.Why = request
		s.end(e.ID, o, s.state(c, uint32(i)))
	}
	// What would be one card if strings were only put behind each other.
	s.begin(s.entry(purse.CardApp{UID: "ab", App: "c"}, "", 0))
	s.begin(s.entry(purse.CardApp{UID: "a", App: "bc"}, "", 0))
	s.check()
}

func big(_ *testing.T, s *suite) {
	e := s.entry(card(1), "a", 1)
	e.Meta["big"] = strings.Repeat("meta ", 200_000)
	s.begin(e)
	for n := range 40 {
		o := s.inDoubt()
		o.Why = strings.Repeat("why ", 5000)
		o.Evidence.Records = slices.Repeat([]purse.Hex{{byte(n)}}, 1000)
		s.end(e.ID, o, nil)
	}
	s.begin(s.entry(card(2), "b", 1))
	s.check()
}

// loop calls everything while it goes through the entries.
func loop(t *testing.T, s *suite) {
	for n := range 10 {
		s.begin(s.entry(card(n), fmt.Sprint(n), 1))
	}
	before := len(s.model.calls)
	want := s.model.content(before)
	n := 0
	for e, err := range s.Entries(s.ctx) {
		s.must(err)
		if n >= len(want.Entries) {
			t.Fatal("the loop sees what began after it")
		}
		if err := same(e, want.Entries[n]); err != nil {
			t.Fatalf("entry %d, seen while others change: %v", n, err)
		}
		last := want.Entries[len(want.Entries)-1-n]
		s.note(last.ID, purse.Progress{Acked: n + 1})
		s.end(last.ID, s.inDoubt(), s.state(last.CardApp, uint32(n)))
		s.begin(s.entry(card(100+n), "", 0))
		for inner, err := range s.Entries(s.ctx) {
			s.must(err)
			if inner.ID != want.Entries[0].ID {
				t.Fatalf("a loop in a loop begins with %v", inner.ID)
			}
			break
		}
		n++
	}
	if n != len(want.Entries) {
		t.Errorf("the loop saw %d entries, want %d", n, len(want.Entries))
	}
	s.check()
}

func contexts(t *testing.T, s *suite) {
	e, next := s.entry(card(1), "a", 1), s.entry(card(2), "b", 1)
	s.begin(e)
	o := s.happened()
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	calls := map[string]func() error{
		"NewID":   func() error { _, err := s.NewID(ctx); return err },
		"Begin":   func() error { return s.Begin(ctx, next) },
		"Note":    func() error { return s.Note(ctx, e.ID, purse.Progress{Acked: 1}) },
		"End":     func() error { return s.End(ctx, e.ID, o, nil) },
		"Keep":    func() error { return s.Keep(ctx, s.state(card(1), 1)) },
		"Entry":   func() error { _, err := s.Entry(ctx, e.ID); return err },
		"Request": func() error { _, err := s.Request(ctx, "a"); return err },
		"Open":    func() error { _, err := s.Open(ctx, card(1)); return err },
		"State":   func() error { _, err := s.State(ctx, card(1)); return err },
		"Entries": func() error { return firstError(s.Entries(ctx)) },
	}
	for name, do := range calls {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel = context.WithCancel(s.ctx)
	defer cancel()
	s.begin(s.entry(card(3), "", 0))
	seen := 0
	for _, err := range s.Entries(ctx) {
		if seen++; seen == 1 {
			s.must(err)
			cancel()
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("a loop whose context ended goes on with %v", err)
		}
	}
	if seen != 2 {
		t.Errorf("a loop whose context ended after the first entry had %d steps", seen)
	}
	s.check()
	s.begin(next)
	s.check()
}

// firstError is the first error of a loop.
func firstError(entries func(yield func(*purse.Entry, error) bool)) (first error) {
	for _, err := range entries {
		if err != nil {
			return err
		}
	}
	return nil
}

func closed(t *testing.T, s *suite) {
	e := s.entry(card(1), "a", 1)
	s.begin(e)
	next, o := s.entry(card(2), "", 0), s.happened()
	entries := s.Entries(s.ctx)
	s.must(s.Close())
	for name, err := range map[string]error{
		"NewID":   func() error { _, err := s.NewID(s.ctx); return err }(),
		"Begin":   s.Begin(s.ctx, next),
		"Note":    s.Note(s.ctx, e.ID, purse.Progress{Acked: 1}),
		"End":     s.End(s.ctx, e.ID, o, nil),
		"Keep":    s.Keep(s.ctx, s.state(card(1), 1)),
		"Entry":   func() error { _, err := s.Entry(s.ctx, e.ID); return err }(),
		"Request": func() error { _, err := s.Request(s.ctx, "a"); return err }(),
		"Open":    func() error { _, err := s.Open(s.ctx, card(1)); return err }(),
		"State":   func() error { _, err := s.State(s.ctx, card(1)); return err }(),
		"Entries": firstError(entries),
		"Close":   s.Close(),
	} {
		if err == nil {
			t.Errorf("%s of a closed journal is no error", name)
		}
	}
	s.Generation() // does not panic
	s.Journal = nil
}
