package main

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
)

// farReader is a reader of an agent of a fleet, all in this process.
type farReader struct {
	place string
	agent *agent.Agent

	mu     sync.Mutex
	events []chan desfire.Event
}

// farOwn are verbs that go on until they are ended: TestFarLasting runs them with a card far
// away, an agent serves readers that are here, and readers far away take no commands.
var farOwn = []string{"agent", "drain", "each", "phone offer", "readers beep", "readers firmware", "readers led", "readers polling", "watch", "web"}

// Verbs that last work with a card far away, which leaves and comes back.
func TestFarLasting(t *testing.T) {
	r := newFarReader(t)
	t.Chdir(t.TempDir())
	t.Setenv("DESFIRE_READER", r.place)
	if code, said := complaint("sim", "new", "card.json", "--transit", "--uid", "04112233445566"); code != 0 {
		t.Fatal(said)
	}
	take := r.lay(t)
	var out, said lockedBuffer
	if code := run([]string{"drain", "121314", "1", "--amount", "5", "--every", "0s", "--json"}, strings.NewReader(""), &out, &said); code != 0 {
		t.Fatalf("code %d: %s%s", code, said.String(), out.String())
	}
	out.await(t, `"event":"summary".*"debits":[1-9].*"final":0,.*"end":"empty"`)
	for _, verb := range [][]string{
		{"watch", "--json"},
		{"each", "--json", "value get 121314 1"},
	} {
		out.reset()
		ctx, cancel := context.WithCancel(t.Context())
		a := newApp(strings.NewReader(""), &out, &said)
		root := a.rootCommand()
		root.SetArgs(verb)
		done := make(chan error, 1)
		go func() {
			err := root.ExecuteContext(ctx)
			a.putAway()
			if ctx.Err() == nil {
				t.Errorf("%q ended: %v", verb, err)
			}
			done <- err
		}()
		out.await(t, `"04112233445566"`)
		take()
		out.reset()
		take = r.lay(t)
		out.await(t, `"04112233445566"`)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%q: %v", verb, err)
		}
	}
	take()
}

// operatorFile makes the fleet file of an operator of a server that lets everybody in.
func operatorFile(t *testing.T, url string) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "admin.json")
	f := &centre.File{V: 1, Fleet: "main", Name: "anna", Role: centre.Admin, URLs: []string{url}, JWT: text, Seed: string(seed)}
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// farName is what the reader is called by its driver.
const farName = "sim:card.json"

func newFarReader(t *testing.T) *farReader {
	t.Helper()
	s := natstest.Start(t, nil)
	t.Setenv("DESFIRE_FLEET", operatorFile(t, s.URL))
	r := &farReader{place: "nats:gate7/sim-card-json"}
	conn := s.Connect(nats.CustomInboxPrefix(remote.Inbox("gate7")))
	var err error
	if r.agent, err = agent.New(agent.Config{Conn: conn, Name: "gate7", Source: r}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r.wait(t, func(h *remote.Hello) bool { return len(h.Readers) == 1 })
	return r
}

// wait waits until the agent is as it should be.
func (r *farReader) wait(t *testing.T, is func(*remote.Hello) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(r.agent.Hello()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the agent is never as it should be: %+v", r.agent.Hello())
		}
	}
}

// Events is the reader, and the cards that are laid there.
func (r *farReader) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		c := make(chan desfire.Event, 16)
		r.mu.Lock()
		r.events = append(r.events, c)
		r.mu.Unlock()
		if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: farName}, nil) {
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case ev := <-c:
				if !yield(ev, nil) {
					return
				}
			}
		}
	}
}

func (r *farReader) tell(ev desfire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.events {
		c <- ev
	}
}

// lay lays the card of the image card.json on the reader.
func (r *farReader) lay(t *testing.T) func() {
	t.Helper()
	card, err := simNew(&sim.Config{Store: sim.File("card.json").HeldBy("the agent")})
	if err != nil {
		t.Fatal(err)
	}
	at := simreader.New(farName, card)
	r.tell(desfire.Event{Kind: desfire.CardInserted, Reader: farName, ATR: card.ATR(), Open: at.Open})
	r.wait(t, func(h *remote.Hello) bool { return h.Readers[0].Card != nil })
	return func() {
		r.tell(desfire.Event{Kind: desfire.CardRemoved, Reader: farName})
		r.wait(t, func(h *remote.Hello) bool { return h.Readers[0].Card == nil && h.Readers[0].Lease == nil })
		if err := card.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// varies is what is another each time, here and there.
var varies = regexp.MustCompile(`\d+(\.\d+)? ?m?s\b|"(ms|seconds|time|began|captured|made|per_hour)":("[^"]*"|[0-9.e-]+)|\d{4}-\d\d-\d\d[T ][0-9:.]+(Z|[+-]\d\d:\d\d)?|\d\d:\d\d:\d\d\.\d{3}`)

// folders are those of the runs, which have each its own.
var folders = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/\S+/00\d`)

// differs are examples whose output or card is another each time, and why; others are the
// same on a card far away, to the last byte.
var differs = map[string]string{
	"desfire doctor":       "lines are folded behind the name of the place",
	"desfire purse credit": "each change has an id of its own", "desfire purse debit": "as credit",
	"desfire readers": "a reader far away has another name",
}

// compare is an error if an example does another thing with a card far away.
func (r *farReader) compare(t *testing.T, line string, here, there *exampleRun) {
	t.Helper()
	if here.code != there.code {
		t.Errorf("far away: code %d, and %d here: %s%.300s", there.code, here.code, there.said, there.out)
		return
	}
	if _, ok := longest(differs, line); ok {
		return
	}
	plain := func(s string) string {
		s = folders.ReplaceAllString(s, "FOLDER")
		s = strings.NewReplacer("gate7/sim-card-json", farName, "nats:gate7/sim-card-json", farName, "nats:sim:card.json", farName).Replace(s)
		return varies.ReplaceAllString(strings.ReplaceAll(s, "nats:"+farName, farName), "T")
	}
	for what, pair := range map[string][2]string{"stdout": {here.out, there.out}, "stderr": {here.said, there.said}} {
		if a, b := plain(pair[0]), plain(pair[1]); a != b {
			t.Errorf("%s far away: %s", what, firstDifference(a, b))
		}
	}
	var a, b any
	if json.Unmarshal(here.image, &a) != nil || json.Unmarshal(there.image, &b) != nil {
		t.Fatal("the image of a card is no JSON")
	}
	x, _ := json.MarshalIndent(a, "", " ")
	y, _ := json.MarshalIndent(b, "", " ")
	if !bytes.Equal(x, y) {
		t.Errorf("the card far away: %s", firstDifference(string(x), string(y)))
	}
}
