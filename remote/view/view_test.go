package view

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is one that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// seen is a view that is fed by hand.
type seen struct {
	*testing.T
	*View
	clock *clock
}

func look(t *testing.T, change ...func(*Config)) *seen {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	conf := Config{Conn: new(nats.Conn), Fleet: "main", Now: c.Now}
	for _, f := range change {
		f(&conf)
	}
	v, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return &seen{t, v, c}
}

const (
	boot1 = "00112233445566778899aabbccddeeff"
	boot2 = "ffeeddccbbaa99887766554433221100"
)

// says has an agent say hello.
func (s *seen) says(agent string, h remote.Hello) {
	s.Helper()
	if h.Clock.IsZero() {
		h.Clock = s.clock.Now()
	}
	m, err := h.Encode()
	if err != nil {
		s.Fatal(err)
	}
	s.hello(&nats.Msg{Subject: "desfire.main.agent." + agent + ".hello", Data: m})
}

// happens has an event of a reader.
func (s *seen) happens(agent, reader string, e remote.Event) {
	s.Helper()
	m, err := e.Encode()
	if err != nil {
		s.Fatal(err)
	}
	s.event(&nats.Msg{Subject: "desfire.main.reader." + agent + "." + reader + ".events", Data: m})
}

// now is the fleet in short.
func (s *seen) short() string {
	var list []string
	for _, a := range s.Now().Agents {
		text := a.Name + " " + string(a.State)
		if a.Revoked {
			text += " revoked"
		}
		for _, r := range a.Readers {
			text += ", " + r.ID + ": " + r.Words()
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

func (s *seen) is(want string) {
	s.Helper()
	if got := s.short(); got != want {
		s.Errorf("%q, want %q", got, want)
	}
}

func readerSays(id string, seq uint64, card *remote.Card) remote.Reader {
	return remote.Reader{ID: id, Name: "ACR122 " + id, Seq: seq, Card: card}
}

// What is heard late, twice or out of turn changes nothing; what is new does.
func TestOrder(t *testing.T) {
	s := look(t)
	s.says("gate7", remote.Hello{Boot: boot1, Number: 2, Readers: []remote.Reader{readerSays("left", 5, nil)}})
	s.is("gate7 here, left: no card")
	card := &remote.Card{Number: 1, Trace: "t1"}
	s.happens("gate7", "left", remote.Event{Boot: boot1, Seq: 6, Kind: desfire.CardInserted.String(), Card: card})
	s.is("gate7 here, left: a card")
	s.says("gate7", remote.Hello{Boot: boot1, Number: 1, Readers: []remote.Reader{readerSays("left", 4, nil)}})
	s.says("gate7", remote.Hello{Boot: boot1, Number: 3, Readers: []remote.Reader{readerSays("left", 5, nil)}}) // crossed with the event
	s.happens("gate7", "left", remote.Event{Boot: boot1, Seq: 6, Kind: desfire.CardRemoved.String()})
	s.happens("gate7", "left", remote.Event{Boot: boot2, Seq: 9, Kind: desfire.CardRemoved.String()})
	s.happens("other", "left", remote.Event{Boot: boot1, Seq: 9, Kind: desfire.CardRemoved.String()})
	s.is("gate7 here, left: a card")
	s.happens("gate7", "left", remote.Event{Boot: boot1, Seq: 7, Kind: remote.Leased, Lease: &remote.Lease{Holder: "office"}})
	s.is("gate7 here, left: a card, in use by office")
	s.happens("gate7", "left", remote.Event{Boot: boot1, Seq: 8, Kind: remote.Freed})
	s.happens("gate7", "left", remote.Event{Boot: boot1, Seq: 9, Kind: desfire.CardRemoved.String()})
	s.happens("gate7", "right", remote.Event{Boot: boot1, Seq: 1, Kind: desfire.ReaderAdded.String(), Name: "new"})
	s.is("gate7 here, left: no card, right: no card")
	s.says("gate7", remote.Hello{Boot: boot2, Number: 1, Readers: []remote.Reader{readerSays("left", 0, card)}})
	s.is("gate7 here, left: a card")
}

// Who joins under a name that another had is not here until it says so itself.
func TestNameOfAnother(t *testing.T) {
	joined := []Member{{Name: "gate7"}}
	s := look(t, func(c *Config) { c.Members = func() []Member { return joined } })
	s.says("gate7", remote.Hello{Boot: boot1, Number: 1, Readers: []remote.Reader{readerSays("left", 0, &remote.Card{Number: 1, Trace: "t1"})}})
	s.is("gate7 here, left: a card")
	s.clock.pass(time.Second)
	joined = []Member{{Name: "gate7", Joined: s.clock.Now()}}
	s.Touch()
	s.is("gate7 never")
	s.says("gate7", remote.Hello{Boot: boot2, Number: 1})
	s.is("gate7 here")
}

// Silence is seen, without a word of anybody, and so is a good bye.
func TestSilence(t *testing.T) {
	s := look(t, func(c *Config) {
		c.Members = func() []Member {
			return []Member{{Name: "bus"}, {Name: "gate7"}, {Name: "gone", Revoked: true}, {Name: "old", Revoked: true}}
		}
	})
	s.is("bus never; gate7 never")
	s.says("gate7", remote.Hello{Boot: boot1, Number: 1})
	s.says("old", remote.Hello{Boot: boot1, Number: 1})
	s.is("bus never; gate7 here; old here revoked")
	s.look()
	changed := s.Changed()
	s.clock.pass(fleet.LateAfter)
	s.look()
	select {
	case <-changed:
	default:
		t.Error("nobody is told that an agent is silent")
	}
	s.is("bus never; gate7 late; old late revoked")
	s.clock.pass(fleet.AwayAfter)
	s.look()
	if a := s.Now().Alarms; len(a) != 1 || a[0].What != "gate7 is offline." || a[0].Severity != fleet.Bad {
		t.Errorf("%+v", a)
	}
	s.says("gate7", remote.Hello{Boot: boot1, Number: 2, Clock: s.clock.Now().Add(-time.Hour)})
	if a := s.Now().Alarms; len(a) != 1 || !strings.Contains(a[0].What, "behind") {
		t.Errorf("%+v", a)
	}
	s.says("gate7", remote.Hello{Boot: boot1, Number: 3, Bye: true})
	if a := s.Now().Alarms; len(a) != 1 || a[0].What != "gate7 has ended." {
		t.Errorf("%+v", a)
	}
}

// What is no message, or of another version, harms nobody and is told once.
func TestMisheard(t *testing.T) {
	s := look(t)
	for _, m := range []string{"", "x", "\x00\x00\x00\x07{\"v\":9}", "\x00\x00\x00\x07{\"v\":1}"} {
		s.hello(&nats.Msg{Subject: "desfire.main.agent.gate7.hello", Data: []byte(m)})
		s.hello(&nats.Msg{Subject: "desfire.main.agent.Gate!.hello", Data: []byte(m)})
		s.event(&nats.Msg{Subject: "desfire.main.reader.gate7.left.events", Data: []byte(m)})
		s.event(&nats.Msg{Subject: "desfire.main.reader", Data: []byte(m)})
	}
	if a := s.Now().Alarms; len(a) != 1 || !strings.Contains(a[0].What, "gate7 says is not understood") {
		t.Errorf("%+v", a)
	}
	s.says("gate7", remote.Hello{Boot: boot1, Number: 1})
	if a := s.Now().Alarms; len(a) != 0 {
		t.Errorf("%+v", a)
	}
	for i := range remote.MaxReaders + 10 {
		s.happens("gate7", fmt.Sprintf("r%d", i), remote.Event{Boot: boot1, Seq: 1, Kind: desfire.ReaderAdded.String()})
	}
	if n := len(s.Now().Agents[0].Readers); n != remote.MaxReaders {
		t.Errorf("%d readers", n)
	}
}

// Uses of keys are kept, the newest ones, and many refusals are worth an alarm.
func TestUses(t *testing.T) {
	s := look(t)
	for i := range mostUses + 5 {
		s.Used(fleet.KeyUse{Seq: uint64(i), At: s.clock.Now(), Agent: "gate7", Key: "key 1", Allowed: i >= 12})
	}
	p, err := s.KeyUses(t.Context(), fleet.KeyQuery{Refused: true, Most: 3})
	if err != nil || p.Total != 7 || len(p.Uses) != 3 || p.Uses[0].Seq != 11 || p.Looked != mostUses || p.Refused != 7 {
		t.Errorf("%+v %v", p, err)
	}
	if p, _ := s.KeyUses(t.Context(), fleet.KeyQuery{Text: "GATE7 key", Skip: mostUses - 1}); p.Total != mostUses || len(p.Uses) != 1 || p.Uses[0].Seq != 5 {
		t.Errorf("%+v", p)
	}
	if a := s.Now().Alarms; len(a) != 1 || !strings.Contains(a[0].What, "12 times") {
		t.Errorf("%+v", a)
	}
	if allowed, refused := s.KeyCounts(); allowed != mostUses-7 || refused != 12 {
		t.Errorf("%d %d", allowed, refused)
	}
}

// A view that runs calls the roll and hears who is there.
func TestRun(t *testing.T) {
	server := natstest.Start(t, nil)
	conn := server.Connect()
	there := server.Connect()
	sub, err := there.SubscribeSync("desfire.main.roll")
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Flush(); err != nil {
		t.Fatal(err)
	}
	v, err := New(Config{Conn: conn, Fleet: "main"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- v.Run(ctx) }()
	if _, err := sub.NextMsg(time.Minute); err != nil {
		t.Fatal(err)
	}
	changed := v.Changed()
	m, err := (&remote.Hello{Boot: boot1, Number: 1, Clock: time.Now()}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Publish("desfire.main.agent.gate7.hello", m); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(time.Minute):
		t.Fatal("nothing changed")
	}
	if a := v.Now().Agent("gate7"); a == nil || a.State != fleet.Here {
		t.Errorf("%+v", v.Now())
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if _, err := v.Ledger(t.Context(), fleet.LedgerQuery{}); err == nil {
		t.Error("a ledger where there is none")
	}
}
