package gate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

var app = wire.Place{AID: 0xF48121}

const (
	valueNo wire.FileNo = 1
	slotNo  wire.FileNo = 2
	tmacNo  wire.FileNo = 3
	credit              = 100
)

// bench is a gate with cards of which each has a purse with a slot and a transaction
// MAC.
type bench struct {
	t       testing.TB
	conf    Config
	readers []*simreader.Reader

	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func newKey(t testing.TB) key.Key {
	k, err := key.NewAES([]byte("0123456789abcdef"), 7)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newBench is a bench with one reader for each card; none lies there yet.
func newBench(t testing.TB, cards int) *bench {
	t.Helper()
	b := &bench{t: t, more: make(chan struct{}, 1)}
	k := newKey(t)
	b.conf.Purse = purse.Config{
		Place: app, Generation: wire.EV3, KeyNo: 1, Terminal: "gate", Journal: purse.Memory(nil),
		Keys: keystore.Map{
			{Place: app, Key: keystore.Number(1)}:               {Key: k},
			{Place: app, Key: keystore.RoleTransactionMAC.ID()}: {Key: k},
		},
	}
	for i := range cards {
		b.readers = append(b.readers, simreader.New(fmt.Sprintf("reader %d", i), b.newCard(i)))
		b.readers[i].Lift()
	}
	b.conf.Source, b.conf.OnEvent, b.conf.after = several(b.readers), b.event, soon
	return b
}

func (b *bench) newCard(i int) *sim.Card {
	b.t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 1, 2, 3, 4, 5, byte(i)}})
	b.must(err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	b.must(err)
	k := newKey(b.t)
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	counter := access
	counter.Write = wire.Never
	b.must(card.CreateApplication(ctx, &wire.CreateApplication{AID: app.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	b.must(card.SelectApplication(ctx, app.AID))
	b.must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	b.must(card.ChangeKey(ctx, 1, k, key.Zero(key.TypeAES)))
	b.must(card.CreateFile(ctx, &wire.CreateValueFile{File: valueNo, Option: wire.OptionFull, Access: access, Upper: 1000, Value: credit}))
	b.must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: slotNo, Option: wire.OptionFull, Access: access, Size: 64}))
	b.must(card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: tmacNo, Option: wire.OptionFull, Access: counter, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(k.(interface{ Export() []byte }).Export()), KeyVersion: 7}))
	file := func(no wire.FileNo) purse.File {
		fs, err := card.FileSettings(ctx, no)
		b.must(err)
		return purse.File{No: no, Settings: *fs}
	}
	c := &b.conf.Purse
	c.Values, c.Slot, c.TMAC = []purse.File{file(valueNo)}, &purse.Slot{File: file(slotNo)}, &purse.TMAC{File: file(tmacNo), NamesReader: true}
	return picc
}

func (b *bench) value(i int) int32 {
	for _, a := range b.readers[i].Card.Image().Applications {
		for _, f := range a.Files {
			if f.No == int(valueNo) {
				return f.Value.Value
			}
		}
	}
	b.t.Fatal("no value file")
	return 0
}

func (b *bench) event(e Event) {
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// await waits for the n-th event of a kind, from 1 on.
func (b *bench) await(k Kind, n int) Event {
	b.t.Helper()
	end := time.After(time.Minute)
	for {
		b.mu.Lock()
		seen := 0
		for _, e := range b.events {
			if e.Kind == k {
				if seen++; seen == n {
					b.mu.Unlock()
					return e
				}
			}
		}
		all := slices.Clone(b.events)
		b.mu.Unlock()
		select {
		case <-b.more:
		case <-end:
			b.t.Fatalf("no event %s number %d in %+v", k, n, all)
		}
	}
}

func (b *bench) count(k Kind) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// run runs a gate until the test ends, and returns what ends it.
func (b *bench) run() (*Gate, func()) {
	b.t.Helper()
	g, err := New(b.conf)
	b.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				b.t.Error(err)
			}
		})
	}
	b.t.Cleanup(stop)
	return g, stop
}

// soon is a clock that does not wait long.
func soon(d time.Duration) <-chan time.Time { return time.After(min(d, time.Millisecond)) }

// several are readers as one source.
type several []*simreader.Reader

