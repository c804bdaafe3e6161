package purseproof

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/purse"
)

// limit is how many frames a job may take: beyond it, it hangs.
const limit = 300

// pass gives the frame that waits to a card, and the job its answer.
func (j *job) pass(p *plastic) {
	if j.reconnect {
		p.powerCycle()
		j.err = nil
		j.step()
		return
	}
	if j.s != nil {
		j.s.give(j.s.pass(p, len(j.s.frames)))
		return
	}
	answer, err := p.deliver(j.f)
	j.give(answer, err)
}

// run ends a job with an honest card.
func (j *job) run(p *plastic) *job {
	j.tm.before = p
	for !j.done && !j.hangs() {
		j.pass(p)
	}
	return j
}

func (j *job) hangs() bool {
	if j.n <= limit {
		return false
	}
	j.tm.w.fault("%v: %s does not end after %d frames", j.tm, j.what, j.n)
	j.stop()
	j.done, j.failed = true, errStopped
	return true
}

// until passes frames until one of these commands waits, or the job is done.
func (j *job) until(p *plastic, ins ...byte) *job {
	for !j.done && !j.hangs() && (j.f == nil || !slices.Contains(ins, j.f.ins())) {
		j.pass(p)
	}
	if j.done {
		j.tm.w.t.Errorf("%v: no command %X in %s: %v", j.tm.w.lay, ins, j.what, j.failed)
	}
	return j
}

// lose answers nothing, and returns the frame, which the card has not seen.
func (j *job) lose() *frame {
	f := j.f
	j.give(nil, lostFrame)
	return f
}

// entries are those of a terminal.
func (tm *terminal) entries() (all []*purse.Entry) {
	for e, err := range tm.journal.Entries(context.Background()) {
		if err != nil {
			tm.w.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// opened are the cards on which something of a terminal is open.
func (tm *terminal) opened() (all []*plastic) {
	for _, e := range tm.entries() {
		if p := tm.w.cardOf(e); e.IsOpen() && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

func (w *world) cardOf(e *purse.Entry) *plastic {
	for _, p := range w.cards {
		if strings.EqualFold(hex.EncodeToString(p.uid), e.UID) {
			return p
		}
	}
	w.fault("an entry of card %s, which there is not", e.UID)
	return w.cards[0]
}

// check compares all decisions with what the cards did.
func (w *world) check() {
	for _, tm := range w.terms {
		happened := map[string]int{}
		for _, e := range tm.entries() {
			is := w.cardOf(e).truth(e)
			if is == twice {
				w.fault("%v: %v %v was committed twice", tm, e.ID, e.Moves)
			}
			for _, o := range e.Outcomes {
				switch {
				case o.Rule == purse.RuleOperator:
				case o.Decision == purse.Happened && is != whole, o.Decision == purse.DidNot && is != none:
					w.fault("%v: %v %v: %v by rule %s (%s), and in truth it %v", tm, e.ID, e.Moves, o.Decision, o.Rule, o.Why, is)
				}
			}
			if e.Request != "" && is != none {
				happened[e.Request]++
			}
		}
		for r, n := range happened {
			if n > 1 {
				w.fault("%v: request %s happened %d times", tm, r, n)
			}
		}
	}
}

// settleAll lets every terminal settle what it left open, with honest cards.
func (w *world) settleAll() {
	for range 2 {
		for _, tm := range w.terms {
			for _, p := range tm.opened() {
				p.powerCycle()
				tm.present()
				tm.settle().run(p)
			}
		}
	}
}

// tally counts what became of changes.
type tally struct {
	runs, changes int
	happened      int
	didNot        int
	doubt         map[purse.Rule]int
	by            map[string]int // decision and rule
	alarms        map[string]int
	centre        map[purse.Rule]int // in doubt when all have reported
	part          int                // and when some have
}

func (y *tally) add(w *world) {
	if y.doubt == nil {
		y.doubt, y.by, y.alarms = map[purse.Rule]int{}, map[string]int{}, map[string]int{}
		y.centre = map[purse.Rule]int{}
	}
	y.runs++
	r := rand.New(rand.NewPCG(w.seed, 4))
	if doubt, _ := w.reconcile(w.reports(r, false), "some reports"); len(doubt) > 0 {
		for _, n := range doubt {
			y.part += n
		}
	}
	doubt, alarms := w.reconcile(w.reports(r, true), "all reports")
	for rule, n := range doubt {
		y.centre[rule] += n
	}
	y.alarms["centre"] += alarms
	for _, tm := range w.terms {
		for _, e := range tm.entries() {
			y.changes++
			o := e.Outcome()
			switch {
			case o == nil:
				y.doubt[purse.RuleNone]++
				continue
			case o.Decision == purse.Happened:
				y.happened++
			case o.Decision == purse.DidNot:
				y.didNot++
			default:
				y.doubt[o.Rule]++
			}
			y.by[fmt.Sprintf("%v by %s", o.Decision, o.Rule)]++
			for _, a := range o.Alarms {
				y.alarms[string(a.Rule)]++
			}
		}
	}
}

func (y *tally) undecided() (n int) {
	for _, k := range y.doubt {
		n += k
	}
	return n
}
