package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/ledger"
)

var (
	at = remote.Subjects{Fleet: fleet}
	v1 = remote.Versioned{V: remote.Version}
)

// ship sends a batch as an agent might, and returns the answer.
func ship(t testing.TB, conn *nats.Conn, agent string, b ledger.Batch, payload []byte) (w ledger.Watermark) {
	t.Helper()
	b.Versioned = v1
	m, err := remote.Encode(b, payload)
	must(t, err)
	r, err := conn.Request(at.Outbox(agent), m, long)
	must(t, err)
	_, err = remote.Decode(r.Data, &w)
	must(t, err)
	return w
}

func payloadOf(t testing.TB, list ...purse.Logged) []byte {
	t.Helper()
	b, err := json.Marshal(list)
	must(t, err)
	return b
}

// kinds are the kinds of the alarms that stand, with how many there are.
func kinds(t testing.TB, c *ledger.Centre) map[string]int {
	t.Helper()
	all := map[string]int{}
	list, _, err := c.Alarms(context.Background(), "", 0, 500)
	must(t, err)
	for _, a := range list {
		if !a.Over {
			all[a.Kind]++
		}
	}
	return all
}

// messages is how many messages a stream has.
func messages(t testing.TB, s *natstest.Server, stream string) int {
	t.Helper()
	js, err := jetstream.New(s.Connect())
	must(t, err)
	st, err := js.Stream(context.Background(), at.Stream(stream))
	must(t, err)
	return int(st.CachedInfo().State.Msgs)
}

// made are entries as a purse makes them, of a card that it debited.
func made(t testing.TB, name string, card *plastic, n int) (purse.ChangeLog, []purse.Logged) {
	t.Helper()
	ctx := context.Background()
	j := purse.Memory(nil)
	conf := card.conf
	s := *conf.Slot
	s.Number = int(name[len(name)-1] - '0')
	conf.Journal, conf.Terminal, conf.Slot = j, name, &s
	p, err := purse.Open(conf)
	must(t, err)
	c := card.present(t)
	for i := range n {
		if _, err := p.Debit(ctx, c, purse.Request{ID: fmt.Sprint(name, i), Amount: 5}); err != nil {
			t.Fatal(err)
		}
	}
	log := j.(purse.ChangeLog)
	list, err := log.Changes(ctx, 0, 1000)
	must(t, err)
	return log, list
}

// What is garbled or too large is refused and told, and takes nothing with it.
func TestGarbledBatches(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t, nil)
	c, _ := startCentre(t, s, nil)
	conn := agentConn(s, "gate1")
	log, good := made(t, "gate1", newPlastic(t, 1), 3)
	g := log.Generation()
	many := make([]purse.Logged, 65)
	for i := range many {
		many[i] = good[0]
		many[i].Seq = uint64(i + 1)
	}
	for name, x := range map[string]struct {
		b       ledger.Batch
		payload []byte
	}{
		"no JSON":            {ledger.Batch{Generation: g}, []byte("x")},
		"no list":            {ledger.Batch{Generation: g}, []byte("{}")},
		"no journal":         {ledger.Batch{}, payloadOf(t, good...)},
		"too many":           {ledger.Batch{Generation: g}, payloadOf(t, many...)},
		"too large":          {ledger.Batch{Generation: g}, []byte("[" + strings.Repeat(" ", 800<<10) + "]")},
		"not in order":       {ledger.Batch{Generation: g}, payloadOf(t, good[1], good[0])},
		"twice":              {ledger.Batch{Generation: g}, payloadOf(t, good[1], good[1])},
		"before its begin":   {ledger.Batch{Generation: g, After: 1 << 60}, payloadOf(t, good...)},
		"neither of the two": {ledger.Batch{Generation: g}, []byte(`[{"seq":1}]`)},
		"both":               {ledger.Batch{Generation: g}, payloadOf(t, purse.Logged{Seq: 1, Entry: good[0].Entry, Found: &purse.Found{}})},
		"null":               {ledger.Batch{Generation: g}, []byte(`[null]`)},
		"a negative number":  {ledger.Batch{Generation: g}, []byte(`[{"seq":-1}]`)},
	} {
		if w := ship(t, conn, "gate1", x.b, x.payload); w.Refused == "" || w.Seq != 0 {
			t.Errorf("%s: %+v", name, w)
		}
	}
	for _, m := range [][]byte{nil, {1}, []byte("\x00\x00\x00\x07{\"v\":9}"), make([]byte, 1000)} {
		r, err := conn.Request(at.Outbox("gate1"), m, long)
		must(t, err)
		var w ledger.Watermark
		if _, err := remote.Decode(r.Data, &w); err != nil || w.Refused == "" {
			t.Errorf("%x: %+v %v", m, w, err)
		}
	}
	if n := messages(t, s, "changes"); n != 0 {
		t.Errorf("%d batches were taken", n)
	}
	if w := ship(t, conn, "gate1", ledger.Batch{Generation: g}, payloadOf(t, good...)); w.Refused != "" || w.Seq != good[2].Seq || w.Synced != w.Seq {
		t.Errorf("a good one: %+v", w)
	}
	eventually(t, "in the ledger", func() bool { return lines(t, s) == 3 })
	if k := kinds(t, c); k["a batch of changes"] == 0 {
		t.Errorf("alarms: %v", k)
	}
	// Nobody is answered where the agent may not listen.
	stranger, err := conn.SubscribeSync("elsewhere")
	must(t, err)
	m, err := remote.Encode(ledger.Batch{Versioned: v1, Generation: g}, nil)
	must(t, err)
	must(t, conn.PublishRequest(at.Outbox("gate1"), "elsewhere", m))
	ship(t, conn, "gate1", ledger.Batch{Generation: g}, nil) // by now it was looked at
	if n, _, _ := stranger.Pending(); n != 0 {
		t.Error("an answer went elsewhere")
	}
}

