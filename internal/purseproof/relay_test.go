package purseproof

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// relay lies between all terminals and all cards. It knows no key of the purse,
// but key 2 of the application, which reads.
type relay struct {
	w       *world
	r       *rand.Rand
	at      map[*terminal]*plastic // which card a terminal talks to
	held    []*frame               // commands that it kept
	answers [][]byte               // that it saw

	rate    int // interferes with one in rate frames
	forging int // forges forging of 4 selections
}

var (
	plainCommit  = []byte{0x90, wire.InsCommitTransaction, 0, 0, 0}
	optionCommit = []byte{0x90, wire.InsCommitTransaction, 0, 0, 1, 1, 0}
	plainAbort   = []byte{0x90, wire.InsAbortTransaction, 0, 0, 0}
	getChallenge = []byte{0x00, 0x84, 0, 0, 8}
)

// direct is the relay's own link to a card.
type direct struct{ p *plastic }

func (d direct) Limits() (command, response int, framing desfire.Framing) {
	return 60, 258, desfire.FramingWrapped
}

func (d direct) Transmit(_ context.Context, command []byte) ([]byte, error) {
	return d.p.deliver(&frame{bytes: bytes.Clone(command)})
}

func (y *relay) tell(p *plastic, command []byte) {
	answer, _ := p.deliver(&frame{bytes: command})
	y.w.tell("relay: %X > %X", command, tail(answer))
}

// session opens a session with key 2 where the card stands; selects tells whether
// it selects first, which drops what is pending.
func (y *relay) session(p *plastic, selects bool) *desfire.Card {
	ctx := context.Background()
	l := y.w.lay
	c, err := desfire.Connect(ctx, direct{p}, &desfire.Config{Generation: l.gen, Rand: seeded(y.w.seed, "relay"), Unguarded: true})
	if err != nil {
		return nil
	}
	if selects && c.Select(ctx, l.place()) != nil {
		return nil
	}
	err = c.AuthenticateWith(ctx, l.method, 2, l.keyNo(2, p.uid))
	y.w.tell("relay: session of key 2, %v", err)
	if err != nil {
		return nil
	}
	return c
}

// intrude does something of the relay's own on a card.
func (y *relay) intrude(p *plastic) {
	ctx := context.Background()
	if y.w.lay.scripts != noScripts && y.r.IntN(4) == 0 {
		y.tell(p, openRead().bytes)
		return
	}
	n := 11
	if y.w.lay.two {
		n = 14
	}
	switch y.r.IntN(n) {
	case 0, 1:
		y.tell(p, plainCommit)
	case 2:
		y.tell(p, optionCommit)
	case 3:
		y.tell(p, getChallenge)
		y.tell(p, plainCommit)
	case 4:
		if c := y.session(p, false); c != nil {
			y.w.tell("relay: own commit, %v", c.Commit(ctx))
		}
	case 5:
		if c := y.session(p, y.r.IntN(2) == 0); c != nil && y.w.lay.slot {
			fs := y.w.lay.files()[slotNo]
			_ = c.AssumeFileSettings(slotNo, fs)
			_, err := c.ReadData(ctx, slotNo, 0, 16)
			y.w.tell("relay: own transaction, %v, %v", err, c.Commit(ctx))
		}
	case 6: // an authentication that is begun
		y.tell(p, []byte{0x90, 0x71, 0, 0, 2, 1, 0, 0})
	case 7:
		y.tell(p, plainAbort)
	case 8:
		y.late(p, 1)
	case 9:
		y.late(p, len(y.held))
	case 10:
		y.w.tell("relay: power off")
		p.powerCycle()
	case 11, 12: // a change of keys that is begun, and a commit where the session was
		y.tell(p, []byte{0x90, 0x77, 0, 0, 1, byte(1 + y.r.IntN(3)), 0})
		if y.r.IntN(2) == 0 {
			y.tell(p, plainCommit) // breaks it off
			y.tell(p, optionCommit)
		}
	case 13: // a session of its own that goes on under another terminal's
		if c := y.session(p, false); c != nil {
			m := key.MethodEV2NonFirst
			if y.w.lay.method == key.MethodLRPFirst {
				m = key.MethodLRPNonFirst
			}
			y.w.tell("relay: goes on, %v, commit %v", c.AuthenticateWith(ctx, m, 2, y.w.lay.keyNo(2, p.uid)), c.Commit(ctx))
		}
	}
}

