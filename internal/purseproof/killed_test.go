package purseproof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// end is how a journal ends at one of its calls.
type end uint8

const (
	killedBefore end = iota // the program is killed before it writes
	killedAfter             // and after it has written
	powerBefore             // the terminal's power is lost: what is not durable is gone
	powerAfter
	diskFull // the call fails, and all that follow
	ends
)

func (e end) String() string {
	return [...]string{"killed before", "killed after", "power lost before", "power lost after", "disk full"}[e]
}

// mortal is a journal that ends at its nth call that writes. What it wrote can be
// put together again, as it would be found then.
type mortal struct {
	purse.Journal
	w     *world
	seed  string
	n     int // the call; 0 for never
	how   end
	calls int
	dead  bool

	ids    int
	log    []func(purse.Journal) error // all that was written
	synced int                         // how many of them are durable
}

var errFull = errors.New("no space left on device")

func newMortal(w *world, seed string) *mortal {
	return &mortal{w: w, seed: seed, Journal: purse.Memory(seeded(w.seed, seed))}
}

// after is the journal as it is found afterwards.
func (m *mortal) after() *mortal {
	log := m.log
	if m.how == powerBefore || m.how == powerAfter {
		log = log[:m.synced]
	}
	x := newMortal(m.w, m.seed)
	for range m.ids {
		if _, err := x.NewID(context.Background()); err != nil {
			m.w.t.Fatal(err)
		}
	}
	for _, do := range log {
		if err := do(x.Journal); err != nil {
			m.w.t.Fatal(err)
		}
	}
	x.log, x.synced = log, len(log)
	return x
}

func (m *mortal) NewID(ctx context.Context) (purse.ID, error) {
	m.ids++
	return m.Journal.NewID(ctx)
}

func (m *mortal) write(durable bool, do func(purse.Journal) error) error {
	if m.dead {
		return errFull
	}
	m.calls++
	now := m.calls == m.n
	if now && (m.how == killedBefore || m.how == powerBefore || m.how == diskFull) {
		m.dead = true
		return errFull
	}
	err := do(m.Journal)
	if err == nil {
		m.log = append(m.log, do)
		if durable {
			m.synced = len(m.log)
		}
	}
	m.dead = now
	return err
}

// gone reports whether the program has ended.
func (m *mortal) gone() bool { return m.dead && m.how != diskFull }

func (m *mortal) Begin(ctx context.Context, e *purse.Entry) error {
	e = copied(e)
	return m.write(true, func(j purse.Journal) error { return j.Begin(ctx, e) })
}

func (m *mortal) Note(ctx context.Context, id purse.ID, p purse.Progress) error {
	p = *copied(&p)
	return m.write(false, func(j purse.Journal) error { return j.Note(ctx, id, p) })
}

func (m *mortal) End(ctx context.Context, id purse.ID, o purse.Outcome, s *purse.CardState) error {
	o, s = *copied(&o), copied(s)
	return m.write(false, func(j purse.Journal) error { return j.End(ctx, id, o, s) })
}

func (m *mortal) Keep(ctx context.Context, s *purse.CardState) error {
	s = copied(s)
	return m.write(false, func(j purse.Journal) error { return j.Keep(ctx, s) })
}

// copied is a copy that shares nothing, as it is when it has been a file.
func copied[T any](x *T) *T {
	if x == nil {
		return nil
	}
	b, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	y := new(T)
	if err := json.Unmarshal(b, y); err != nil {
		panic(err)
	}
	return y
}

// runMortal runs a job until it is done or its program is gone.
func runMortal(j *job, p *plastic, m *mortal) *job {
	for !j.done && !j.hangs() {
		if m.gone() { // it ended with its last write, and sends nothing more
			j.stop()
			j.done, j.failed = true, errStopped
			break
		}
		j.pass(p)
	}
	return j
}

// killAt ends the journal at its nth write of a debit, with the commit heard or
// not, and debits again. It returns false if the debit has no such write.
func killAt(t *testing.T, l *layout, n int, how end, unheard bool) bool {
	w := newWorld(t, l, uint64(n), 1, 1)
	tm, p := w.terms[0], w.cards[0]
	m := newMortal(w, "mortal")
	m.n, m.how = n, how
	tm.journal = m
	tm.open()
	j := tm.debit("x", 5)
	sent := false
	for !j.done && !j.hangs() && !m.gone() {
		sent = sent || j.f != nil && j.f.moves != nil
		if unheard && j.f != nil && j.f.ins() == wire.InsCommitTransaction {
			_, _ = p.deliver(j.f)
			j.give(nil, lostFrame)
			continue
		}
		j.pass(p)
	}
	if !j.done {
		j.stop()
		j.done = true
	}
	if !m.dead {
		if len(w.wrong) > 0 {
			w.report()
		}
		return false
	}
	if n == 1 && how == diskFull && sent {
		w.fault("the intent could not be written, and a movement was sent")
	}
	if how == diskFull && j.failed == nil {
		// The commit was confirmed, and nothing had to be written before it.
		w.tell("done with a full disk")
	}
	next := m.after()
	tm.journal = next
	tm.open()
	for range 3 {
		p.powerCycle()
		tm.present()
		if j := runMortal(tm.debit("x", 5), p, next); j.failed == nil {
			break
		}
	}
	w.settleAll()
	w.check()
	if v := p.value(); v != startsAt-5 && !(l.name() == "TMAC" && v == startsAt) {
		w.fault("the card holds %d, want %d", v, startsAt-5)
	}
	if len(w.wrong) > 0 {
		w.story = append([]string{fmt.Sprintf("write %d, %v, commit unheard %v", n, how, unheard)}, w.story...)
	}
	w.report()
	return true
}

func (l *layout) name() string { return l.receipts.name }

// journalsEnd ends the journal at each of its writes, in each way.
func journalsEnd(t *testing.T, res *results) {
	on := []string{"EV2 on EV3"}
	if all() {
		on = []string{"EV1 AES", "EV2 on EV3", "LRP"}
	}
	for _, c := range on {
		for _, r := range allReceipts {
			l := layoutOf(c, r.name)
			if !l.possible() || l.lease {
				continue
			}
			for _, unheard := range []bool{false, true} {
				for how := range ends {
					n := 1
					for killAt(t, l, n, how, unheard) {
						n++
					}
					res.ends += n - 1
					if n < 3 {
						t.Errorf("%v: only %d writes", l, n-1)
					}
				}
			}
		}
	}
}
