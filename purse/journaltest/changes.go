package journaltest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/purse"
)

// log is the journal as a log of changes; false if it is none.
func (s *suite) log() (purse.ChangeLog, bool) {
	l, ok := s.Journal.(purse.ChangeLog)
	return l, ok
}

// changesOf reads all changes after a number, a few at a time, and checks their numbers.
func (s *suite) changesOf(after uint64) (all []purse.Logged) {
	s.Helper()
	l, _ := s.log()
	for {
		some, err := l.Changes(s.ctx, after, 3)
		s.must(err)
		if len(some) == 0 {
			last, err := l.LastChange(s.ctx)
			s.must(err)
			if last < after || len(all) > 0 && last != after {
				s.Fatalf("the last change is %d, and changes go up to %d", last, after)
			}
			return all
		}
		for _, c := range some {
			if c.Seq <= after || (c.Entry == nil) == (c.Found == nil) || len(some) > 3 {
				s.Fatalf("after %d came change %d: %s", after, c.Seq, text(c))
			}
			after = c.Seq
			all = append(all, c)
		}
	}
}

func changes(t *testing.T, s *suite) {
	l, ok := s.log()
	if !ok {
		return
	}
	if all := s.changesOf(0); len(all) != 0 {
		t.Fatalf("a new journal has changes: %s", text(all))
	}
	wake := l.Changed()
	a, b := s.entry(card(1), "a", 1), s.entry(card(2), "b", 1)
	s.begin(a)
	select {
	case <-wake:
	default:
		t.Error("Begin wakes nobody")
	}
	s.begin(b)
	ids := func(after uint64) (ids []purse.ID) {
		for _, c := range s.changesOf(after) {
			if c.Entry != nil {
				ids = append(ids, c.Entry.ID)
			}
		}
		return ids
	}
	if got := ids(0); !slices.Equal(got, []purse.ID{a.ID, b.ID}) {
		t.Fatalf("changed are %v", got)
	}
	before, err := l.LastChange(s.ctx)
	s.must(err)
	for _, change := range []func(){
		func() { s.note(a.ID, purse.Progress{Acked: 1}) },
		func() { s.end(a.ID, s.happened(), s.state(card(1), 7)) },
	} {
		wake = l.Changed()
		change()
		select {
		case <-wake:
		default:
			t.Error("a change wakes nobody")
		}
	}
	s.keep(s.state(card(3), 1))
	if got := ids(before); !slices.Equal(got, []purse.ID{a.ID}) {
		t.Errorf("changed since are %v", got)
	}
	for _, c := range s.changesOf(0) {
		want := s.model.content(len(s.model.calls))
		i := slices.IndexFunc(want.Entries, func(e *purse.Entry) bool { return e.ID == c.Entry.ID })
		if err := same(c.Entry, want.Entries[i]); err != nil {
			t.Error(err)
		}
		c.Entry.Meta["gate"] = "changed"
	}
	if got := ids(0); !slices.Equal(got, []purse.ID{b.ID, a.ID}) {
		t.Errorf("changed are %v", got)
	}
	s.check()
}

func findings(t *testing.T, s *suite) {
	l, ok := s.log()
	if !ok {
		return
	}
	f := &purse.Found{ID: purse.NewID(purse.Generation{9}, 4, [6]byte{1}), CardApp: card(1), Outcome: s.didNot()}
	wake := l.Changed()
	s.must(l.Find(s.ctx, f))
	select {
	case <-wake:
	default:
		t.Error("a finding wakes nobody")
	}
	f.Outcome.Evidence.Slot[0] = 77
	all := s.changesOf(0)
	if len(all) != 1 || all[0].Found == nil || all[0].Found.ID != f.ID || all[0].Found.Outcome.Evidence.Slot[0] == 77 {
		t.Fatalf("found is %s", text(all))
	}
	for name, f := range map[string]*purse.Found{
		"none": nil, "no id": {CardApp: card(1), Outcome: s.didNot()}, "no card": {ID: f.ID, Outcome: s.didNot()},
		"no decision": {ID: f.ID, CardApp: card(1)},
	} {
		if l.Find(s.ctx, f) == nil {
			t.Errorf("a finding with %s is no error", name)
		}
	}
	s.check()
	if n, err := l.Forget(s.ctx, all[0].Seq-1, purse.At(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))); n != 0 || err != nil || len(s.changesOf(0)) != 1 {
		t.Errorf("a finding is forgotten that nobody confirmed: %d, %v", n, err)
	}
	if _, err := l.Forget(s.ctx, all[0].Seq, purse.At(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))); err != nil || len(s.changesOf(0)) != 0 {
		t.Errorf("a finding stays: %v", err)
	}
}

