package matrix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// cell is a job in a channel, with what it does when nothing goes wrong.
type cell struct {
	ch      *channel
	job     *job
	image   []byte
	states  []string // after each step, the old one first
	clean   []exchange
	foreign []exchange // of another session
}

// run is one run of a job.
type run struct {
	*cell
	t     testing.TB
	ctx   context.Context
	air   *air
	picc  *sim.Card
	card  *desfire.Card
	fault *fault
	at    int

	authenticated bool
	keyNo         wire.KeyNo
	keyMark       byte
	done          int // steps that the reader believes done
	believed      func(step int)
	fooled        [lies]string // what was believed and is not so
	err           error
}

func newCell(t testing.TB, ch *channel, j *job) *cell {
	c := &cell{ch: ch, job: j, image: ch.image(t, j.kind)}
	for seed := range byte(2) {
		r := c.start(t, nil, 0, 2*seed)
		states := []string{state(r.picc)}
		r.believed = func(int) { states = append(states, state(r.picc)) }
		if err := j.run(r); err != nil {
			t.Fatalf("%s, %s: %v", ch.name, j.name, err)
		}
		if r.done != j.steps || r.fooled != [lies]string{} || states[len(states)-1] == states[0] {
			t.Fatalf("%s, %s: %d steps of %d, %v", ch.name, j.name, r.done, j.steps, r.fooled)
		}
		if seed == 0 {
			c.states, c.clean = states, r.air.log
		} else {
			c.foreign = r.air.log
		}
	}
	return c
}

// start makes card and reader anew.
func (c *cell) start(t testing.TB, f *fault, at int, seed byte) *run {
	picc := newPICC(t, c.image, 1+seed)
	a := &air{picc: picc, act: picc.Present(), fault: f, at: at, clean: c.clean}
	if f != nil {
		a.fault = c.withForeign(f, at)
	}
	r := &run{cell: c, t: t, air: a, picc: picc, fault: f, at: at}
	r.ctx, a.cancel = context.WithCancelCause(context.Background())
	card, err := desfire.Connect(r.ctx, a, &desfire.Config{Generation: c.ch.gen, Rand: seeded(2 + seed)})
	if err != nil {
		t.Fatal(err)
	}
	r.card = card
	if f != nil && f.cancelBefore && at == 1 {
		a.cancel(context.Canceled)
	}
	return r
}

// withForeign gives a fault the answer of another session where it needs one.
func (c *cell) withForeign(f *fault, at int) *fault {
	if !f.foreign {
		return f
	}
	x := *f
	x.shown = answer(func(*air, []byte) []byte { return bytes.Clone(c.foreign[min(at, len(c.foreign))-1].answer) })
	return &x
}

// play runs the job with the fault.
func (c *cell) play(t testing.TB, f *fault, at int) *run {
	r := c.start(t, f, at, 0)
	r.air.record()
	r.believed = func(step int) {
		if state(r.picc) != c.states[step] {
			r.fooled[believedStep] = fmt.Sprintf("step %d", step)
		}
	}
	r.err = c.job.run(r)
	return r
}

// claim is what the reader says about the step that it does not say is done.
type claim uint8

const (
	claimDone claim = iota
	claimNot
	claimUnknown
	claimPart // so many bytes are written, and no more
	claims
)

func claimOf(err error) claim {
	switch {
	case err == nil:
		return claimDone
	case errors.As(err, new(*desfire.OutcomeUnknownError)):
		return claimUnknown
	case errors.As(err, new(*desfire.PartialWriteError)):
		return claimPart
	}
	return claimNot
}

// lie is a way to be wrong.
type lie uint8

const (
	believedData  lie = iota // read something that the card does not hold
	believedStep             // took a step for done that is not
	deniedStep               // says that a step is not done, and it is
	neither                  // says unknown, and the card is in a third state
	unsafeRetry              // says that repeating is safe, and it is not
	retryRefused             // says that repeating is safe, and the card refuses
	plainBelieved            // took an answer in plain, the session being gone
	oldWentAlong             // what was left pending went along with the next commit
	lies
)

func (l lie) String() string {
	return [...]string{"false data believed", "believed done, is not", "said not done, is", "neither old nor new", "repeating does it twice",
		"repeating is refused", "plain answer believed", "old changes committed"}[l]
}

// outcome is what came of a case.
type outcome struct {
	shown   []shown
	claim   claim
	seen    string // all that the reader saw
	state   string // of the card
	refused bool   // the reader reports a refusal
	retried bool
	lies    [lies]string // what happened, "" for none
}

// judge runs one case and everything that may follow it.
func (c *cell) judge(t testing.TB, f *fault, at int) *outcome {
	r := c.play(t, f, at)
	r.air.deliverLate()
	o := &outcome{shown: r.air.told, claim: claimOf(r.err), seen: string(r.air.seen.Sum(nil)), state: state(r.picc), lies: r.fooled}
	o.refused = errors.As(r.err, new(*desfire.CommandError))
	is := func(step int) bool { return step < len(c.states) && o.state == c.states[step] }
	switch {
	case o.claim == claimDone && !is(c.job.steps):
		o.lies[believedStep] = "the job"
	case o.claim == claimNot && o.lies[believedStep] == "" && !is(r.done):
		o.lies[deniedStep] = r.err.Error()
	case o.claim == claimPart && !c.partly(r):
		o.lies[deniedStep] = r.err.Error()
	case o.claim == claimUnknown && o.lies[believedStep] == "" && !is(r.done) && !is(r.done+1) && !c.partly(r):
		o.lies[neither] = r.err.Error()
	}
	if desfire.SafeToRetry(r.err) {
		o.retried = true
		c.retry(r, o)
	}
	if r.err == nil {
		return o
	}
	for _, p := range probes {
		if p.can(r) {
			if why := p.run(c.play(t, f, at)); why != "" {
				o.lies[p.lie] = p.name + ": " + why
			}
		}
	}
	return o
}

