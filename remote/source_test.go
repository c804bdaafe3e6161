package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
)

// patience is longer than anything takes, on a loaded machine too.
const patience = time.Minute

const (
	bootA = "000102030405060708090a0b0c0d0e0f"
	bootB = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
)

// puppet is an agent that says what a test wants.
type puppet struct {
	t       *testing.T
	conn    *nats.Conn
	subject Subjects
	asked   chan *nats.Msg
}

func newPuppet(t *testing.T, s *natstest.Server) *puppet {
	t.Helper()
	p := &puppet{t: t, conn: s.Connect(), subject: Subjects{"main"}, asked: make(chan *nats.Msg, 100)}
	if _, err := p.conn.ChanSubscribe(p.subject.Ask("gate7"), p.asked); err != nil {
		t.Fatal(err)
	}
	p.flush()
	return p
}

// called waits until a source has asked who is there, and so listens.
func (p *puppet) called(watch func() <-chan string) <-chan string {
	p.t.Helper()
	roll := make(chan *nats.Msg, 100)
	if _, err := p.conn.ChanSubscribe(p.subject.Roll(), roll); err != nil {
		p.t.Fatal(err)
	}
	p.flush()
	events := watch()
	select {
	case <-roll:
	case <-time.After(patience):
		p.t.Fatal("nobody asks who is there")
	}
	return events
}

func (p *puppet) flush() {
	p.t.Helper()
	if err := p.conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *puppet) say(subject string, m interface{ Encode() ([]byte, error) }) {
	p.t.Helper()
	b, err := m.Encode()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.conn.Publish(subject, b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *puppet) hello(boot string, number uint64, readers ...Reader) {
	p.t.Helper()
	p.say(p.subject.Hello("gate7"), &Hello{Boot: boot, Number: number, Readers: readers})
}

func (p *puppet) event(boot string, seq uint64, kind desfire.EventKind, card uint64) {
	p.t.Helper()
	e := &Event{Boot: boot, Seq: seq, Kind: kind.String(), Name: "R"}
	if card != 0 {
		e.Card = &Card{Number: card}
	}
	p.say(p.subject.Events("gate7", "r"), e)
}

// answer answers the next question with the present state.
func (p *puppet) answer(boot string, number uint64, readers ...Reader) {
	p.t.Helper()
	select {
	case m := <-p.asked:
		p.say(m.Reply, &Hello{Boot: boot, Number: number, Readers: readers})
	case <-time.After(patience):
		p.t.Fatal("nobody asks for the present state")
	}
}

func reader(seq, card uint64) Reader {
	r := Reader{ID: "r", Name: "R", Seq: seq}
	if card != 0 {
		r.Card = &Card{Number: card, ATR: "3B80"}
	}
	return r
}

// watched is what a source says, one event a line.
func watched(t *testing.T, s desfire.Source) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan string, 100)
	go func() {
		defer close(events)
		for ev, err := range s.Events(ctx) {
			line := fmt.Sprintf("%v %s", ev.Kind, ev.Reader)
			if ev.Err != nil {
				line += " " + ev.Err.Error()
			}
			if err != nil {
				line = "end: " + err.Error()
			}
			events <- line
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range events {
		}
	})
	return events
}

func want(t *testing.T, events <-chan string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		select {
		case got := <-events:
			if strings.TrimSpace(got) != l {
				t.Fatalf("event %q, want %q", got, l)
			}
		case <-time.After(patience):
			t.Fatalf("no event, want %q", l)
		}
	}
}

func none(t *testing.T, events <-chan string) {
	t.Helper()
	select {
	case got := <-events:
		t.Errorf("event %q, want none", got)
	default:
	}
}

