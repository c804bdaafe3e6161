package keyservice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
	"github.com/nats-io/nats.go"
)

// oldCard is a card whose key 1 is the one of before.
func (c *centre) oldCard() *sim.Card {
	c.t.Helper()
	ctx := context.Background()
	picc := c.picc(wire.EV2, false)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	slots, err := c.ring.Slots(ctx, ref(aesApp, 1))
	if err != nil || len(slots) != 2 {
		c.t.Fatal(err)
	}
	old, err := slots[1].Key(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, err := range []error{
		card.Select(ctx, aesApp),
		card.Authenticate(ctx, 0, c.local(ref(aesApp, 0))),
		card.ChangeKey(ctx, 1, old, c.local(ref(aesApp, 1))),
	} {
		if err != nil {
			c.t.Fatalf("step %d: %v", i, err)
		}
	}
	return picc
}

func changing() map[string]*keyservice.Rules {
	return map[string]*keyservice.Rules{"gate7": {Change: true}, "gate8": {}}
}

// withChanges lets the service change keys on a reader.
func withChanges(t *testing.T, source func(agent, reader string) desfire.Source) func(*keyservice.Config) {
	t.Helper()
	j, err := rekey.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return func(conf *keyservice.Config) {
		conf.Changes = &keyservice.Changes{Source: source, Journal: j, Wait: time.Minute}
	}
}

var question = fleet.KeyChange{Agent: "gate7", Reader: "r0", Application: "F48121", Key: "1", Trace: "t-9"}

// holds fails unless the newest key of the centre is the card's.
func (c *centre) holds(picc *sim.Card) {
	c.t.Helper()
	ctx := context.Background()
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := errors.Join(card.Select(ctx, aesApp), card.Authenticate(ctx, 1, c.local(ref(aesApp, 1)))); err != nil {
		c.t.Error(err)
	}
}

func TestChange(t *testing.T) {
	var reader *simreader.Reader
	c := startCentre(t, changing(), withChanges(t, func(agent, id string) desfire.Source {
		if agent != "gate7" || id != "r0" {
			t.Errorf("reader %s of %s", id, agent)
		}
		return reader
	}))
	picc := c.oldCard()
	reader = simreader.New("r0", picc)
	ctx := context.Background()

	q := question
	q.DryRun = true
	got, err := c.service.Change(ctx, &q)
	if err != nil || got.Outcome != string(rekey.Possible) || got.UID != uid.String() {
		t.Fatalf("%+v, %v", got, err)
	}
	in, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.service.AdminChange(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	got = v.(*fleet.KeyChanged)
	if got.Outcome != string(rekey.Done) || got.Old != (fleet.KeyFacts{Type: "AES", Version: 1}) || got.New != (fleet.KeyFacts{Type: "AES", Version: 2}) || len(got.Steps) < 4 || got.Why != "" {
		t.Errorf("%+v", got)
	}
	c.holds(picc)
	if got, err = c.service.Change(ctx, &q); err != nil || got.Outcome != string(rekey.Already) {
		t.Errorf("%+v, %v", got, err)
	}
	var lines []string
	for _, u := range c.audit.all() {
		if u.What != "change" || u.Agent != "gate7" || u.Application != "F48121" || u.Key != "1" || u.Trace != "t-9" || !u.Allowed {
			t.Errorf("%+v", u)
		}
		lines = append(lines, u.Purpose)
	}
	if want := []string{"begun", "possible", "begun", "changed", "begun", "already"}; !slices.Equal(lines, want) {
		t.Errorf("taken down: %q", lines)
	}
}

// What may not be, or makes no sense, is refused before a card is touched.
func TestChangeRefused(t *testing.T) {
	c := startCentre(t, changing(), withChanges(t, func(string, string) desfire.Source {
		t.Error("a reader was asked for")
		return nil
	}))
	v := byte(9)
	for name, test := range map[string]struct {
		change func(*fleet.KeyChange)
		want   string
	}{
		"agent without the right": {func(q *fleet.KeyChange) { q.Agent = "gate8" }, "agents.gate8.change"},
		"unknown agent":           {func(q *fleet.KeyChange) { q.Agent = "gate9" }, "not named"},
		"no agent":                {func(q *fleet.KeyChange) { q.Agent = "" }, "agent"},
		"subjects as a reader":    {func(q *fleet.KeyChange) { q.Reader = "*.>" }, "reader"},
		"place":                   {func(q *fleet.KeyChange) { q.Application = "x" }, "key change"},
		"key":                     {func(q *fleet.KeyChange) { q.Key = "99" }, "key change"},
		"key set":                 {func(q *fleet.KeyChange) { q.Key = "1:1" }, "active set"},
		"role":                    {func(q *fleet.KeyChange) { q.Key = "tmac" }, "number"},
		"UID":                     {func(q *fleet.KeyChange) { q.UID = "zz" }, "hexadecimal"},
	} {
		q := question
		q.To = &v
		test.change(&q)
		if _, err := c.service.Change(context.Background(), &q); err == nil {
			t.Errorf("%s: it goes", name)
		} else {
			has(t, err, test.want)
		}
	}
	if u := c.audit.last(t); u.Allowed || u.What != "change" {
		t.Errorf("%+v", u)
	}
	none := startCentre(t, changing())
	q := question
	if _, err := none.service.Change(context.Background(), &q); !errors.Is(err, keyservice.ErrNoChanges) {
		t.Error(err)
	}
}

func TestChangeOfAnotherCard(t *testing.T) {
	var reader *simreader.Reader
	c := startCentre(t, changing(), withChanges(t, func(string, string) desfire.Source { return reader }))
	picc := c.oldCard()
	reader = simreader.New("r0", picc)
	q := question
	q.UID = "04AAAAAAAAAAAA"
	_, err := c.service.Change(context.Background(), &q)
	has(t, err, "nothing was done")
	q.UID = "04112233445566"
	v := byte(9)
	q.To = &v
	_, err = c.service.Change(context.Background(), &q)
	has(t, err, "no key 1", "version 09")
	c.audit.mu.Lock()
	c.audit.fail = errFull
	c.audit.mu.Unlock()
	q.To = nil
	_, err = c.service.Change(context.Background(), &q)
	has(t, err, "nothing was changed", errFull.Error())
}

// torn loses the card at an exchange, before or after it has the command, and for as long
// as it is torn.
type torn struct {
	mu    sync.Mutex
	at    int // 0: never
	after bool
	n     int
	gone  bool
}

var errLifted = errors.New("the card was lifted")

func (w *torn) meet(_ context.Context, x *sim.Exchange) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	if w.gone || w.at > 0 && w.n == w.at {
		if w.after && !w.gone {
			_, _ = x.Pass()
		}
		w.gone = true
		return nil, errLifted
	}
	return x.Pass()
}

func (w *torn) set(at int, after bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.after, w.n, w.gone = at, after, 0, false
}

// A card that is lost at any exchange of a change, with the command or with the answer,
// holds the new key when it was asked again, and the journal knows it.
func TestChangeTorn(t *testing.T) {
	var reader *simreader.Reader
	var journal *rekey.FileJournal
	changes := withChanges(t, func(string, string) desfire.Source { return reader })
	c := startCentre(t, changing(), changes, func(conf *keyservice.Config) { journal = conf.Changes.Journal.(*rekey.FileJournal) })
	ctx := context.Background()
	exchanges, doubts := 1, 0
	for _, after := range []bool{false, true} {
		for at := 1; at <= exchanges; at++ {
			picc, air := c.oldCard(), new(torn)
			reader = simreader.New("r0", picc)
			reader.Relay = &sim.Relay{Meet: air.meet}
			air.set(at, after)
			q := question
			got, err := c.service.Change(ctx, &q)
			torn := air.gone
			if !torn && (err != nil || got.Outcome != string(rekey.Done)) {
				t.Fatalf("not torn: %+v, %v", got, err)
			}
			if torn && exchanges == at {
				exchanges++
			}
			if got != nil && got.Outcome == string(rekey.InDoubt) {
				doubts++
			}
			air.set(0, false)
			q = question
			if got, err = c.service.Change(ctx, &q); err != nil || got.Outcome != string(rekey.Done) && got.Outcome != string(rekey.Already) {
				t.Fatalf("torn at %d (%v), and then %+v, %v", at, after, got, err)
			}
			c.holds(picc)
			entries, err := journal.Entries(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(rekey.OpenEntries(entries), true) {
				t.Fatalf("torn at %d (%v): the journal says %+v", at, after, entries[len(entries)-1])
			}
		}
	}
	if exchanges < 10 || doubts == 0 {
		t.Errorf("%d exchanges, %d in doubt: the test tests little", exchanges, doubts)
	}
}

// The keys of a change never leave the centre: an agent carries its frames, and nothing
// of what goes over NATS has old or new key, nor the keys of the session in it.
func TestChangeThroughAnAgent(t *testing.T) {
	client := new(remote.Client)
	c := startCentre(t, changing(), withChanges(t, func(agent, id string) desfire.Source { return client.Source(agent, id) }))
	far := c.server.Connect()
	made, err := remote.NewClient(far, nil)
	if err != nil {
		t.Fatal(err)
	}
	*client = *made
	picc := c.oldCard()
	edge, err := agent.New(agent.Config{Conn: c.connect("gate7"), Name: "gate7", Source: simreader.New("r0", picc)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- edge.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	spy := c.server.Connect()
	heard := make(chan *nats.Msg, 10_000)
	if _, err := spy.ChanSubscribe(">", heard); err != nil {
		t.Fatal(err)
	}
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	q := question
	got, err := c.service.Change(ctx, &q)
	if err != nil || got.Outcome != string(rekey.Done) {
		t.Fatalf("%+v, %v", got, err)
	}
	c.holds(picc)
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for len(heard) > 0 {
		m := <-heard
		fmt.Fprintf(&all, "%s %s\n", m.Subject, m.Data)
	}
	if all.Len() < 1000 || !bytes.Contains(all.Bytes(), []byte("transmit")) {
		t.Fatalf("the spy heard %d bytes", all.Len())
	}
	slots, err := c.ring.Slots(ctx, ref(aesApp, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(slots, keystore.Slot{Key: func(context.Context) (key.Key, error) { return c.local(ref(aesApp, 0)), nil }}) {
		k, err := s.Key(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if b := k.(key.Exporter).Export(); bytes.Contains(all.Bytes(), b) {
			t.Error("a key went over NATS")
		}
	}
}
