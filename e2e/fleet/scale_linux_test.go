package fleet

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/gate"
	"github.com/go-desfire/desfire/remote/ledger"
)

var (
	scaled  = flag.String("scale", "", "numbers of readers to measure, such as 10,100,1000")
	phase   = flag.Duration("phase", 0, "how long each measurement takes")
	perConn = flag.Int("per", 10, "readers of an agent, which has one connection")
)

// times are durations, of which quantiles are wanted.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *times) add(t time.Duration) {
	d.mu.Lock()
	d.all = append(d.all, t)
	d.mu.Unlock()
}

func (d *times) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return "none"
	}
	slices.Sort(d.all)
	at := func(q float64) time.Duration {
		return d.all[int(q*float64(len(d.all)-1))].Round(10 * time.Microsecond)
	}
	s := fmt.Sprintf("p50 %v p99 %v (%d)", at(0.5), at(0.99), len(d.all))
	d.all = nil
	return s
}

// timedKeys measures handshakes.
type timedKeys struct {
	keystore.Store
	took *times
}

func (s timedKeys) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	k, err := s.Store.Key(ctx, r)
	if h, ok := k.(key.Handshaker); ok && err == nil {
		return timedKey{h, s.took}, nil
	}
	return k, err
}

type timedKey struct {
	key.Handshaker
	took *times
}

func (k timedKey) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	begin := time.Now()
	h, err := k.Handshaker.Handshake(ctx, r)
	k.took.add(time.Since(begin))
	return h, err
}

// used is the processor time and memory of a process.
func used(t testing.TB, pid int) (cpu time.Duration, resident int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	for _, i := range []int{11, 12} { // utime, stime, in hundredths of a second
		n, _ := strconv.Atoi(fields[i])
		cpu += time.Duration(n) * 10 * time.Millisecond
	}
	pages, _ := strconv.Atoi(fields[21])
	return cpu, pages * os.Getpagesize()
}

// town is many readers, on which cards are presented all the time.
type town struct {
	crowds  []*crowd
	cards   []*plastic
	ready   []chan *gate.Event
	paid    atomic.Int64
	failed  atomic.Int64
	stop    atomic.Bool
	paced   atomic.Int64 // ns between presentations of a reader; 0: at once
	whole   times
	booked  times
	shakes  times
	mu      sync.Mutex
	waiting map[string]time.Time // by id, until the ledger has it
}

// TestScale measures one centre with many readers: presentations in a second, what of them the
// centre costs, and where the time goes. It asserts sums, and no times.
func TestScale(t *testing.T) {
	sizes, took := []int{20}, time.Second
	if *scaled != "" {
		sizes, took = nil, 10*time.Second
		for s := range strings.SplitSeq(*scaled, ",") {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, n)
		}
	}
	if *phase > 0 {
		took = *phase
	}
	dir := folder(t)
	stock := newStock(t, dir)
	for _, n := range sizes {
		for _, central := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d readers, keys in the centre %v", n, central), func(t *testing.T) {
				scale(t, stock, n, central, took)
			})
		}
	}
}

