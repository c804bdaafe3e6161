package ledger

import (
	"context"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-desfire/desfire/purse"
)

// memoryMandates is mandates that can go back to what they were.
type memoryMandates struct {
	m map[string]kept
	n uint64
}

type kept struct {
	mandated
	revision uint64
}

func (s *memoryMandates) get(_ context.Context, key string) (mandated, uint64, error) {
	return s.m[key].mandated, s.m[key].revision, nil
}

func (s *memoryMandates) put(_ context.Context, key string, m mandated, revision uint64) error {
	if s.m[key].revision != revision {
		return errRaced
	}
	s.n++
	s.m[key] = kept{m, s.n}
	return nil
}

// clock runs at its own speed.
type clock struct {
	world *mandateWorld
	speed float64
	began time.Time
}

func (c *clock) now() time.Time {
	return c.began.Add(time.Duration(float64(c.world.now) * c.speed))
}

// mandateWorld is some holders and centres around one card, and a network that delays, loses and
// doubles.
type mandateWorld struct {
	r       *rand.Rand
	now     time.Duration
	store   *memoryMandates
	old     []memoryMandates
	centres []*grants
	holders []*modelHolder
	air     []letter
	grants  int
	changes int // of the holder
	last    *modelHolder
}

type modelHolder struct {
	clock
	name string
	h    *holding
}

// letter is a question, or an answer if a is set, to be read at a time.
type letter struct {
	due   time.Duration
	from  *modelHolder
	ask   MandateAsk
	asked time.Time
	a     *MandateAnswer
}

const modelTTL = 10 * time.Second

func newMandateWorld(seed uint64, skew float64) *mandateWorld {
	w := &mandateWorld{r: rand.New(rand.NewPCG(seed, 5)), store: &memoryMandates{m: map[string]kept{}}}
	some := func() clock {
		return clock{w, 1 - skew + 2*skew*w.r.Float64(), time.Unix(1e9+w.r.Int64N(1e6), 0)}
	}
	for range 2 {
		c := some()
		g := &grants{ttl: modelTTL, store: w.store, now: c.now}
		g.restart()
		w.centres = append(w.centres, g)
	}
	for _, name := range []string{"a", "b", "c"} {
		w.holders = append(w.holders, &modelHolder{clock: some(), name: name})
	}
	return w
}

// send puts a letter on its way.
func (w *mandateWorld) send(l letter) {
	for range 1 + w.r.IntN(8)/7 {
		if w.r.IntN(8) == 0 {
			continue // lost
		}
		x := l
		x.due = w.now + time.Duration(w.r.Int64N(int64(modelTTL)/50))
		if w.r.IntN(10) == 0 {
			x.due += time.Duration(w.r.Int64N(int64(2 * modelTTL)))
		}
		w.air = append(w.air, x)
	}
}

// deliver reads the letters that are due.
func (w *mandateWorld) deliver(t *testing.T) {
	var later, due []letter
	for _, l := range w.air {
		if l.due <= w.now {
			due = append(due, l)
		} else {
			later = append(later, l)
		}
	}
	w.air = later
	for _, l := range due {
		if l.a == nil {
			a, err := w.centres[w.r.IntN(len(w.centres))].do(t.Context(), l.from.name, &l.ask)
			if err != nil {
				t.Fatal(err)
			}
			l.a = &a
			w.send(l)
			continue
		}
		h := l.from.h
		if h == nil || h.nonce != l.ask.Nonce || l.ask.Op == opRelease {
			continue
		}
		if l.ask.Op == opRenew && l.a.Refused != "" {
			l.from.h = nil
			continue
		}
		fresh := h.epoch == ""
		if h.granted(l.asked, l.from.now(), l.a) && fresh {
			w.grants++
			if w.last != l.from {
				w.changes++
			}
			w.last = l.from
		}
	}
}

// step lets something happen.
func (w *mandateWorld) step(t *testing.T, rollback bool) {
	x := w.holders[w.r.IntN(len(w.holders))]
	ask := func(op string) {
		w.send(letter{from: x, ask: MandateAsk{version, op, purse.CardApp{UID: "04", App: "a"}, x.h.nonce}, asked: x.now()})
	}
	if x.h != nil && x.h.epoch != "" && !x.h.is(x.now()) {
		x.h = nil // lapsed
	}
	switch n := w.r.IntN(20); {
	case n < 8:
		w.now += time.Duration(w.r.Int64N(int64(modelTTL) / 10))
	case x.h == nil:
		var b [16]byte
		for i := range b {
			b[i] = byte(w.r.Uint32())
		}
		x.h = &holding{nonce: hex.EncodeToString(b[:])}
		ask(opAcquire)
	case n < 14 && x.h.epoch == "":
		ask(opAcquire)
	case n < 18 && x.h.epoch != "":
		ask(opRenew)
	case n == 18:
		ask(opRelease)
		x.h = nil
	case n == 19 && w.r.IntN(4) == 0:
		w.disturb(rollback)
	}
	w.deliver(t)
}

// disturb starts a centre again, or takes the store back to what it was.
func (w *mandateWorld) disturb(rollback bool) {
	c := w.centres[w.r.IntN(len(w.centres))]
	if !rollback || w.r.IntN(2) == 0 {
		*c = grants{ttl: c.ttl, store: c.store, now: c.now}
		c.restart()
		w.old = append(w.old, memoryMandates{maps.Clone(w.store.m), w.store.n})
		return
	}
	if len(w.old) > 0 {
		back := w.old[w.r.IntN(len(w.old))]
		w.store.m, w.store.n = maps.Clone(back.m), back.n
		w.old = w.old[:0]
		for _, c := range w.centres { // they were cut off from it
			c.restart()
		}
	}
}

// holding is who holds the mandate.
func (w *mandateWorld) holding() (n int) {
	for _, x := range w.holders {
		if x.h != nil && x.h.is(x.now()) {
			n++
		}
	}
	return n
}

// Two never hold a mandate at the same time, whatever the network, the clocks and the centres do.
func TestMandateModel(t *testing.T) {
	t.Parallel()
	granted, changed := 0, 0
	for seed := range uint64(60) {
		w := newMandateWorld(seed, 0.06)
		for n := range 3000 {
			w.step(t, seed%3 == 0)
			if w.holding() > 1 {
				t.Fatalf("seed %d, step %d: %d hold it", seed, n, w.holding())
			}
		}
		granted += w.grants
		changed += w.changes
	}
	if granted < 1000 || changed < 200 {
		t.Errorf("%d mandates granted, %d times to another: the test does not try much", granted, changed)
	}
}

// The test finds clocks that differ too much.
func TestMandateModelSees(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		w := newMandateWorld(seed, 0.4)
		for range 3000 {
			w.step(t, false)
			if w.holding() > 1 {
				return
			}
		}
	}
	t.Error("clocks that differ by 40 percent are no harm: the test sees nothing")
}
