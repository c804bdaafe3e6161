package purseproof

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
)

var (
	soak   = flag.Bool("soak", os.Getenv("DESFIRE_SOAK") != "", "the whole load, not a short form")
	soaked = flag.Int("debits", 0, "how many debits with a journal in memory instead")
)

// soakCard is a card that many terminals meet, one at a time.
type soakCard struct {
	mu    sync.Mutex
	picc  *sim.Card
	taken atomic.Int64 // by receipts
}

// load is the cards and what all terminals have counted.
type load struct {
	t     *testing.T
	lay   *layout
	cards []*soakCard
	stop  atomic.Bool

	debits, attempts, settled, faults atomic.Int64
}

const soakStart = 90000 // what cards hold at first

func newLoad(t *testing.T, cards int) *load {
	d := &load{t: t, lay: layoutOf("EV2", "slot")}
	for i := range cards {
		uid := []byte{0x04, byte(i >> 8), byte(i), 3, 4, 5, 6}
		img := d.lay.image(t, uid)
		fileOf(img, valueNo).Value.Value = soakStart
		store := &once{image: img.Encode()}
		picc, err := sim.New(&sim.Config{Store: store, Rand: seeded(uint64(i), "soak")})
		if err != nil {
			t.Fatal(err)
		}
		d.cards = append(d.cards, &soakCard{picc: picc})
	}
	return d
}

// once is an image that is loaded, and never kept.
type once struct{ image []byte }

func (s *once) Load() ([]byte, error) { return s.image, nil }
func (s *once) Save([]byte) error     { s.image = nil; return nil }

func (d *load) fail(format string, a ...any) {
	if !d.stop.Swap(true) {
		d.t.Errorf(format, a...)
	}
}

// soakTerminal debits until all is done. Its journal is reported and begun anew now
// and then.
type soakTerminal struct {
	d       *load
	number  int
	r       *rand.Rand
	journal purse.Journal
	purse   *purse.Purse
	begun   int
	open    map[*soakCard]string // requests that are not done
}

func (s *soakTerminal) reopen() {
	var uids [][]byte
	for _, c := range s.d.cards[:1] { // the keys are the same for all
		uids = append(uids, c.picc.UID())
	}
	s.journal = purse.Memory(seeded(uint64(s.number), fmt.Sprint("soak", s.begun)))
	p, err := purse.Open(s.d.lay.conf(s.number, s.journal, s.d.lay.keys(false, uids...)))
	if err != nil {
		s.d.fail("%v", err)
		return
	}
	s.purse = p
}

// report counts what the journal says, and begins another one.
func (s *soakTerminal) report() {
	for c, request := range s.open {
		c.mu.Lock()
		s.debit(c, request, true)
		c.mu.Unlock()
	}
	byUID := map[string]*soakCard{}
	for _, c := range s.d.cards {
		byUID[fmt.Sprintf("%X", c.picc.UID())] = c
	}
	for e, err := range s.journal.Entries(context.Background()) {
		if err != nil {
			s.d.fail("%v", err)
			return
		}
		s.d.attempts.Add(1)
		switch o := e.Outcome(); {
		case o == nil || o.Decision == purse.InDoubt:
			s.d.fail("terminal %d: %v is in doubt: %+v", s.number, e.ID, o)
		case o.Decision == purse.Happened:
			byUID[e.UID].taken.Add(-e.Signed(valueNo))
		}
	}
	_ = s.journal.Close()
	s.reopen()
}

var soakFaults = []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.CutCommand, sim.LoseAnswer, sim.CutAnswer, sim.FlipAnswerBit, sim.FailWrite}

// visit is a card on the reader of the terminal, for some debits.
func (s *soakTerminal) visit(c *soakCard, debits int) {
	if request, ok := s.open[c]; ok {
		s.debit(c, request, true)
	}
	card := s.connect(c)
	for range debits {
		if s.d.stop.Load() {
			break
		}
		s.begun++
		request := fmt.Sprintf("%d-%d", s.number, s.begun)
		if s.r.IntN(50) == 0 {
			s.d.faults.Add(1)
			c.picc.Inject(sim.Fault{Exchange: 1 + s.r.IntN(8), Kind: soakFaults[s.r.IntN(len(soakFaults))], Bit: s.r.IntN(200)})
		}
		if _, err := s.purse.Debit(context.Background(), card, purse.Request{ID: request, Amount: 1}); err != nil {
			_ = card.Close()
			s.open[c] = request
			if s.r.IntN(4) > 0 { // at once; else the card goes to others first
				s.debit(c, request, false)
			}
			return
		}
		s.d.debits.Add(1)
	}
	_ = card.Close()
}

