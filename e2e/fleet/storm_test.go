package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/gate"
)

// person has a card and goes from gate to gate with it.
type person struct {
	w    *world
	no   int
	card *plastic

	made     int
	open     []*order
	receipts []*purse.Receipt
}

// order is what a person wants to pay at a gate, asked for until it is done.
type order struct {
	purse.Order
	at     *gateway
	tries  int
	doubts int // how often it was in doubt when all was well
}

// storm is what happens while people pay.
type storm struct {
	*world
	people []*person

	mu    sync.Mutex
	did   map[string]int // what was done to whom
	again map[string]int // why orders were repeated
}

func (s *storm) count(m map[string]int, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m[what]++
}

// pay has each person make orders, while trouble does what it does.
func (s *storm) pay(people, orders int, trouble func(ctx context.Context)) {
	s.did, s.again = map[string]int{}, map[string]int{}
	for i := range people {
		s.people = append(s.people, &person{w: s.world, no: i, card: s.stock.card()})
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	troubled := make(chan struct{})
	go func() {
		defer close(troubled)
		trouble(ctx)
	}()
	var paying sync.WaitGroup
	for _, p := range s.people {
		paying.Go(func() {
			for p.made < orders && !s.t.Failed() {
				if len(p.open) > 0 && s.mess.chance(0.7) {
					s.visit(p, p.open[0], 1+s.mess.pick(2))
					continue
				}
				o := &order{at: s.gates[s.mess.pick(len(s.gates))], Order: purse.Order{
					ID: fmt.Sprintf("order %d %d", p.no, p.made), UID: p.card.uid,
					Moves: []purse.Move{{File: valueFile, Kind: purse.Debit, Amount: int32(1 + s.mess.pick(50))}},
				}}
				p.made++
				p.open = append(p.open, o)
				s.visit(p, o, 1+s.mess.pick(3))
			}
		})
	}
	paying.Wait()
	cancel()
	<-troubled
}

// finish has all that is open decided, when all is well again. What stays in doubt at a
// gate, the centre has to decide. Everybody pays once more where power was lost: that a
// change has happened is not synced, and nobody else may ever look at that card again.
func (s *storm) finish() {
	var finishing sync.WaitGroup
	for _, p := range s.people {
		for _, g := range s.gates {
			if g.power != nil && g.power.cuts > 0 {
				p.open = append(p.open, &order{at: g, Order: purse.Order{
					ID: fmt.Sprintf("order %d %d", p.no, p.made), UID: p.card.uid, Moves: []purse.Move{{File: valueFile, Kind: purse.Debit, Amount: 1}},
				}})
				p.made++
			}
		}
		finishing.Go(func() {
			end := time.Now().Add(wait)
			var doubted []*order
			for len(p.open) > 0 && !s.t.Failed() {
				o := p.open[0]
				err := s.visit(p, o, 1)
				var doubt *purse.InDoubtError
				switch {
				case errors.As(err, &doubt) && o.doubts > 5:
					p.open, doubted = p.open[1:], append(doubted, o)
				case errors.As(err, &doubt):
					o.doubts++
				case err != nil && time.Now().After(end):
					s.t.Errorf("%s at %s, tried %d times, is not decided: %v", o.ID, o.at.name, o.tries, err)
				}
			}
			p.open = doubted
		})
	}
	finishing.Wait()
}

// visit lays a person's card on a reader of the order's gate, and asks for the order
// some times.
func (s *storm) visit(p *person, o *order, times int) (err error) {
	i := s.mess.pick(len(o.at.spots))
	spot, reader := o.at.spots[i], o.at.readers[i]
	if !spot.take(p.card) {
		time.Sleep(5 * time.Millisecond)
		return errors.New("somebody else is there")
	}
	defer spot.leave()
	for range times {
		o.tries++
		ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second+s.mess.upTo(5*time.Second))
		var r *purse.Receipt
		r, err = s.operator.Order(ctx, o.at.name, reader, o.Order, 2*time.Second)
		cancel()
		if err == nil {
			p.receipts = append(p.receipts, r)
			p.open = slices.DeleteFunc(p.open, func(one *order) bool { return one == o })
			return nil
		}
		s.count(s.again, orderKind(err))
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// orderKind is the kind of an error of an order, for counting.
func orderKind(err error) string {
	var why *gate.OrderError
	kind := strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
	if errors.As(err, &why) {
		kind += " " + string(why.Code)
	}
	if errors.Is(err, gate.ErrAway) {
		kind = "away"
	}
	return kind
}

func (s *storm) tell(begin time.Time) {
	orders := 0
	for _, p := range s.people {
		orders += len(p.receipts)
	}
	s.t.Logf("%d orders by %d people at %d gates in %v; done to them: %s; messages harmed: %s; asked again because: %s; seed %d",
		orders, len(s.people), len(s.gates), time.Since(begin).Round(100*time.Millisecond), counts(s.did), counts(s.mess.harmed), counts(s.again), *seed)
}

func counts(m map[string]int) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(all, ", ")
}

// troubles are what can be done to a world, by name. Each ends with all as it was.
func (s *storm) troubles() map[string]func() {
	some := func() *gateway { return s.gates[s.mess.pick(len(s.gates))] }
	pause := func(d time.Duration) { time.Sleep(s.mess.upTo(d)) }
	link := func(harm func(*natstest.Proxy)) func() {
		return func() {
			g := some()
			harm(g.link)
			pause(time.Second)
			g.link.Heal()
		}
	}
	lost := func(p *process, d *disk) {
		if d == nil {
			p.kill()
			return
		}
		p.expectEnd()
		d.cut()
		pause(200 * time.Millisecond) // some notice it, and go on for a moment
		p.kill()
		d.back()
	}
	return map[string]func(){
		"a gate without power": func() { g := some(); lost(g.process, g.power); g.start() },
		"the centre without power": func() {
			lost(s.server, s.power)
			pause(time.Second)
			s.server.start()
			s.serverReady()
		},
		"a gate with a full disk": func() {
			g := some()
			if limitFiles(g.pid(), uint64(s.mess.pick(40_000))) == nil {
				pause(time.Second)
				_ = limitFiles(g.pid(), noLimit)
			}
		},
		"a gate killed": func() { g := some(); g.kill(); pause(500 * time.Millisecond); g.start() },
		"a gate ended":  func() { g := some(); g.stop(); pause(500 * time.Millisecond); g.start() },
		"the centre killed": func() {
			s.server.kill()
			pause(time.Second)
			s.server.start()
			s.serverReady()
		},
		"a link parted":            link(func(p *natstest.Proxy) { p.Part() }),
		"a link parted upwards":    link(func(p *natstest.Proxy) { p.Part(natstest.Up) }),
		"a link parted downwards":  link(func(p *natstest.Proxy) { p.Part(natstest.Down) }),
		"a link cut":               link((*natstest.Proxy).Cut),
		"a link refused":           link((*natstest.Proxy).Refuse),
		"a link ended in one half": link(func(p *natstest.Proxy) { p.HalfCut(natstest.Direction(s.mess.pick(2))) }),
		"a link slow":              link(func(p *natstest.Proxy) { p.Slow(50*time.Millisecond, 20_000) }),
	}
}

// some does troubles of these names, until ctx ends.
func (s *storm) some(between time.Duration, names ...string) func(ctx context.Context) {
	all := s.troubles()
	if names == nil {
		names = slices.Sorted(maps.Keys(all))
	}
	return func(ctx context.Context) {
		for ctx.Err() == nil && !s.t.Failed() {
			select {
			case <-time.After(s.mess.upTo(between)):
			case <-ctx.Done():
				return
			}
			name := names[s.mess.pick(len(names))]
			s.count(s.did, name)
			all[name]()
		}
	}
}

// TestStorm has people pay at three gates, while gates and centre are killed and links
// are harmed.
func TestStorm(t *testing.T) {
	people, orders := 6, 8
	if *soak {
		people, orders = 8, 100
	}
	s := &storm{world: newWorld(t, 3, 2)}
	begin := time.Now()
	for _, g := range s.gates {
		g.link.Rule(s.mess.rule)
	}
	s.mess.on = true
	s.pay(people, orders, s.some(time.Second))
	s.mess.calm()
	s.finish()
	s.tell(begin)
	s.ledger()
	s.judge()
}