func newTestClient(t *testing.T, conn *nats.Conn) *Client {
	t.Helper()
	c, err := NewClient(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	added    = "reader-added gate7/r"
	removed  = "reader-removed gate7/r"
	inserted = "inserted gate7/r"
	lifted   = "removed gate7/r"
)

func TestSourceFollows(t *testing.T) {
	s := natstest.Start(t, nil)
	p := newPuppet(t, s)
	events := watched(t, newTestClient(t, s.Connect()).Source("gate7", ""))
	p.answer(bootA, 1, reader(1, 0))
	want(t, events, added)
	p.event(bootA, 2, desfire.CardInserted, 1)
	p.event(bootA, 3, desfire.CardRemoved, 0)
	p.event(bootA, 4, desfire.CardInserted, 2)
	want(t, events, inserted, lifted, inserted)

	// A gap: what is missing comes with the state.
	p.event(bootA, 7, desfire.CardInserted, 4)
	p.answer(bootA, 2, reader(7, 4))
	want(t, events, lifted, inserted)

	// Doubled, from before, of a kind that is not known, garbage: nothing.
	p.event(bootA, 7, desfire.CardInserted, 4)
	p.event(bootA, 3, desfire.CardRemoved, 0)
	p.event(bootA, 8, desfire.EventKind(99), 0)
	p.hello(bootA, 2, reader(9, 5))
	p.hello(bootA, 3, reader(6, 3))
	_ = p.conn.Publish(p.subject.Events("gate7", "r"), []byte("garbage"))
	_ = p.conn.Publish(p.subject.Hello("gate7"), []byte{0, 0, 0, 9, '{'})
	p.event(bootA, 9, desfire.CardRemoved, 0)
	want(t, events, lifted)

	// A lost hello with a new reader, and one that has left.
	p.hello(bootA, 4, Reader{ID: "other", Name: "O", Seq: 1})
	want(t, events, removed, "reader-added gate7/other")

	// Another start of the agent: all that was is gone, and what is said of it late is
	// nothing.
	p.hello(bootB, 1, reader(1, 1))
	want(t, events, "reader-removed gate7/other the agent was started anew", added, inserted)
	p.hello(bootA, 99, reader(50, 77))
	p.event(bootA, 51, desfire.CardRemoved, 0)
	p.event(bootB, 2, desfire.CardRemoved, 0)
	want(t, events, lifted)

	// The end in order.
	p.say(p.subject.Hello("gate7"), &Hello{Boot: bootB, Number: 9, Bye: true})
	want(t, events, removed+" "+ErrNoAgent.Error())
	p.hello(bootB, 10, reader(1, 1))
	p.flush()
	none(t, events)
}

// An agent that nobody answers for is gone, and comes back.
func TestSourceLosesAgent(t *testing.T) {
	s := natstest.Start(t, nil)
	p := newPuppet(t, s)
	c := newTestClient(t, s.Connect())
	c.pace.ask = 200 * time.Millisecond
	events := p.called(func() <-chan string { return watched(t, c.Source("", "")) })
	p.hello(bootA, 1, reader(1, 1))
	want(t, events, added, inserted)
	p.conn.Close()
	want(t, events, lifted+" "+ErrNoAgent.Error(), removed+" "+ErrNoAgent.Error())
	p = newPuppet(t, s)
	p.hello(bootB, 1, reader(1, 1))
	want(t, events, added, inserted)
}

// An agent whose link was away for long is the same one when it is back, and what it said
// before comes too late.
func TestSourceFindsAgentAgain(t *testing.T) {
	s := natstest.Start(t, nil)
	p := newPuppet(t, s)
	c := newTestClient(t, s.Connect())
	c.pace.ask = 200 * time.Millisecond
	events := p.called(func() <-chan string { return watched(t, c.Source("", "")) })
	for number := uint64(5); number < 8; number++ {
		p.hello(bootA, number, reader(number, number))
		want(t, events, added, inserted)
		p.conn.Close()
		want(t, events, lifted+" "+ErrNoAgent.Error(), removed+" "+ErrNoAgent.Error())
		p = newPuppet(t, s)
		p.hello(bootA, number-1, reader(number-1, 1))
		p.hello(bootA, number, reader(number, 1))
	}
	p.hello(bootB, 1, reader(1, 1))
	want(t, events, added, inserted)
	p.hello(bootA, 100, reader(100, 9))
	p.flush()
	none(t, events)
}

// One reader of an agent; the others are nothing to it.
func TestSourceOfOneReader(t *testing.T) {
	s := natstest.Start(t, nil)
	p := newPuppet(t, s)
	c := newTestClient(t, s.Connect())
	why := make(chan error, 100)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for range c.Place("gate7", "x").Await(ctx, func(err error) { why <- err }) {
			t.Error("an event of another reader")
		}
	}()
	p.answer(bootA, 1, reader(1, 1))
	var none *NoReaderError
	for {
		select {
		case err := <-why:
			if errors.As(err, &none) {
				if !strings.Contains(err.Error(), "it has r") {
					t.Error(err)
				}
				return
			}
		case <-time.After(patience):
			t.Fatal("nobody says that there is no such reader")
		}
	}
}

