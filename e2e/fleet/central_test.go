package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/gate"
)

// dial is a connection to a fleet without credentials.
func dial(t testing.TB, url, name string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.RetryOnFailedConnect(true), nats.CustomInboxPrefix(remote.Inbox(name)), nats.PingInterval(2*time.Second), nats.MaxPingsOutstanding(2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestCentralDebits debits cards at the edge by a purse in the centre, on links that lose,
// double, delay and cut: each order is made once.
func TestCentralDebits(t *testing.T) {
	each := 2
	if *soak {
		each = 2000
	}
	const readers = 4
	m := newMess(*seed, 3)
	s := natstest.Start(t, nil)
	edge, centre := natstest.NewProxy(t, s.URL), natstest.NewProxy(t, s.URL)
	stock := newStock(t, folder(t))
	crowd := newCrowd(readers, "reader")
	var cards []*plastic
	for i := range readers {
		c := stock.card()
		cards = append(cards, c)
		crowd.layPlastic(crowd.names[i], c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	a, err := agent.New(agent.Config{Conn: dial(t, edge.URL, "gate1"), Name: "gate1", Source: crowd, TTL: time.Second, Bound: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	client, err := remote.NewClient(dial(t, centre.URL, "centre"), nil)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := purseOf(7, stock.keys, purse.Memory(nil))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Source: client.Source("", ""), Purse: *conf})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	eventually(t, "the readers are there", func() error {
		agents, err := client.Agents(ctx, "")
		if err != nil || len(agents) != 1 || len(agents[0].Readers) != readers {
			return fmt.Errorf("%v %v", agents, err)
		}
		names = nil
		for _, r := range agents[0].Readers {
			names = append(names, "gate1/"+r.ID)
		}
		return nil
	})
	edge.Rule(m.rule)
	centre.Rule(m.rule)
	parting := make(chan struct{})
	running.Go(func() {
		for {
			select {
			case <-time.After(time.Hour):
			case <-parting:
				return
			}
			p := []*natstest.Proxy{edge, centre}[m.pick(2)]
			switch m.pick(6) {
			case 0:
				p.Part()
			case 1:
				p.Part(natstest.Up)
			case 2:
				p.Part(natstest.Down)
			case 3:
				p.Cut()
			case 4:
				p.HalfCut(natstest.Direction(m.pick(2)))
			case 5:
				p.Refuse()
			}
			time.Sleep(m.upTo(1500 * time.Millisecond))
			p.Heal()
		}
	})
	begin := time.Now()
	var orders sync.WaitGroup
	var mu sync.Mutex
	tries := map[string]int{}
	receipts := make([][]*purse.Receipt, readers)
	byReader := map[string]*plastic{}
	for _, c := range cards {
		byReader[fmt.Sprintf("%X", c.uid)] = c
	}
	for i := range readers {
		orders.Go(func() {
			for n := range each {
				o := purse.Order{ID: fmt.Sprintf("order %d %d", i, n), Moves: []purse.Move{{File: valueFile, Kind: purse.Debit, Amount: int32(1 + n%7)}}}
				for end := time.Now().Add(3 * time.Minute); ; {
					r, err := g.OrderWithin(ctx, names[i], o, 5*time.Second)
					if err == nil {
						receipts[i] = append(receipts[i], r)
						break
					}
					mu.Lock()
					tries[kindOf(err)]++
					mu.Unlock()
					if time.Now().After(end) || t.Failed() {
						t.Errorf("%s: %v", o.ID, err)
						return
					}
				}
			}
		})
	}
	orders.Wait()
	close(parting)
	took := time.Since(begin)
	for i := range readers {
		if len(receipts[i]) == 0 {
			continue
		}
		byReader[receipts[i][0].Entry.UID].agrees(t, receipts[i])
	}
	up, _, dropped, conns := edge.Counts()
	t.Logf("%d debits in %v, harmed %v, edge: %d frames up, %d dropped, %d connections; again because of %v; seed %d", readers*each, took.Round(time.Millisecond), m.harmed, up, dropped, conns, tries, *seed)
}

// agrees compares what a card has done with receipts, all that there are of it.
func (p *plastic) agrees(t testing.TB, receipts []*purse.Receipt) {
	t.Helper()
	value, moves := p.truth()
	want := map[purse.ID]int64{}
	sum := int64(startsAt)
	for _, r := range receipts {
		if _, twice := want[r.Entry.ID]; twice {
			t.Errorf("card %X: %v has two receipts", p.uid, r.Entry.ID)
		}
		want[r.Entry.ID] = r.Entry.Signed(valueFile)
		sum += want[r.Entry.ID]
	}
	if int64(value) != sum {
		t.Errorf("card %X holds %d, and by its receipts %d", p.uid, value, sum)
	}
	for _, m := range moves {
		by, ok := want[m.id]
		switch {
		case !ok:
			t.Errorf("card %X: %v moved %d, and there is no receipt, or it was done twice", p.uid, m.id, m.by)
		case by != m.by:
			t.Errorf("card %X: %v moved %d, and its receipt says %d", p.uid, m.id, m.by, by)
		}
		delete(want, m.id)
	}
	for id := range want {
		t.Errorf("card %X: there is a receipt of %v, which did not happen", p.uid, id)
	}
}

// kindOf is the kind of an error, for counting.
func kindOf(err error) string {
	for ; ; err = errors.Unwrap(err) {
		next := errors.Unwrap(err)
		if next == nil {
			return fmt.Sprintf("%T", err)
		}
		switch err.(type) {
		case *purse.InDoubtError, *purse.DidNotError, *gate.NoCardError, *purse.OpenEntryError, *purse.BlockedError, *purse.JournalError, *remote.Error:
			return fmt.Sprintf("%T", err)
		}
	}
}
