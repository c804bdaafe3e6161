package ledger_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
)

// entryOf is an entry as a purse makes them, of which no card was asked.
func entryOf(t testing.TB, j purse.Journal, n int) *purse.Entry {
	t.Helper()
	id, err := j.NewID(context.Background())
	must(t, err)
	return &purse.Entry{
		ID: id, Terminal: "gate", Policy: purse.Hostile, CardApp: purse.CardApp{UID: fmt.Sprintf("04%012X", n), App: app.String()},
		UIDProof: purse.UIDByKey, Scheme: "EV2", Moves: []purse.Move{{File: 1, Amount: 5}}, Key: keystore.Facts{Type: "AES"},
		Began: purse.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
	}
}

func outboxOf(t testing.TB, s *natstest.Server, name string, j purse.Journal, change func(c *ledger.OutboxConfig)) (*ledger.Outbox, func()) {
	t.Helper()
	conf := ledger.OutboxConfig{Conn: agentConn(s, name), Fleet: fleet, Agent: name, Journal: j, Linger: time.Millisecond, Logger: logger()}
	if change != nil {
		change(&conf)
	}
	o, err := ledger.NewOutbox(conf)
	must(t, err)
	return o, running(t, o.Run)
}

// An agent comes back after a long time with very many open entries.
func TestManyOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const many = 700
	s := natstest.Start(t, nil)
	j := purse.Memory(nil)
	for n := range many {
		must(t, j.Begin(ctx, entryOf(t, j, n)))
	}
	c, _ := startCentre(t, s, nil)
	o, _ := outboxOf(t, s, "gate1", j, nil)
	opens := opensOf(t, s, "gate2")
	eventually(t, "all open known", func() bool { return opens.Count() == many })
	for n := range many {
		card := purse.CardApp{UID: fmt.Sprintf("04%012X", n), App: app.String()}
		if list, missing := opens.Of(card); len(list) != 1 || missing != 0 || list[0].Agent != "gate1" {
			t.Fatalf("card %d: %d, %d", n, len(list), missing)
		}
	}
	if own, _ := opensOf(t, s, "gate1").Of(purse.CardApp{UID: "04000000000000", App: app.String()}); len(own) != 0 {
		t.Error("its own are told to it")
	}
	eventually(t, "judged", func() bool { x := c.Totals(); return x.Open == many && x.Judging == 0 })
	// Little memory: what does not fit is asked for.
	little, err := ledger.NewOpens(ledger.OpensConfig{Conn: agentConn(s, "gate3"), Fleet: fleet, Agent: "gate3", Memory: 2000})
	must(t, err)
	running(t, little.Run)
	eventually(t, "known", func() bool { return little.Count() == many })
	var last purse.CardApp // whose entry was not kept; which ones are is a matter of what came first
	without := 0
	for n := range many {
		card := purse.CardApp{UID: fmt.Sprintf("04%012X", n), App: app.String()}
		switch list, missing := little.Of(card); {
		case len(list)+missing != 1:
			t.Errorf("card %d: %d, %d", n, len(list), missing)
		case missing == 1:
			last, without = card, without+1
		}
	}
	if without == 0 || without == many {
		t.Fatalf("%d of %d are not kept", without, many)
	}
	if list, err := little.Ask(ctx, last); err != nil || len(list) != 1 || list[0].UID != last.UID {
		t.Errorf("asked: %+v %v", list, err)
	}
	// All pages of a query, once each.
	seen := map[purse.ID]bool{}
	for q := (ledger.Query{Agent: "gate1", State: purse.InDoubt, Limit: 300}); ; {
		p, err := c.Query(ctx, q)
		must(t, err)
		for _, r := range p.Records {
			if seen[r.Entry.ID] {
				t.Fatal("one comes twice")
			}
			seen[r.Entry.ID] = true
		}
		if q.Before = p.Next; p.Next == 0 {
			break
		}
	}
	if len(seen) != many {
		t.Errorf("%d are listed", len(seen))
	}
	for name, q := range map[string]ledger.Query{
		"another agent": {Agent: "gate2"}, "another state": {State: purse.Happened}, "another time": {Until: time.Now().Add(-time.Hour)},
		"an id": {ID: purse.NewID(purse.Generation{1}, 1, [6]byte{}).String()}, "a card": {UID: "04ABCDEF123456"}, "an application": {App: "000001"},
	} {
		if p, err := c.Query(ctx, q); err != nil || len(p.Records) != 0 {
			t.Errorf("%s: %d %v", name, len(p.Records), err)
		}
	}
	for _, q := range []ledger.Query{{Agent: "*"}, {UID: "04 *"}, {UID: ">"}, {App: strings.Repeat("x", 100)}, {ID: "*"}} {
		if _, err := c.Query(ctx, q); err == nil {
			t.Errorf("%+v is no error", q)
		}
	}
	if n := o.Status().Shipped; n == 0 {
		t.Error("no status")
	}
}

// What is too large for a message goes without what people wrote, or stays and is told; the others
// go on.
func TestLargeEntries(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	j := purse.Memory(nil)
	wordy, huge, last := entryOf(t, j, 1), entryOf(t, j, 2), entryOf(t, j, 3)
	wordy.Meta = map[string]string{"note": strings.Repeat("words ", 200_000)}
	huge.TMI = make(purse.Hex, 1<<20)
	for _, e := range []*purse.Entry{wordy, huge, last} {
		must(t, j.Begin(ctx, e))
		must(t, j.End(ctx, e.ID, purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleCounter, Time: e.Began}, nil))
	}
	startCentre(t, s, nil)
	o, stop := outboxOf(t, s, "gate1", j, func(c *ledger.OutboxConfig) { c.Keep = time.Millisecond })
	eventually(t, "the others in the ledger", func() bool { return lines(t, s) == 2 })
	eventually(t, "told", func() bool { x := o.Status(); return len(x.TooLarge) == 1 && x.TooLarge[0] == huge.ID })
	stop()
	if e, err := j.Entry(ctx, huge.ID); e == nil || err != nil {
		t.Errorf("it is forgotten: %v", err)
	}
}