func marks(t *testing.T, s *suite) {
	l, ok := s.log()
	if !ok {
		return
	}
	look := func(name string, want []byte) {
		t.Helper()
		if got, err := l.Marked(s.ctx, name); err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("mark %q is %x, want %x: %v", name, got, want, err)
		}
	}
	look("a", nil)
	v := []byte{1, 2}
	s.must(l.Mark(s.ctx, "a", v))
	v[0] = 7
	look("a", []byte{1, 2})
	s.must(l.Mark(s.ctx, "a", nil))
	look("a", []byte{})
	s.must(l.Mark(s.ctx, "a", []byte{3}))
	for n := range 15 {
		s.must(l.Mark(s.ctx, fmt.Sprint("m", n), []byte{byte(n)}))
	}
	s.must(l.Mark(s.ctx, "m3", []byte{33}))
	for name, err := range map[string]error{
		"no name": l.Mark(s.ctx, "", nil), "a long name": l.Mark(s.ctx, string(make([]byte, 65)), nil),
		"a long value": l.Mark(s.ctx, "a", make([]byte, 4097)), "one too many": l.Mark(s.ctx, "b", nil),
	} {
		if err == nil {
			t.Errorf("a mark with %s is no error", name)
		}
	}
	if _, forgets := s.place.(Forgetful); !forgets {
		s.reopen()
		l, _ = s.log()
	}
	look("a", []byte{3})
	look("m3", []byte{33})
	if n := len(s.changesOf(0)); n != 0 {
		t.Errorf("marks are %d changes", n)
	}
}