// Batches that come again, or in another order, change nothing.
func TestReplayedBatches(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t, nil)
	c, _ := startCentre(t, s, nil)
	conn := agentConn(s, "gate1")
	log, all := made(t, "gate1", newPlastic(t, 1), 6)
	g := log.Generation()
	send := func(again bool, after uint64, from, to int) ledger.Watermark {
		t.Helper()
		return ship(t, conn, "gate1", ledger.Batch{Generation: g, After: after, Again: again}, payloadOf(t, all[from:to]...))
	}
	if w := send(false, all[1].Seq, 2, 4); w.Seq != 0 || w.Refused != "" {
		t.Errorf("the second first: %+v", w)
	}
	for range 3 {
		if w := send(false, 0, 0, 2); w.Seq != all[1].Seq {
			t.Errorf("the first: %+v", w)
		}
	}
	send(false, all[1].Seq, 2, 4)
	before := messages(t, s, "changes")
	send(false, 0, 0, 2)
	if w := send(false, all[1].Seq, 2, 4); w.Seq != all[3].Seq || messages(t, s, "changes") != before {
		t.Errorf("all again: %+v, %d batches after %d", w, messages(t, s, "changes"), before)
	}
	if w := send(false, 0, 0, 6); w.Seq != all[5].Seq {
		t.Errorf("one that overlaps: %+v", w)
	}
	if w := send(true, 0, 0, 3); w.Seq != all[2].Seq {
		t.Errorf("again, from the beginning: %+v", w)
	}
	if w := send(false, all[2].Seq, 3, 6); w.Seq != all[5].Seq {
		t.Errorf("the rest again: %+v", w)
	}
	eventually(t, "judged", func() bool { x := c.Totals(); return x.Judging == 0 && x.Entries == 6 })
	if x := c.Totals(); x.Happened != 6 || x.Files[0].Happened != -30 || lines(t, s) != 6 || len(kinds(t, c)) != 0 {
		t.Errorf("%+v, %d lines, alarms %v", x, lines(t, s), kinds(t, c))
	}
}

