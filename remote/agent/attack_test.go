package agent

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
)

var subjects = remote.Subjects{Fleet: "main"}

// thief hears everything that is said to an agent, and sends what it likes.
type thief struct {
	w     *world
	conn  *nats.Conn
	heard chan *nats.Msg
}

func newThief(w *world) *thief {
	w.t.Helper()
	th := &thief{w: w, conn: w.server.Connect(), heard: make(chan *nats.Msg, 256)}
	for _, s := range []string{subjects.Transmit("gate7", "*"), subjects.Lease("gate7", "*")} {
		if _, err := th.conn.ChanSubscribe(s, th.heard); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := th.conn.Flush(); err != nil {
		w.t.Fatal(err)
	}
	return th
}

// send sends a script and returns what the agent says; nil if it says nothing to this
// and answers what is asked after it.
func (th *thief) send(m []byte) *remote.Answers {
	th.w.t.Helper()
	inbox := th.conn.NewInbox()
	sub, err := th.conn.SubscribeSync(inbox)
	if err != nil {
		th.w.t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := th.conn.PublishRequest(subjects.Transmit("gate7", "r"), inbox, m); err != nil {
		th.w.t.Fatal(err)
	}
	// What comes after it on the same subject is answered after it.
	if err := th.conn.PublishRequest(subjects.Transmit("gate7", "r"), inbox, []byte("garbage")); err != nil {
		th.w.t.Fatal(err)
	}
	var got *remote.Answers
	for {
		m, err := sub.NextMsg(patience)
		if err != nil {
			th.w.t.Fatal(err)
		}
		a, err := remote.DecodeAnswers(m.Data)
		if err != nil {
			th.w.t.Fatal(err)
		}
		if a.Refusal != nil && a.Boot == th.w.agent.Boot() && a.Counter == 0 {
			return got
		}
		got = a
	}
}

func TestStolenLease(t *testing.T) {
	r := simulated(t, "r")
	guarded(t, r)
	w := newWorld(t, r, nil)
	th := newThief(w)
	tr := w.card("r")
	authenticate(t, tr)
	h := w.agent.Hello()
	lease := h.Readers[0].Lease.Number
	heard, asked := 0, ""
	th.listen(t)
	for len(th.heard) > 0 {
		m := <-th.heard
		if m.Subject == subjects.Transmit("gate7", "r") {
			heard++
		} else if r, err := remote.DecodeLeaseRequest(m.Data); err == nil {
			asked = r.ID
		}
	}
	own := func(key *remote.LeaseKey, change func(*remote.ScriptRequest)) []byte {
		q := &remote.ScriptRequest{Boot: h.Boot, Counter: lease, Seq: uint64(heard) + 1}
		q.Script.Steps = []desfire.ScriptStep{{Command: readPlain}}
		change(q)
		m, err := q.Encode(key)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	one, err := remote.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	two, err := remote.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := one.Key(two.Public(), h.Boot, "r", lease)
	if err != nil {
		t.Fatal(err)
	}
	same := func(*remote.ScriptRequest) {}
	before := r.Card.Exchanges()
	for name, test := range map[string]struct {
		message []byte
		code    string
	}{
		"not signed":          {own(nil, same), remote.RefusedMessage},
		"signed with another": {own(wrong, same), remote.RefusedMessage},
		"another lease":       {own(wrong, func(q *remote.ScriptRequest) { q.Counter++ }), remote.RefusedLease},
		"lease 0":             {own(wrong, func(q *remote.ScriptRequest) { q.Counter = 0; q.Seq = 7 }), ""},
		"another boot":        {own(wrong, func(q *remote.ScriptRequest) { q.Boot = "00112233445566778899aabbccddeeff" }), remote.RefusedBoot},
		"old number":          {own(wrong, func(q *remote.ScriptRequest) { q.Seq = 1 }), remote.RefusedMessage},
	} {
		a := th.send(test.message)
		switch {
		case test.code == "" && a == nil: // it looks like garbage to send, which is refused
		case a == nil || a.Refusal == nil || a.Refusal.Code != test.code:
			t.Errorf("%s: %+v", name, a)
		case len(a.Frames) > 0 || a.Refusal.Sent:
			t.Errorf("%s: something was sent: %+v", name, a)
		}
	}
	// Leases cannot be ended or taken over either.
	for _, q := range []*remote.LeaseRequest{
		{Op: remote.Release, Counter: lease},
		{Op: remote.Renew, Counter: lease},
		{Op: remote.Acquire, Counter: lease, ID: "00112233445566778899aabbccddeeff", Public: one.Public()},
		{Op: remote.Release, ID: "00112233445566778899aabbccddeeff"},
		{Op: remote.Release, ID: asked},
		{Op: "give me the card"},
	} {
		q.Boot, q.Card = h.Boot, h.Readers[0].Card.Number
		m, err := q.Encode(wrong)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := th.conn.Request(subjects.Lease("gate7", "r"), m, patience)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := remote.DecodeGrant(answer.Data); err != nil || g.Refusal == nil {
			t.Errorf("%s of a stranger: %+v %v", q.Op, g, err)
		}
	}
	if n := r.Card.Exchanges(); n != before {
		t.Errorf("%d exchanges with the card", n-before)
	}
	if !reads(t, tr) {
		t.Error("the holder's session is gone")
	}
}

// listen returns when all is heard that was said before.
func (th *thief) listen(t *testing.T) {
	t.Helper()
	if err := th.conn.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}

func TestReplayedScripts(t *testing.T) {
	r := simulated(t, "r")
	guarded(t, r)
	w := newWorld(t, r, nil)
	th := newThief(w)
	tr := w.card("r")
	authenticate(t, tr)
	reads(t, tr)
	var heard []*nats.Msg
	th.listen(t)
	for len(th.heard) > 0 {
		heard = append(heard, <-th.heard)
	}
	if len(heard) < 4 {
		t.Fatalf("%d messages", len(heard))
	}
	before := r.Card.Exchanges()
	granted := w.agent.Hello().Readers[0].Lease.Number
	slices.Reverse(heard)
	for _, m := range heard {
		if m.Subject == subjects.Transmit("gate7", "r") {
			if a := th.send(m.Data); a != nil {
				t.Errorf("a script that was sent before: %+v", a)
			}
			continue
		}
		answer, err := th.conn.Request(m.Subject, m.Data, patience)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := remote.DecodeGrant(answer.Data); err != nil || g.Refusal == nil {
			t.Errorf("a request for a lease that was sent before: %+v %v", g, err)
		}
	}
	if n := r.Card.Exchanges(); n != before {
		t.Errorf("%d exchanges with the card", n-before)
	}
	if !reads(t, tr) {
		t.Error("the holder's session is gone")
	}
	tr.Close()
	free(w, r)
	for _, m := range heard {
		if m.Subject == subjects.Lease("gate7", "r") {
			if _, err := th.conn.Request(m.Subject, m.Data, patience); err != nil {
				t.Fatal(err)
			}
		} else if a := th.send(m.Data); a != nil {
			t.Errorf("a script of a lease that is over: %+v", a)
		}
	}
	if l := w.agent.Hello().Readers[0].Lease; l != nil && l.Number != granted {
		t.Errorf("a lease was granted to nobody: %+v", l)
	}
}

// What reaches the holder is from its agent, and about what it asked.
func TestForgedAnswers(t *testing.T) {
	ok := []byte{0x91, 0x00}
	for name, change := range map[string]func(a *remote.Answers){
		"as it might be": func(*remote.Answers) {},
		"nothing was sent": func(a *remote.Answers) {
			a.Frames, a.Refusal = nil, &remote.Refusal{Code: remote.RefusedSeq, Text: "no"}
		},
		"another script":       func(a *remote.Answers) { a.Seq++ },
		"another lease":        func(a *remote.Answers) { a.Counter++ },
		"two answers to one":   func(a *remote.Answers) { a.Frames = append(a.Frames, ok) },
		"no answers":           func(a *remote.Answers) { a.Frames = nil },
		"another agent's boot": func(a *remote.Answers) { a.Boot = "00112233445566778899aabbccddeeff" },
	} {
		t.Run(name, func(t *testing.T) {
			r := simulated(t, "r")
			w := newWorld(t, r, func(c *Config) { c.Bound = patience })
			tr := w.card("r")
			liar := w.server.Connect()
			sub, err := liar.Subscribe(subjects.Transmit("gate7", "r"), func(m *nats.Msg) {
				q, err := remote.DecodeScriptRequest(m.Data)
				if err != nil {
					t.Error(err)
					return
				}
				a := &remote.Answers{Boot: q.Boot, Counter: q.Counter, Seq: q.Seq, Frames: [][]byte{ok}}
				change(a)
				b, err := a.Encode(nil)
				if err != nil {
					t.Error(err)
					return
				}
				_ = m.Respond(b)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = sub.Unsubscribe() }()
			if err := liar.Flush(); err != nil {
				t.Fatal(err)
			}
			r.Card.SetLatency(200 * time.Millisecond) // the liar is faster
			answer, err := tr.Transmit(context.Background(), []byte{0x90, 0x60, 0, 0, 0})
			if err == nil && !bytes.Equal(answer, ok) {
				return // the agent was faster
			}
			var e *remote.Error
			if !errors.As(err, &e) || !e.Sent() {
				t.Fatalf("a forged answer gives % X and %v: want an error that leaves open what was sent", answer, err)
			}
			if _, err := tr.Transmit(context.Background(), selectPICC); err == nil || err.(*remote.Error).Sent() {
				t.Errorf("the connection goes on: %v", err)
			}
		})
	}
}