// late delivers commands that were kept, and keeps them for another time too.
func (y *relay) late(p *plastic, n int) {
	for range min(n, len(y.held)) {
		f := y.held[y.r.IntN(len(y.held))]
		answer, err := p.deliver(f)
		y.w.tell("relay: late %X > %X %v", head(f), tail(answer), errText(err))
	}
}

var forgedAnswers = [][]byte{{0x91, 0}, {0x91, 0}, {0x91, 0x0C}, {0x91, 0x9D}, {0x91, 0xAE}, {0x91, 0xCA}, {0x91, 0x1E}, {0x91, 0xEE}, {0x90, 0}}

func (y *relay) made(f *frame) []byte {
	switch y.r.IntN(6) {
	case 0:
		if len(y.answers) > 0 {
			return bytes.Clone(y.answers[y.r.IntN(len(y.answers))])
		}
	case 1:
		return append(make([]byte, 8), 0x91, 0)
	case 2:
		if f.ins() == 0xA4 {
			return []byte{0x90, 0}
		}
	}
	return bytes.Clone(forgedAnswers[y.r.IntN(len(forgedAnswers))])
}

func (y *relay) deliver(j *job, p *plastic) ([]byte, error) {
	answer, err := p.deliver(j.f)
	if len(answer) > 0 && len(y.answers) < 100 {
		y.answers = append(y.answers, bytes.Clone(answer))
	}
	return answer, err
}

func (y *relay) hold(f *frame) {
	y.w.tell("relay: keeps %X", head(f))
	if y.held = append(y.held, f); len(y.held) > 12 {
		y.held = y.held[1:]
	}
}

// meet decides what becomes of the frame of a job.
func (y *relay) meet(j *job) {
	r, tm := y.r, j.tm
	p := y.at[tm]
	if j.reconnect {
		if r.IntN(2) == 0 {
			p.powerCycle()
		}
		j.err = nil
		j.step()
		return
	}
	f := j.f
	if f.selects() && r.IntN(4) < y.forging {
		if r.IntN(3) == 0 {
			y.hold(f)
		}
		status := []byte{0x91, 0}
		if f.ins() == 0xA4 {
			status = []byte{0x90, 0}
		}
		j.give(status, nil)
		return
	}
	rate := y.rate
	if f.ins() == wire.InsCommitTransaction || f.moves != nil || f.ins() == wire.InsAbortTransaction {
		rate = (rate + 2) / 3
	}
	if r.IntN(rate) > 0 {
		answer, err := y.deliver(j, p)
		j.give(answer, err)
		return
	}
	switch r.IntN(12) {
	case 0:
		y.hold(f)
		j.give(nil, lostFrame)
	case 1:
		y.hold(f)
		j.give(y.made(f), nil)
	case 2:
		_, _ = y.deliver(j, p)
		j.give(nil, lostFrame)
	case 3:
		_, _ = y.deliver(j, p)
		j.give(y.made(f), nil)
	case 4:
		answer, err := y.deliver(j, p)
		if n := len(answer); n > 0 {
			answer[r.IntN(n)] ^= 1 << r.IntN(8)
		}
		j.give(answer, err)
	case 5:
		answer, err := y.deliver(j, p)
		if n := len(answer); n > 0 {
			answer = answer[:r.IntN(n)]
		}
		j.give(answer, err)
	case 6, 7:
		y.intrude(p)
		answer, err := y.deliver(j, p)
		j.give(answer, err)
	case 8, 9:
		answer, err := y.deliver(j, p)
		y.intrude(p)
		j.give(answer, err)
	case 10:
		other := y.w.cards[r.IntN(len(y.w.cards))]
		if r.IntN(2) == 0 {
			y.at[tm] = other
		}
		answer, err := y.deliver(j, other)
		j.give(answer, err)
	case 11:
		y.w.tell("relay: twice")
		_, _ = y.deliver(j, p)
		answer, err := y.deliver(j, p)
		j.give(answer, err)
	}
}