// partly reports whether a write was done in part and the reader says so.
func (c *cell) partly(r *run) bool {
	if c.job.partial == nil {
		return false
	}
	var part *desfire.PartialWriteError
	var unknown *desfire.OutcomeUnknownError
	isPart, isUnknown := errors.As(r.err, &part), errors.As(r.err, &unknown)
	least, most := -1, written // in part, whatever that is
	switch {
	case isPart && !isUnknown:
		least, most = part.Written, part.Written
	case isPart:
		least = part.Written
	}
	return (isPart || isUnknown && unknown.Partial) && c.job.partial(c.ch, r.picc.Image(), least, most)
}

// retry repeats the job, as a caller does who was told that it is safe.
func (c *cell) retry(r *run, o *outcome) {
	again := *r
	again.done, again.believed, again.fooled = 0, nil, [lies]string{}
	again.ctx = context.Background()
	again.air.fault, again.air.seen = nil, nil
	if again.air.dead || r.fault.truth == powerBefore || r.fault.truth == powerAfter {
		if err := again.card.Reconnect(again.ctx); err != nil {
			o.lies[retryRefused] = err.Error()
			return
		}
	}
	if err := c.job.run(&again); err != nil {
		o.lies[retryRefused] = err.Error()
	} else if state(again.picc) != c.states[c.job.steps] {
		o.lies[unsafeRetry] = "the card is not as after one job"
	}
}

// probe is what a caller or an attacker does after the fault.
type probe struct {
	name string
	lie  lie
	can  func(r *run) bool
	run  func(r *run) string // "" if nothing was believed or done wrongly
}

var probes = []probe{
	{"Value", plainBelieved, func(r *run) bool { return r.authenticated && r.ch.mode != wire.CommPlain }, func(r *run) string {
		r.forgeAll([]byte{0xFF, 0xFF, 0, 0, 0x91, 0x00})
		if v, err := r.card.Value(r.ctx, valueFile); err == nil {
			return fmt.Sprintf("%d", v)
		}
		return ""
	}},
	{"Debit and Commit", plainBelieved, func(r *run) bool { return r.authenticated }, func(r *run) string {
		r.forgeAll([]byte{0x91, 0x00})
		if _, err := r.card.Transact(r.ctx, func() error { return r.card.Debit(r.ctx, valueFile, 1) }); err == nil {
			return "9100"
		}
		return ""
	}},
	{"going on", oldWentAlong, func(r *run) bool { return true }, func(r *run) string { return r.goOn(false) }},
	{"going on after authentication", oldWentAlong, func(r *run) bool { return r.authenticated }, func(r *run) string { return r.goOn(true) }},
}

func (r *run) forgeAll(answer []byte) {
	r.ctx = context.Background()
	r.air.dead = false
	r.air.forge = func([]byte) []byte { return append([]byte(nil), answer...) }
}

// goOn debits 1 without selecting the application again: what was left pending
// must not go along.
func (r *run) goOn(authenticate bool) string {
	r.ctx = context.Background()
	r.air.dead = false
	r.air.deliverLate()
	if authenticate {
		if err := r.authenticate(r.keyNo, r.keyMark); err != nil {
			return ""
		}
	}
	before, ok := value(r.picc)
	if !ok {
		return ""
	}
	if _, err := r.card.Transact(r.ctx, func() error { return r.card.Debit(r.ctx, valueFile, 1) }); err != nil {
		return ""
	}
	if after, _ := value(r.picc); after < before-1 || after > before {
		return fmt.Sprintf("a debit of 1 took %d", before-after)
	}
	return ""
}

// shown is what the reader saw in an exchange.
type shown struct {
	answer []byte
	err    error
}

// twins are the states in which other runs end in which the reader sees the
// same: the commands reach the card although the answers are those of the first
// run, or the card takes chained data as a whole. An answer is shown without the
// card only if it carries no MAC, or is the one that the reader did not believe.
func (c *cell) twins(t testing.TB, f *fault, at int, o *outcome) (states []string) {
	for _, kind := range []string{"all reach the card", "all but the last", "not streamed"} {
		r := c.start(t, f, at, 0)
		if kind == "not streamed" {
			q := sim.QuirksOf(c.ch.gen)
			q.StreamedWrites = false
			r.picc = newPICCWith(t, c.image, 1, &q)
			r.air.picc, r.air.act = r.picc, r.picc.Present()
		} else {
			r.air.replay, r.air.spare = o.shown, 0
			if kind == "all but the last" {
				r.air.spare = len(o.shown)
			}
			r.air.free = c.ch.mode == wire.CommPlain
		}
		r.air.record()
		_ = c.job.run(r)
		r.air.deliverLate()
		if !r.air.impossible && string(r.air.seen.Sum(nil)) == o.seen {
			states = append(states, state(r.picc))
		}
	}
	return states
}