// The server goes away for a moment: nothing is lost. A connection that is closed ends
// the source.
func TestSourceOverRestart(t *testing.T) {
	s := natstest.Start(t, nil)
	p := newPuppet(t, s)
	conn := s.Connect()
	events := watched(t, newTestClient(t, conn).Source("gate7", ""))
	p.answer(bootA, 1, reader(1, 1))
	want(t, events, added, inserted)
	s.Restart(nil)
	p.answer(bootA, 2, reader(4, 2)) // it is asked when the connection is back
	want(t, events, lifted, inserted)
	conn.Close()
	want(t, events, "end: fleet: "+nats.ErrConnectionClosed.Error())
}

func TestPlaces(t *testing.T) {
	s := natstest.Start(t, nil)
	p := newPuppet(t, s)
	conn := s.Connect()
	scheme := Scheme(func() (*nats.Conn, string, error) { return conn, "main", nil })
	for address, name := range map[string]string{"": "nats:", "gate7": "nats:gate7", "gate7/r": "nats:gate7/r"} {
		pl, err := scheme.Open(address)
		if err != nil || pl.Name != name {
			t.Errorf("%q: %+v %v", address, pl, err)
		}
	}
	for _, address := range []string{"Gate", "a/", "/", "a/b/c", "a.b", "*", "a/>", " "} {
		if _, err := scheme.Open(address); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
	fails := errors.New("no fleet file")
	if _, err := Scheme(func() (*nats.Conn, string, error) { return nil, "", fails }).Open(""); !errors.Is(err, fails) {
		t.Errorf("without a fleet: %v", err)
	}
	pl, err := scheme.Open("gate7")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		m := <-p.asked
		p.say(m.Reply, &Hello{Boot: bootA, Number: 1, Readers: []Reader{reader(1, 1), {ID: "q", Name: "Q 1", Ignored: "a SAM"}}})
	}()
	list, err := pl.List(context.Background())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	if r := list[0]; r.Name != "gate7/r" || !r.Card || len(r.ATR) != 2 || r.Ignored != "" {
		t.Errorf("%+v", r)
	}
	if r := list[1]; r.Card || r.Ignored != "a SAM" || !strings.Contains(r.State, "Q 1") {
		t.Errorf("%+v", r)
	}
	if _, err := newTestClient(t, conn).Agents(context.Background(), "nobody"); !errors.Is(err, ErrNoAgent) {
		t.Errorf("an agent that is not there: %v", err)
	}
}

func TestRoll(t *testing.T) {
	s := natstest.Start(t, nil)
	for i := range 3 {
		conn := s.Connect()
		p := &puppet{t: t, conn: conn, subject: Subjects{"main"}}
		if _, err := conn.Subscribe(p.subject.Roll(), func(*nats.Msg) {
			for n := range 2 {
				p.say(p.subject.Hello(fmt.Sprintf("gate%d", i)), &Hello{Boot: bootA, Number: uint64(n) + 1, Readers: []Reader{reader(1, 1)}})
			}
		}); err != nil {
			t.Fatal(err)
		}
		p.flush()
	}
	agents, err := newTestClient(t, s.Connect()).Agents(context.Background(), "")
	if err != nil || len(agents) != 3 {
		t.Fatalf("%+v %v", agents, err)
	}
}