func forget(t *testing.T, s *suite) {
	l, ok := s.log()
	if !ok {
		return
	}
	day := func(n int) purse.Time { return purse.At(time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC)) }
	made := map[string]purse.ID{}
	add := func(name string, c int, request string, attempt, began, ended int) {
		e := s.entry(card(c), request, attempt)
		e.Began = day(began)
		s.must(s.Begin(s.ctx, e))
		made[name] = e.ID
		o := s.happened()
		if o.Time = day(ended); name == "in doubt" {
			o = s.inDoubt()
			o.Time = day(1)
		}
		if ended > 0 {
			s.must(s.End(s.ctx, e.ID, o, s.state(card(c), uint32(began))))
		}
	}
	add("old", 1, "old", 1, 1, 1)
	add("of a request that stays", 1, "again", 1, 1, 1)
	add("of a request that goes", 1, "gone", 1, 1, 1)
	add("last of it", 1, "gone", 2, 1, 1)
	add("decided later", 1, "", 0, 1, 9)
	add("second of a request that stays", 1, "again", 2, 9, 9)
	add("last of a card", 2, "", 0, 1, 1)
	add("open", 3, "", 0, 1, 0)
	add("in doubt", 4, "", 0, 1, 1)
	add("not confirmed", 5, "", 0, 1, 1)
	confirmed, err := l.LastChange(s.ctx)
	s.must(err)
	s.must(s.Note(s.ctx, made["not confirmed"], purse.Progress{Acked: 1}))
	add("after it", 5, "", 0, 1, 1)
	if n, err := l.Forget(s.ctx, 0, day(5)); n != 0 || err != nil {
		t.Fatalf("%d entries are forgotten that nobody confirmed: %v", n, err)
	}
	if n, err := l.Forget(s.ctx, confirmed, day(1)); n != 0 || err != nil {
		t.Fatalf("%d entries are forgotten that are not old: %v", n, err)
	}
	gone := []string{"old", "of a request that goes", "last of it"}
	if n, err := l.Forget(s.ctx, confirmed, day(5)); n != len(gone) || err != nil {
		t.Fatalf("%d entries are forgotten, not %d: %v", n, len(gone), err)
	}
	check := func() {
		t.Helper()
		left := map[purse.ID]bool{}
		for e, err := range s.Entries(s.ctx) {
			s.must(err)
			left[e.ID] = true
		}
		changed := map[purse.ID]bool{}
		for _, c := range s.changesOf(0) {
			changed[c.Entry.ID] = true
		}
		for name, id := range made {
			want := !slices.Contains(gone, name)
			e, err := s.Entry(s.ctx, id)
			s.must(err)
			if left[id] != want || changed[id] != want || (e != nil) != want {
				t.Errorf("%q: in Entries %t, in Changes %t, Entry %t, want %t", name, left[id], changed[id], e != nil, want)
			}
		}
		if e, err := s.Request(s.ctx, "gone"); e != nil || err != nil {
			t.Errorf("a request whose attempts are gone: %v %v", e, err)
		}
		if e, err := s.Request(s.ctx, "again"); e == nil || e.ID != made["second of a request that stays"] || err != nil {
			t.Errorf("a request: %v %v", e, err)
		}
		if e, err := s.Open(s.ctx, card(3)); e == nil || err != nil {
			t.Errorf("what is open: %v %v", e, err)
		}
		if x, err := s.State(s.ctx, card(1)); x == nil || err != nil {
			t.Errorf("the state of a card is gone: %v", err)
		}
	}
	check()
	if _, forgets := s.place.(Forgetful); !forgets {
		s.reopen()
		check()
	}
	s.must(s.Begin(s.ctx, s.entry(card(1), "gone", 1)))
	if k, ok := s.place.(Killer); ok {
		s.must(k.Kill(s.Journal))
		s.open()
		check := s.changesOf(0)
		if e := check[len(check)-1].Entry; e == nil || e.Request != "gone" {
			t.Errorf("the last change is %s", text(check[len(check)-1]))
		}
	}
}

// numbers makes random calls and ends the use of the journal: no number is given twice to
// something else, and what changed last comes last.
func (s *suite) numbers(seed uint64, stop func() error) {
	s.Helper()
	r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // no secret
	seen := map[uint64]string{}
	highest := uint64(0)
	look := func() {
		s.Helper()
		for _, c := range s.changesOf(0) {
			t := text(c)
			if was, ok := seen[c.Seq]; ok && was != t {
				s.Fatalf("change %d was\n%s and is\n%s", c.Seq, was, t)
			} else if !ok && c.Seq <= highest {
				s.Fatalf("change %d is new, and %d was there before", c.Seq, highest)
			}
			seen[c.Seq] = t
		}
		l, _ := s.log()
		last, err := l.LastChange(s.ctx)
		s.must(err)
		highest = max(highest, last)
	}
	for range 20 {
		for range r.IntN(8) {
			s.step(r)
			look()
		}
		s.must(stop())
		s.open()
		s.checkPrefix()
		for _, c := range s.changesOf(0) {
			if was, ok := seen[c.Seq]; !ok || was != text(c) {
				s.Fatalf("opened again, change %d was\n%s and is\n%s", c.Seq, was, text(c))
			}
		}
		highest = 0
		for n := range seen {
			highest = max(highest, n)
		}
	}
}

func numbers(_ *testing.T, s *suite) {
	if _, ok := s.log(); !ok {
		return
	}
	if cutter, ok := s.place.(PowerCutter); ok {
		s.numbers(1, func() error { return cutter.CutPower(s.Journal) })
	}
	if killer, ok := s.place.(Killer); ok {
		s.numbers(2, func() error {
			s.model.durable = len(s.model.calls)
			return killer.Kill(s.Journal)
		})
	}
}
