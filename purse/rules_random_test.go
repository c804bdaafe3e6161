package purse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
)

// tally counts what became of histories.
type tally struct {
	runs, wrong        int
	decided, undecided map[Rule]int
	relayed            int // of them decided with a relay excluded
	relayedWrong       int
	first              string
}

// history makes one history and judges the entry of terminal 0. lie, if not nil,
// spoils what is judged.
func (c *tally) history(seed uint64, lie func(*Entry, *Evidence)) {
	m := newModel(rand.New(rand.NewPCG(seed, 1)))
	m.movable = m.leased
	for range m.IntN(3) {
		m.other()
	}
	m.movable = false
	if m.one(2) { // an earlier one of ours
		m.job(m.id(), 0, []movement{{m.id(), 0, 0}})
	}
	id := m.id()
	moves := []movement{{id, 0, -30}}
	if m.one(4) {
		moves[0].d = 30
	}
	if m.files == 2 && m.one(2) {
		moves = append(moves, movement{id, 1, []int64{-30, 5}[m.IntN(2)]})
	}
	e := m.job(id, 0, moves)
	if e == nil {
		return
	}
	state := &CardState{HasTMC: e.HasTMAC && m.macs(), TMC: e.TMC0, TMV: e.TMV0, LRP: e.LRP}
	ev := &Evidence{CommitAcked: true, SameCard: true, Protected: m.macs()}
	if _, acked := e.Meta["acked"]; acked {
		if m.tmac {
			n := m.number(m.tmc)
			ev.TMC, ev.TMV = &n, &m.tmv
		}
	} else {
		m.movable = m.leaseLost
		for range m.IntN(6) {
			m.other()
		}
		ev = m.settle(e, m.one(2))
	}
	if lie != nil {
		lie(e, ev)
	}
	o := Decide(e, ev, state)
	// What is not excluded can still happen.
	for range m.IntN(3) {
		m.other()
	}
	c.runs++
	did := m.done[id]
	wrong := o.Decision == Happened && did != len(moves) || o.Decision == DidNot && did != 0
	switch {
	case wrong:
		if c.wrong++; c.first == "" {
			c.first = fmt.Sprintf("seed %d: %v by %s (%s), %d of %d movements were made\nworld %+v\nentry %+v\nevidence %+v", seed, o.Decision, o.Rule, o.Why, did, len(moves), m.world, *e, *ev)
		}
	case o.Decision == InDoubt:
		c.undecided[o.Rule]++
	default:
		c.decided[o.Rule]++
	}
	if o.RelayExcluded {
		if c.relayed++; wrong {
			c.relayedWrong++
		}
	}
}

func newTally() *tally { return &tally{decided: map[Rule]int{}, undecided: map[Rule]int{}} }

// No random history is decided wrongly: with a relay, or with accidents only.
func TestRandomHistories(t *testing.T) {
	n := uint64(120_000)
	if testing.Short() {
		n = 20_000
	}
	c := newTally()
	for seed := range n {
		c.history(seed, nil)
	}
	if c.wrong > 0 {
		t.Errorf("%d of %d histories were decided wrongly; the first one: %s", c.wrong, c.runs, c.first)
	}
	// Each rule has had its say, so that none of them is right because it is never asked.
	for _, r := range []Rule{RuleCommit, RuleTMV, RuleOtherOwner, RuleReaderID, RuleSlot, RuleRecord, RuleCounter, RuleValue, RuleDebitOnly} {
		if c.decided[r] == 0 {
			t.Errorf("rule %s decided %d of %d histories only", r, c.decided[r], c.runs)
		}
	}
	for _, r := range []Rule{RuleNone, RuleReceipt, RuleOtherHistory, RuleNoKey, RuleBothWays} {
		if c.undecided[r] == 0 {
			t.Errorf("no history was in doubt by rule %s", r)
		}
	}
	t.Logf("%d histories, %d wrong; decided by %v; in doubt by %v", c.runs, c.wrong, c.decided, c.undecided)
}

// Under the policy of accidents a relay fools rules, but none that says that a relay
// is excluded.
func TestRelayExcluded(t *testing.T) {
	c := newTally()
	for seed := range uint64(30_000) {
		c.history(seed, asAccidents)
	}
	if c.wrong == 0 || c.relayed == 0 || c.relayedWrong > 0 {
		t.Errorf("%d wrong, %d with a relay excluded, %d of these wrong; the first: %s", c.wrong, c.relayed, c.relayedWrong, c.first)
	}
}

// asAccidents is an entry as a terminal would have written it that excludes only
// accidents.
func asAccidents(e *Entry, _ *Evidence) {
	if e.Policy = Accidents; e.Progress.CommitSent {
		e.Progress.Acked = 9
	}
	e.BeginFence = true
}

// Each condition is needed: where it is said to hold and does not, histories are
// decided wrongly. It shows as well that the test above can fail.
func TestConditionsAreNeeded(t *testing.T) {
	for name, lie := range map[string]func(*Entry, *Evidence){
		"a fence":             func(_ *Entry, v *Evidence) { v.Fence = Fence(desfire.FenceAbort) },
		"confirmed movements": func(e *Entry, _ *Evidence) { e.Progress.Acked = 9 },
		"MACs now":            func(_ *Entry, v *Evidence) { v.Protected = true },
		"a session with MACs": func(e *Entry, v *Evidence) { e.Scheme, v.Protected = "ev1", true; fromSession(e) },
		"nobody else":         func(e *Entry, v *Evidence) { e.Others, v.LeaseHeld = OthersNothing, true },
		"others only debit":   func(e *Entry, _ *Evidence) { e.Others = OthersDebit },
		"the begin fence":     func(e *Entry, _ *Evidence) { e.BeginFence = true },
		"a named reader":      func(e *Entry, v *Evidence) { e.NamesReader = true },
		"all records":         func(_ *Entry, v *Evidence) { v.AllRecords = true },
		"a policy":            func(e *Entry, _ *Evidence) { e.Policy = Accidents },
		"a fresh counter": func(e *Entry, v *Evidence) {
			if v.TMC != nil {
				e.TMC0, e.TMV0 = *v.TMC, *v.TMV
			}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			c := newTally()
			for seed := uint64(0); seed < 60_000 && c.wrong == 0; seed++ {
				c.history(seed, lie)
			}
			if c.wrong == 0 {
				t.Errorf("%d histories, and it made no difference", c.runs)
			}
		})
	}
}

func fromSession(e *Entry) {
	e.Values = slices.Clone(e.Values)
	for i := range e.Values {
		e.Values[i].Source = FromSession
	}
}