// hostile plays one world under a relay, which lets terminals share cards.
func hostile(t testing.TB, l *layout, seed uint64) *world {
	if !l.relayed() {
		return nil
	}
	r := rand.New(rand.NewPCG(seed, 2))
	l = l.varied(r)
	terminals := 3
	if l.others == purse.OthersNothing && !l.lease {
		terminals = 1
	}
	w := newWorld(t, l, seed, 2, terminals)
	y := &relay{w: w, r: r, at: map[*terminal]*plastic{}, rate: []int{6, 12, 25}[r.IntN(3)], forging: r.IntN(4)}
	for _, tm := range w.terms {
		y.at[tm] = w.cards[r.IntN(2)*r.IntN(2)]
	}
	w.kept = func(frames []*frame) {
		if r.IntN(2) == 0 {
			for _, f := range frames {
				y.hold(f)
			}
		}
	}
	for range 250 {
		y.step()
	}
	for i := 0; i < limit && y.busy(); i++ {
		y.step1(y.active())
	}
	for _, tm := range w.terms {
		if tm.job != nil && !tm.job.done {
			tm.job.stop()
			tm.job.done = true
			tm.open()
		}
	}
	for range 2 {
		for _, p := range w.cards {
			for range 4 {
				y.intrude(p)
			}
			y.late(p, len(y.held))
			y.tell(p, plainCommit)
		}
		w.settleAll()
	}
	w.check()
	return w
}

func (y *relay) active() (all []*terminal) {
	for _, tm := range y.w.terms {
		if tm.job != nil && !tm.job.done {
			all = append(all, tm)
		}
	}
	return all
}

func (y *relay) busy() bool { return len(y.active()) > 0 }

// step runs one frame of one terminal, or begins something.
func (y *relay) step() {
	r, w := y.r, y.w
	tm := w.terms[r.IntN(len(w.terms))]
	if tm.job == nil || tm.job.done {
		if r.IntN(4) > 0 && y.busy() {
			y.step1(y.active())
			return
		}
		if r.IntN(4) == 0 {
			y.at[tm] = w.cards[r.IntN(len(w.cards))]
			tm.present()
		}
		if tm.job != nil && tm.job.failed != nil && r.IntN(2) == 0 {
			tm.present()
		}
		if x := string(y.at[tm].uid); w.lay.lease && w.lease[x].by != tm && r.IntN(2) == 0 {
			w.lease[x] = leased{tm, w.lease[x].epoch + 1}
			w.tell("%v takes the lease of %X", tm, x)
		}
		w.randomJob(r, tm)
		return
	}
	y.step1([]*terminal{tm})
}

// step1 is for one of some terminals; a relay stays with one for a while.
func (y *relay) step1(of []*terminal) {
	tm := of[y.r.IntN(len(of))]
	for n := 1 + y.r.IntN(12)*y.r.IntN(2); n > 0 && !tm.job.done; n-- {
		if y.r.IntN(120) == 0 {
			tm.job.stop()
			tm.job.done, tm.job.failed = true, errStopped
			y.w.tell("%v is killed", tm)
			tm.open()
			return
		}
		if tm.job.hangs() {
			return
		}
		y.meet(tm.job)
	}
}

func (y *relay) String() string { return fmt.Sprintf("relay 1/%d %d/4", y.rate, y.forging) }
