package journaltest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/purse"
)

// several writes and reads from several goroutines.
func several(t *testing.T, s *suite) {
	const workers, each = 4, 10
	var wg sync.WaitGroup
	errs := make(chan error, 2*workers)
	for w := range workers {
		var all []*purse.Entry
		for n := range each {
			all = append(all, s.entry(card(w), fmt.Sprint(w, " ", n), 1))
		}
		o := s.happened()
		wg.Go(func() {
			for _, e := range all {
				err := s.Begin(s.ctx, e)
				if err == nil {
					err = s.Note(s.ctx, e.ID, purse.Progress{Acked: 2})
				}
				if err == nil {
					err = s.End(s.ctx, e.ID, o, nil)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
		wg.Go(func() {
			for range each {
				for e, err := range s.Entries(s.ctx) {
					if err != nil || e.Outcome() != nil && e.Progress.Acked != 2 {
						errs <- fmt.Errorf("a loop beside writers: %v, %w", e, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	ids := map[purse.ID]bool{}
	perCard := map[purse.CardApp]int{}
	for e, err := range s.Entries(s.ctx) {
		s.must(err)
		if want := fmt.Sprint(int(e.UID[13]-'0'), " ", perCard[e.CardApp]); e.Request != want || ids[e.ID] || e.IsOpen() {
			t.Errorf("entry %v of request %q, want %q once and ended", e.ID, e.Request, want)
		}
		ids[e.ID] = true
		perCard[e.CardApp]++
	}
	if len(ids) != workers*each {
		t.Errorf("%d entries, want %d", len(ids), workers*each)
	}
}

// step makes one random call.
func (s *suite) step(r *rand.Rand) {
	s.Helper()
	have := s.model.content(len(s.model.calls))
	c := card(r.IntN(4))
	open := have.open(c)
	pick := func() *purse.Entry {
		if open != nil && r.IntN(4) > 0 {
			return open
		}
		if len(have.Entries) == 0 {
			return nil
		}
		return have.Entries[r.IntN(len(have.Entries))]
	}
	switch what := r.IntN(10); {
	case what < 3 && open == nil:
		request, attempt := fmt.Sprint("r", r.IntN(3)), 1
		if before := have.request(request); before != nil {
			attempt = before.Attempt + 1
		}
		s.begin(s.entry(c, request, attempt))
	case what < 6:
		if e := pick(); e != nil {
			s.note(e.ID, purse.Progress{Acked: r.IntN(4), CommitSent: r.IntN(2) == 0, TMI: purse.Hex{byte(r.Uint32())}})
		}
	case what < 9:
		e := pick()
		if e == nil {
			return
		}
		o := s.outcome(purse.Decision(1+r.IntN(3)), purse.RuleSlot)
		if o.Decision == purse.InDoubt {
			if other := have.open(e.CardApp); other != nil && other.ID != e.ID {
				return
			}
		}
		var state *purse.CardState
		if r.IntN(2) == 0 {
			state = s.state(e.CardApp, r.Uint32())
		}
		s.end(e.ID, o, state)
	default:
		s.keep(s.state(c, r.Uint32()))
	}
}

// random makes random calls and compares after each.
func random(_ *testing.T, s *suite) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // no secret
	for range 100 {
		s.step(r)
		s.check()
	}
}

// survive makes random calls, ends the use of the journal and compares.
func (s *suite) survive(seed uint64, times int, stop func() error) {
	s.Helper()
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // no secret
	for range times {
		for range r.IntN(12) {
			s.step(r)
		}
		s.must(stop())
		s.open()
		s.checkPrefix()
	}
}

func reopened(t *testing.T, s *suite) {
	if _, forgets := s.place.(Forgetful); forgets {
		t.Skip("it ends with Close")
	}
	before := s.Generation()
	s.survive(1, 20, func() error {
		s.model.durable = len(s.model.calls)
		return s.Close()
	})
	if s.Generation() != before {
		t.Errorf("closed and opened, it has generation %v and had %v", s.Generation(), before)
	}
}

func killed(t *testing.T, s *suite) {
	killer, ok := s.place.(Killer)
	if !ok {
		t.Skip("nothing of it outlives its process")
	}
	s.survive(2, 30, func() error {
		s.model.durable = len(s.model.calls)
		return killer.Kill(s.Journal)
	})
}

func powerCut(t *testing.T, s *suite) {
	cutter, ok := s.place.(PowerCutter)
	if !ok {
		t.Skip("nothing of it outlives a loss of power")
	}
	s.survive(3, 60, func() error { return cutter.CutPower(s.Journal) })
}
