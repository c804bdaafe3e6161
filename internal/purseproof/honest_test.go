package purseproof

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// gone is the error of a reader whose card has left.
type gone struct{ sent bool }

func (e *gone) Error() string { return "the card left" }
func (e *gone) Sent() bool    { return e.sent }
func (e *gone) Removed() bool { return true }

// honest plays one world in which nobody wants harm: frames and power are lost,
// cards go from terminal to terminal, programs end in the middle.
func honest(t testing.TB, l *layout, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	l = l.varied(r)
	terminals := 3
	if l.others == purse.OthersNothing && !l.lease {
		terminals = 1
	}
	w := newWorld(t, l, seed, 2, terminals)
	for range 4 + r.IntN(5) {
		tm, p := w.terms[r.IntN(len(w.terms))], w.cards[r.IntN(len(w.cards))]
		w.honestVisit(r, tm, p)
	}
	w.settleAll()
	w.check()
	if !l.along { // which costs certainty
		w.needless()
	}
	return w
}

// varied draws what a layout leaves open.
func (l *layout) varied(r *rand.Rand) *layout {
	x := *l
	switch {
	case l.gen == wire.D40:
	case r.IntN(3) == 0:
		x.diversified = true
	case r.IntN(3) == 0 && l.gen != wire.D40:
		x.randomID = true
	}
	x.fresh = r.IntN(4) == 0
	if l.two {
		x.resumes = r.IntN(2) == 0
		x.tmKey = r.IntN(2) == 0
	}
	return &x
}

// honestVisit is a card on the reader of a terminal, for a few jobs.
func (w *world) honestVisit(r *rand.Rand, tm *terminal, p *plastic) {
	p.powerCycle()
	tm.present()
	if w.lay.lease {
		if x := w.lease[string(p.uid)]; x.by != tm {
			w.lease[string(p.uid)] = leased{tm, x.epoch + 1}
		}
	}
	v := &visit{w: w, r: r, p: p}
	for range 1 + r.IntN(3) {
		j := w.randomJob(r, tm)
		for !j.done && !j.hangs() {
			v.frame(j)
		}
		if v.dead && r.IntN(2) == 0 {
			return
		}
		if v.dead || j.failed == errStopped {
			v.dead = false
			v.p.powerCycle()
			tm.present()
		}
	}
}

// randomJob starts something that terminals do.
func (w *world) randomJob(r *rand.Rand, tm *terminal) *job {
	if r.IntN(8) == 0 {
		return tm.settle()
	}
	if tm.made == 0 || r.IntN(3) > 0 {
		tm.made++
	}
	k, amount := purse.Debit, []int32{1, 2, 5}[tm.made%3]
	if w.lay.others != purse.OthersDebit {
		switch tm.made % 7 {
		case 3:
			k = purse.Credit
		case 5:
			k = purse.LimitedCredit
		}
	}
	if k == purse.Credit && w.lay.gate(tm.number) {
		k = purse.Debit
	}
	id := fmt.Sprintf("%v-%d", tm, tm.made)
	if r.IntN(10) == 0 {
		id = ""
	}
	return tm.do(purse.Order{ID: id, Moves: w.moves(k, amount)})
}

type visit struct {
	w    *world
	r    *rand.Rand
	p    *plastic
	dead bool
}

// frame carries one frame, or does not.
func (v *visit) frame(j *job) {
	r, p := v.r, v.p
	switch {
	case j.reconnect && v.dead:
		j.err = &gone{}
		j.step()
		return
	case j.reconnect:
		j.pass(p)
		return
	case v.dead:
		j.give(nil, &gone{})
		return
	}
	odds := 14
	if j.f.ins() == wire.InsCommitTransaction {
		odds = 4
	}
	if r.IntN(odds) > 0 {
		j.pass(p)
		return
	}
	hard := v.w.lay.policy == purse.Hostile
	kind := r.IntN(9)
	v.w.tell("fault %d", kind)
	switch kind {
	case 0: // the card does not hear it
		j.lose()
	case 1: // its answer is lost
		_, _ = p.deliver(j.f)
		j.give(nil, lostFrame)
	case 2: // power lost before
		p.powerCycle()
		v.dead = true
		j.give(nil, &gone{true})
	case 3: // power lost after
		_, _ = p.deliver(j.f)
		p.powerCycle()
		v.dead = true
		j.give(nil, &gone{true})
	case 4: // the answer is cut
		answer, err := p.deliver(j.f)
		if n := len(answer); n > 0 {
			answer = answer[:r.IntN(n)]
		}
		j.give(answer, err)
	case 5: // memory fails
		p.picc.Inject(sim.Fault{Exchange: 1, Kind: sim.FailWrite})
		j.pass(p)
		p.picc.ClearFaults()
	case 6: // a bit is wrong
		answer, err := p.deliver(j.f)
		if n := len(answer); n > 0 && hard {
			answer[r.IntN(n)] ^= 1 << r.IntN(8)
		}
		j.give(answer, err)
	case 7: // the program is killed
		j.stop()
		j.done, j.failed = true, errStopped
		j.tm.open()
	case 8: // power lost, and nobody noticed; perhaps another card lies there then
		if hard {
			p.powerCycle()
			if r.IntN(2) == 0 {
				v.p = v.w.cards[r.IntN(len(v.w.cards))]
				v.p.powerCycle()
			}
		}
		j.pass(v.p)
	}
}