func (s several) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		events := make(chan desfire.Event)
		for _, r := range s {
			running.Go(func() {
				for ev := range r.Events(ctx) {
					select {
					case events <- ev:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		for {
			select {
			case ev := <-events:
				if !yield(ev, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func order(id string, amount int32) purse.Order {
	return purse.Order{ID: id, Moves: []purse.Move{{File: valueNo, Kind: purse.Debit, Amount: amount}}}
}

// Each card that is presented pays once, at several readers at once.
func TestPass(t *testing.T) {
	b := newBench(t, 3)
	b.conf.Debit = 7
	b.run()
	for _, r := range b.readers {
		b.must(r.Return())
	}
	e := b.await(Paid, 3)
	if e.Receipt.Decision() != purse.Happened || e.Request == "" || e.UID == "" || e.Reader == "" || e.Time.IsZero() {
		t.Errorf("%+v", e)
	}
	for i := range b.readers {
		if v := b.value(i); v != credit-7 {
			t.Errorf("card %d holds %d", i, v)
		}
	}
	b.readers[1].Lift()
	b.must(b.readers[1].Return())
	b.await(Paid, 4)
	if v := b.value(1); v != credit-14 {
		t.Errorf("presented twice it holds %d", v)
	}
}

// A card that lies there pays again and again where that is wanted, until it has
// nothing left.
func TestPassUntilEmpty(t *testing.T) {
	b := newBench(t, 1)
	b.conf.Debit, b.conf.Every = 30, time.Millisecond
	b.run()
	b.must(b.readers[0].Return())
	e := b.await(Refused, 1)
	if n, v := b.count(Paid), b.value(0); n != 3 || v != 10 || !errors.As(e.Err, new(*purse.LimitError)) {
		t.Errorf("%d debits, %d left, %v", n, v, e.Err)
	}
}

// A card that comes back too soon does not pay again.
func TestPassAgain(t *testing.T) {
	b := newBench(t, 1)
	b.conf.Debit, b.conf.Again = 7, time.Hour
	b.run()
	b.must(b.readers[0].Return())
	b.await(Paid, 1)
	b.readers[0].Lift()
	b.must(b.readers[0].Return())
	if e := b.await(Again, 1); e.UID != "04010203040500" || e.Receipt != nil || e.Err != nil {
		t.Errorf("%+v", e)
	}
	if v := b.value(0); v != credit-7 {
		t.Errorf("it holds %d", v)
	}
}

// With each fault at each exchange the card pays exactly once, also where it leaves in
// the middle, the gate is started anew, and the card comes back later.
func TestPassTorn(t *testing.T) {
	for kind := sim.LosePowerBefore; kind <= sim.FailWrite; kind++ {
		for at := 1; ; at++ {
			b := newBench(t, 1)
			b.conf.Debit = 7
			_, stop := b.run()
			r := b.readers[0]
			before := r.Card.Exchanges()
			r.Card.Inject(sim.Fault{Exchange: at, Kind: kind, Bit: 3 * at})
			b.must(r.Return())
			b.await(Paid, 1)
			stop()
			if v, n := b.value(0), b.count(Paid); v != credit-7 || n != 1 {
				t.Fatalf("%v at exchange %d: the card holds %d, %d events: %+v", kind, at, v, n, b.events)
			}
			if r.Card.Exchanges()-before < at {
				break
			}
		}
	}
}

// A card that is torn away in the commit pays once: it settles when it is back, at a
// gate that was started anew as well, and that is the passage.
func TestPassTornAway(t *testing.T) {
	for name, again := range map[string]bool{"the gate runs on": false, "the gate is started anew": true} {
		for _, executed := range []bool{true, false} {
			b := newBench(t, 1)
			b.conf.Debit = 7
			_, stop := b.run()
			r := b.readers[0]
			var torn atomic.Bool
			r.Relay = &sim.Relay{Meet: func(_ context.Context, x *sim.Exchange) ([]byte, error) {
				if x.Command[1] != byte(wire.InsCommitTransaction) || torn.Swap(true) {
					return x.Pass()
				}
				if executed {
					_, _ = x.Pass()
				}
				r.Lift()
				return nil, errors.New("the field is gone")
			}}
			b.must(r.Return())
			open := b.await(Open, 1)
			if again {
				stop()
				_, stop = b.run()
			}
			b.must(r.Return())
			paid := b.await(Paid, 1)
			stop()
			if v := b.value(0); v != credit-7 || paid.Request != open.Request || paid.Receipt.Entry.Attempt == 1 != executed {
				t.Errorf("%s, executed %t: the card holds %d; open %+v; paid %+v", name, executed, v, open, paid)
			}
		}
	}
}