func (s *soakTerminal) connect(c *soakCard) *desfire.Card {
	card, err := desfire.Connect(context.Background(), c.picc.Present(), &desfire.Config{Generation: s.d.lay.gen})
	if err != nil {
		s.d.fail("%v", err)
	}
	return card
}

// debit asks for a debit again until it is done.
func (s *soakTerminal) debit(c *soakCard, request string, clear bool) {
	if clear {
		c.picc.ClearFaults()
	}
	var err error
	for range 20 {
		card := s.connect(c)
		_, err = s.purse.Debit(context.Background(), card, purse.Request{ID: request, Amount: 1})
		_ = card.Close()
		if err == nil {
			s.d.debits.Add(1)
			s.d.settled.Add(1)
			delete(s.open, c)
			return
		}
	}
	s.d.fail("terminal %d: %s: %v", s.number, request, err)
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSoak debits from many cards by several terminals, with a journal in memory:
// cards and receipts agree, and neither memory nor goroutines grow.
func TestSoak(t *testing.T) {
	cards, debits := 40, 4000
	if *soak {
		cards, debits = 1000, 1000000
	}
	if *soaked > 0 {
		debits = *soaked
	}
	goroutines := runtime.NumGoroutine()
	d := newLoad(t, cards)
	const terminals = 4
	rounds := max(4, debits/20000)
	var all []*soakTerminal
	for i := range terminals {
		s := &soakTerminal{d: d, number: i, r: seededRand(uint64(i)), open: map[*soakCard]string{}}
		s.reopen()
		all = append(all, s)
	}
	start := time.Now()
	var heaps []uint64
	for round := 1; round <= rounds && !d.stop.Load(); round++ {
		target := int64(debits) * int64(round) / int64(rounds)
		var wait sync.WaitGroup
		for _, s := range all {
			wait.Go(func() {
				for d.debits.Load() < target && !d.stop.Load() {
					c := d.cards[s.r.IntN(len(d.cards))]
					if c.mu.TryLock() {
						s.visit(c, 1+s.r.IntN(20))
						c.picc.ClearFaults()
						c.mu.Unlock()
					}
				}
			})
		}
		wait.Wait()
		for _, s := range all {
			s.report()
		}
		heaps = append(heaps, heap())
	}
	if d.stop.Load() {
		return
	}
	var held, taken int64
	for _, c := range d.cards {
		p := plastic{lay: d.lay, picc: c.picc}
		v := int64(p.value())
		if v+c.taken.Load() != soakStart {
			t.Errorf("card %X holds %d, and receipts have %d of %d", c.picc.UID(), v, c.taken.Load(), soakStart)
		}
		held, taken = held+v, taken+c.taken.Load()
	}
	if n := d.debits.Load(); taken != n || held+taken != int64(cards)*soakStart {
		t.Errorf("%d debits of 1, receipts for %d, cards hold %d of %d", n, taken, held, int64(cards)*soakStart)
	}
	half := heaps[len(heaps)/2:]
	if least, most := slices.Min(half), slices.Max(half); most > least+least/4+1<<20 {
		t.Errorf("the memory in use grows: %v", heaps)
	}
	for i := 0; runtime.NumGoroutine() > goroutines && i < 6000; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
	t.Logf("%d cards, %d debits in %v, %d faults, %d attempts, %d done again; heap %d KiB after the first round, %d in the middle, %d in the end; sums exact",
		cards, d.debits.Load(), time.Since(start).Round(time.Second), d.faults.Load(), d.attempts.Load(), d.settled.Load(), heaps[0]>>10, half[0]>>10, heaps[len(heaps)-1]>>10)
}