func scale(t *testing.T, stock *stock, n int, central bool, took time.Duration) {
	stock.t = t
	dir := folder(t)
	port := freeport.Take(t, 1)[0]
	url := fmt.Sprint("nats://127.0.0.1:", port)
	centre := role(t, dir, "centre", "centre", filepath.Join(dir, "centre"), fmt.Sprint(port), stock.keys)
	centre.start()
	centre.says("ready")
	_, idle := used(t, centre.pid())
	local, err := keyring.Open(stock.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{waiting: map[string]time.Time{}}
	watch := dial(t, url, "watch")
	if _, err := watch.Subscribe(remote.Subjects{Fleet: "main"}.Ledger("*"), func(m *nats.Msg) {
		id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		w.mu.Lock()
		if at, ok := w.waiting[id]; ok {
			w.booked.add(time.Since(at))
			delete(w.waiting, id)
		}
		w.mu.Unlock()
	}); err != nil {
		t.Fatal(err)
	}
	for range n {
		w.cards = append(w.cards, stock.card())
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var outboxes []*ledger.Outbox
	for i := 0; i < n; i += *perConn {
		readers := min(*perConn, n-i)
		c := newCrowd(readers, "reader")
		name := fmt.Sprint("gate", i / *perConn)
		w.crowds = append(w.crowds, c)
		nc := dial(t, url, name)
		a, err := agent.New(agent.Config{Conn: nc, Name: name, Source: c})
		if err != nil {
			t.Fatal(err)
		}
		conf, err := purseOf(0, stock.keys, purse.Memory(nil))
		if err != nil {
			t.Fatal(err)
		}
		conf.Keys = local
		if central {
			if conf.Keys, err = natskeys.New(nc, "main", name, &natskeys.Config{Timeout: 20 * time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		conf.Keys = timedKeys{conf.Keys, &w.shakes}
		o, err := ledger.NewOutbox(ledger.OutboxConfig{Conn: nc, Fleet: "main", Agent: name, Journal: conf.Journal})
		if err != nil {
			t.Fatal(err)
		}
		outboxes = append(outboxes, o)
		ready := map[string]chan *gate.Event{}
		for _, reader := range c.names {
			ch := make(chan *gate.Event, 4)
			w.ready = append(w.ready, ch)
			ready[reader] = ch
		}
		g, err := gate.New(gate.Config{Source: a.Source("gate"), Purse: *conf, Debit: 1, OnEvent: func(e gate.Event) {
			switch e.Kind {
			case gate.Paid, gate.Failed, gate.Refused, gate.Open, gate.Left:
				if ch := ready[e.Reader]; ch != nil {
					ch <- &e
				} else {
					t.Errorf("no reader %q", e.Reader)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range []func(context.Context) error{a.Run, o.Run, g.Run} {
			running.Go(func() {
				if err := run(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
	}
	var presenting sync.WaitGroup
	for i, p := range w.cards {
		presenting.Go(func() { w.present(ctx, i, p) })
	}
	eventually(t, "all readers pay", func() error {
		if got := w.paid.Load() + w.failed.Load(); got < int64(2*n) {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
	measure := func(what string) float64 {
		w.whole.take()
		w.shakes.take()
		w.booked.take()
		cpu, _ := used(t, centre.pid())
		mine, _ := used(t, os.Getpid())
		paid, begin := w.paid.Load(), time.Now()
		time.Sleep(took)
		gone := time.Since(begin)
		rate := float64(w.paid.Load()-paid) / gone.Seconds()
		cpu2, resident := used(t, centre.pid())
		mine2, _ := used(t, os.Getpid())
		t.Logf("%s: %.0f presentations a second; whole %s; handshakes %s; until the ledger has it %s; processors: centre %.2f, edge %.2f; centre %d MiB (%d idle)",
			what, rate, w.whole.take(), w.shakes.take(), w.booked.take(), (cpu2-cpu).Seconds()/gone.Seconds(), (mine2-mine).Seconds()/gone.Seconds(), resident>>20, idle>>20)
		return rate
	}
	profile := func() { _, _ = watch.Request("proof.profile", nil, 10*time.Second) }
	profile()
	rate := measure("at once")
	profile()
	w.paced.Store(int64(min(float64(n)/(rate/3), 60) * float64(time.Second)))
	measure("a third of it")
	runtime.GC()
	runtime.ReadMemStats(&after)
	w.stop.Store(true)
	presenting.Wait()
	caught := time.Now()
	eventually(t, "the ledger has all", func() error {
		for _, o := range outboxes {
			if s := o.Status(); s.Confirmed < s.Last {
				return fmt.Errorf("%+v", s)
			}
		}
		return nil
	})
	if *scaled != "" {
		b, err := os.ReadFile(filepath.Join(dir, "centre", "cpu"))
		if err == nil {
			_ = os.WriteFile(fmt.Sprintf("/tmp/fleet-cpu-%d-%v", n, central), b, 0o600)
		}
	}
	t.Logf("%d failed; caught up after %v; heap %d KiB a reader, its part of an agent, and a card", w.failed.Load(), time.Since(caught).Round(time.Millisecond), int(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n>>10)
	var sum int64
	for _, p := range w.cards {
		value, _ := contents(p.picc.Image())
		sum += startsAt - int64(value)
	}
	if sum != w.paid.Load() {
		t.Errorf("cards paid %d, and gates took %d", sum, w.paid.Load())
	}
	cancel()
	running.Wait()
}

// present presents a card again and again.
func (w *town) present(ctx context.Context, i int, p *plastic) {
	c := w.crowds[i / *perConn]
	reader, ready := c.names[i%*perConn], w.ready[i]
	for !w.stop.Load() {
		begin := time.Now()
		c.layPlain(reader, p.picc)
		var e *gate.Event
		select {
		case e = <-ready:
		case <-ctx.Done():
			return
		}
		w.whole.add(time.Since(begin))
		if e.Kind == gate.Paid {
			w.mu.Lock()
			w.waiting[e.Receipt.Entry.ID.String()] = time.Now()
			w.mu.Unlock()
			w.paid.Add(1)
		} else if w.failed.Add(1) < 4 {
			fmt.Println(e.Kind, e.Err)
		}
		c.lift(reader)
		if every := time.Duration(w.paced.Load()); every > 0 {
			time.Sleep(time.Until(begin.Add(every)))
		}
	}
}