// Who reports for another, or changes what it said, is told.
func TestLyingAgents(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	c, _ := startCentre(t, s, nil)
	one, two := agentConn(s, "gate1"), agentConn(s, "gate2")
	card := newPlastic(t, 1)
	log1, a := made(t, "gate1", card, 2)
	log2, b := made(t, "gate2", card, 2)
	ship(t, one, "gate1", ledger.Batch{Generation: log1.Generation()}, payloadOf(t, a...))
	eventually(t, "in the ledger", func() bool { return lines(t, s) == 2 })

	// Another's journal.
	if w := ship(t, two, "gate2", ledger.Batch{Generation: log1.Generation()}, payloadOf(t, a...)); !strings.Contains(w.Refused, "gate1") {
		t.Errorf("another's journal: %+v", w)
	}
	// Another's transactions in its own journal: an id that was used, and one that was not.
	used := a[0].Entry.Clone()
	used.Moves[0].Amount = 1
	fresh := a[1].Entry.Clone()
	fresh.ID = purse.NewID(log1.Generation(), 77, [6]byte{1})
	// And a card that none is, and another content of its own.
	odd := b[1].Entry.Clone()
	odd.ID, odd.UID = purse.NewID(log2.Generation(), 78, [6]byte{1}), "04*.>"
	list := append(b, purse.Logged{Seq: 100, Entry: used}, purse.Logged{Seq: 101, Entry: fresh}, purse.Logged{Seq: 102, Entry: odd},
		purse.Logged{Seq: 103, Found: &purse.Found{ID: purse.NewID(purse.Generation{7}, 1, [6]byte{}), CardApp: used.CardApp, Outcome: purse.Outcome{Decision: purse.Happened}}},
		purse.Logged{Seq: 104, Found: &purse.Found{ID: fresh.ID, CardApp: used.CardApp, Outcome: purse.Outcome{Decision: purse.Happened}}})
	if w := ship(t, two, "gate2", ledger.Batch{Generation: log2.Generation()}, payloadOf(t, list...)); w.Seq != 104 {
		t.Errorf("%+v", w)
	}
	eventually(t, "in the ledger", func() bool { return lines(t, s) == 4 })
	eventually(t, "told", func() bool {
		k := kinds(t, c)
		return k["another's journal"] == 1 && k["another's transaction"] == 2 && k["a change that is none"] == 1 && k["an unknown transaction"] == 2
	})
	// It lowers an amount later.
	less := b[0].Entry.Clone()
	less.Moves[0].Amount, less.Outcomes = 1, nil
	ship(t, two, "gate2", ledger.Batch{Generation: log2.Generation(), After: 104}, payloadOf(t, purse.Logged{Seq: 105, Entry: less}))
	eventually(t, "told", func() bool { return kinds(t, c)["another content"] == 1 && kinds(t, c)["another decision"] == 1 })
	r, err := c.Entry(ctx, b[0].Entry.ID)
	must(t, err)
	if !r.IsOpen() || len(r.Others) != 1 || r.Entry.Moves[0].Amount != 5 {
		t.Errorf("what it reported twice: %+v", r)
	}
	fixes, _, err := c.Corrections(ctx, 0, 0)
	must(t, err)
	if len(fixes) != 1 || fixes[0].ID != b[0].Entry.ID || fixes[0].Was.Decision != purse.Happened || fixes[0].Is.Decision != purse.InDoubt {
		t.Errorf("corrections: %+v", fixes)
	}
	if lines(t, s) != 4 {
		t.Errorf("%d lines", lines(t, s))
	}
}