// looked counts how often its journal was asked to forget.
type looked struct {
	purse.ChangeLog
	n atomic.Int64
}

func (l *looked) Forget(ctx context.Context, upTo uint64, before purse.Time) (int, error) {
	defer l.n.Add(1)
	return l.ChangeLog.Forget(ctx, upTo, before)
}

// What was confirmed long ago by both clocks is forgotten, and nothing else, whatever the clock said that
// made it.
func TestForgotten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	const day = 24 * time.Hour
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var centre, here atomic.Int64 // days
	startCentre(t, s, func(c *ledger.Config) {
		c.Now = func() time.Time { return start.Add(time.Duration(centre.Load()) * day) }
	})
	j := &looked{ChangeLog: purse.Memory(nil).(purse.ChangeLog)}
	add := func(began time.Time) {
		t.Helper()
		e := entryOf(t, j, 1)
		e.Began = purse.At(began)
		must(t, j.Begin(ctx, e))
		must(t, j.End(ctx, e.ID, purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleCounter, Time: e.Began}, nil))
	}
	for _, years := range []int{-56, -1, 0, 50} { // a clock that was never set, an agent that was away, a clock that is wrong
		add(start.AddDate(years, 0, 0))
	}
	begun, keep := 4, ledger.DefaultKeep
	run := func(days ...int64) {
		t.Helper()
		here.Store(days[0])
		centre.Store(days[1])
		before := j.n.Load()
		o, stop := outboxOf(t, s, "gate1", j, func(c *ledger.OutboxConfig) {
			c.Keep = keep
			c.Now = func() time.Time { return start.Add(time.Duration(here.Load()) * day) }
		})
		last, err := j.LastChange(ctx)
		must(t, err)
		eventually(t, "confirmed", func() bool { return o.Status().Confirmed == last && lines(t, s) == begun })
		eventually(t, "looked", func() bool { return keep < 0 || j.n.Load() > before })
		stop()
	}
	count := func(want int, when string) {
		t.Helper()
		n := 0
		for _, err := range j.Entries(ctx) {
			must(t, err)
			n++
		}
		if n != want {
			t.Errorf("%s: %d entries are left, and not %d", when, n, want)
		}
	}
	run(0, 0)
	count(4, "just confirmed")
	run(20_000, 0)
	count(4, "the clock here is ahead")
	run(-20_000, 29)
	count(4, "the clock here is behind, the other's goes on")
	run(29, 29)
	count(4, "a day before")
	run(29, 20_000)
	count(4, "the centre's clock is ahead")
	keep = -1
	run(100, 100)
	count(4, "without a limit")
	keep = ledger.DefaultKeep
	run(31, 31)
	count(1, "a month after it was confirmed") // the last of the card stays
	add(start)
	begun++
	run(60, 60)
	count(1, "the one before is no more the last, and was confirmed long ago")
	run(89, 89)
	count(1, "a day before")
}

// A server that comes back without its last messages, or with none, gets them again.
func TestServerForgets(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	c, stop := startCentre(t, s, nil)
	card := newPlastic(t, 1)
	g := newGate(t, "gate1", 1)
	g.open(card)
	n := 0
	debit := func(more int) {
		t.Helper()
		p := card.present(t)
		for range more {
			if _, err := g.purse.Debit(ctx, p, purse.Request{ID: fmt.Sprint(n), Amount: 1}); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	settled := func() {
		t.Helper()
		eventually(t, fmt.Sprint(n, " in the ledger"), func() bool {
			x := c.Totals()
			return lines(t, s) == n && x.Entries == n && x.Judging == 0
		})
	}
	g.ship(agentConn(s, "gate1"))
	debit(10)
	settled()
	epoch := g.outbox.Status().Epoch
	stop()
	var saved string
	s.Restart(func(store string) { saved = store + ".saved"; copyFolder(t, store, saved) })
	c, stop = startCentre(t, s, nil)
	debit(10)
	settled()
	stop()
	s.Restart(func(store string) { // as if the last were never written
		must(t, os.RemoveAll(store))
		copyFolder(t, saved, store)
	})
	c, stop = startCentre(t, s, nil)
	settled()
	if g.outbox.Status().Epoch != epoch {
		t.Error("the epoch changed, though the stream is the same")
	}
	stop()
	s.Restart(func(store string) { must(t, os.RemoveAll(store)) })
	c, stop = startCentre(t, s, nil)
	settled()
	debit(1)
	settled()
	if x := c.Totals(); x.Files[0].Happened != int64(card.value(t))-50_000 || g.outbox.Status().Epoch == epoch || len(kinds(t, c)) != 0 {
		t.Errorf("%+v, the card holds %d, epoch %s, alarms %v", x, card.value(t), g.outbox.Status().Epoch, kinds(t, c))
	}
	// The journal forgets that it shipped: it ships again.
	g.close()
	must(t, os.Remove(g.path+".notes"))
	g.open(card)
	g.ship(agentConn(s, "gate1"))
	debit(1)
	settled()
	if x := c.Totals(); x.Files[0].Happened != int64(card.value(t))-50_000 || len(kinds(t, c)) != 0 {
		t.Errorf("%+v, the card holds %d, alarms %v", x, card.value(t), kinds(t, c))
	}
	stop()
	g.close()
}

func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	}))
}