// Debits that did not happen are found by their transaction MACs, and debits that are not
// reported by the numbers that are missing.
func TestInventedDebits(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t, nil)
	c, _ := startCentre(t, s, func(conf *ledger.Config) { conf.Proved = []string{app.String()} })
	one, two := agentConn(s, "gate1"), agentConn(s, "gate2")
	card, never := newPlastic(t, 1), newPlastic(t, 2)
	log1, a := made(t, "gate1", card, 2)
	log2, b := made(t, "gate2", card, 3)
	ship(t, one, "gate1", ledger.Batch{Generation: log1.Generation()}, payloadOf(t, a...))
	invent := func(like *purse.Entry, no uint32, change func(e *purse.Entry)) *purse.Entry {
		e := like.Clone()
		e.ID = purse.NewID(log2.Generation(), no, [6]byte{9})
		e.TMC0 += 10
		n := e.TMC0 + 1
		e.Outcomes[0].Evidence.TMC = &n
		e.TMI = purse.Hex(strings.ReplaceAll(string(e.TMI), string(like.ID.Slot(16)), string(e.ID.Slot(16))))
		e.Progress.TMI = nil
		change(e)
		return e
	}
	lies := []*purse.Entry{
		invent(b[2].Entry, 100, func(*purse.Entry) {}),
		invent(b[2].Entry, 101, func(e *purse.Entry) { e.HasTMAC, e.TMI = false, nil }),
		invent(b[2].Entry, 102, func(e *purse.Entry) { e.UID = never.uid() }),
		invent(b[2].Entry, 103, func(e *purse.Entry) { e.Outcomes[0].Evidence.TMV = a[0].Entry.Outcomes[0].Evidence.TMV }),
		invent(b[2].Entry, 104, func(e *purse.Entry) { e.Outcomes[0].Rule = purse.RuleSlot }),
	}
	list := []purse.Logged{b[0], b[2]} // the second is held back
	for i, e := range lies {
		list = append(list, purse.Logged{Seq: 200 + uint64(i), Entry: e})
	}
	ship(t, two, "gate2", ledger.Batch{Generation: log2.Generation()}, payloadOf(t, list...))
	eventually(t, "judged", func() bool { x := c.Totals(); return x.Judging == 0 && x.Entries == 4+len(lies) })
	for i, e := range lies {
		r, err := c.Entry(context.Background(), e.ID)
		must(t, err)
		if r == nil || !r.IsOpen() {
			t.Errorf("lie %d: %+v", i, r)
		}
	}
	for _, x := range []purse.Logged{a[0], a[1], b[0], b[2]} {
		r, err := c.Entry(context.Background(), x.Entry.ID)
		must(t, err)
		if r == nil || r.IsOpen() || r.Outcome().Decision != purse.Happened {
			t.Errorf("what happened: %+v", r.Outcome())
		}
	}
	books, err := c.Books(context.Background(), purse.CardApp{UID: card.uid(), App: app.String()})
	must(t, err)
	if books.Files[0].Happened != -20 || books.Open != 4 || len(books.Gaps) == 0 || books.Gaps[0].First != 4 {
		t.Errorf("books: %+v", books)
	}
	if k := kinds(t, c); k["rule 2"] < len(lies) || k["another decision"] != len(lies) {
		t.Errorf("alarms: %v", k)
	}
}

// A centre that says that it has what it has not: nothing is forgotten before its time, and the next
// centre gets all of it.
func TestLyingCentre(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	liar := s.Connect()
	var asked atomic.Int32
	sub, err := liar.Subscribe(at.Outbox("*"), func(m *nats.Msg) {
		asked.Add(1)
		b, err := remote.Encode(ledger.Watermark{Versioned: v1, Epoch: "liar", Seq: 1 << 50, Synced: 1 << 50, Time: time.Now().Add(10 * 365 * 24 * time.Hour)}, nil)
		if err == nil {
			_ = m.Respond(b)
		}
	})
	must(t, err)
	card := newPlastic(t, 1)
	g := newGate(t, "gate1", 1)
	g.open(card)
	c := card.present(t)
	for i := range 5 {
		if _, err := g.purse.Debit(ctx, c, purse.Request{ID: fmt.Sprint(i), Amount: 1}); err != nil {
			t.Fatal(err)
		}
	}
	g.ship(agentConn(s, "gate1"))
	eventually(t, "shipped", func() bool { return g.outbox.Status().Last > 0 && asked.Load() > 1 })
	must(t, sub.Unsubscribe())
	startCentre(t, s, nil)
	if _, err := g.purse.Debit(ctx, c, purse.Request{ID: "5", Amount: 1}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "in the ledger", func() bool { return lines(t, s) == 6 })
	if g.count() != 6 {
		t.Errorf("%d entries are left", g.count())
	}
	g.close()
	if _, err := ledger.NewOutbox(ledger.OutboxConfig{Conn: liar, Fleet: "F", Agent: "gate1", Journal: purse.Memory(nil)}); err == nil {
		t.Error("a fleet of no name")
	}
}
