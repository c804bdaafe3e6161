package remote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
)

// granter is an agent that grants every lease, changed as a test says, and answers
// scripts so.
type granter struct {
	t      *testing.T
	client *Client
	key    *LeaseKey

	change func(g *Grant)
	sign   func(k *LeaseKey) *LeaseKey
	script func(q *ScriptRequest) *Answers // nil: no answer
	asked  chan *LeaseRequest
}

func newGranter(t *testing.T) *granter {
	t.Helper()
	s := natstest.Start(t, nil)
	conn := s.Connect()
	g := &granter{
		t: t, client: newTestClient(t, s.Connect()), asked: make(chan *LeaseRequest, 100),
		change: func(*Grant) {}, sign: func(k *LeaseKey) *LeaseKey { return k }, script: func(*ScriptRequest) *Answers { return nil },
	}
	for subject, handle := range map[string]nats.MsgHandler{
		g.client.subject.Lease("gate7", "r"):    g.lease,
		g.client.subject.Transmit("gate7", "r"): g.transmit,
	} {
		if _, err := conn.Subscribe(subject, handle); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *granter) lease(m *nats.Msg) {
	r, err := DecodeLeaseRequest(m.Data)
	if err != nil {
		g.t.Error(err)
		return
	}
	g.asked <- r
	if r.Op != Acquire {
		_ = m.Respond(nil)
		return
	}
	secret, err := NewSecret()
	if err != nil {
		g.t.Error(err)
		return
	}
	a := &Grant{Boot: r.Boot, Counter: r.Counter + 1, TTL: 60000, Bound: 50, Public: secret.Public(), Card: r.Card}
	if g.key, err = secret.Key(r.Public, r.Boot, "r", a.Counter); err != nil {
		g.t.Error(err)
		return
	}
	g.change(a)
	b, err := a.Encode(g.sign(g.key))
	if err != nil {
		g.t.Error(err)
		return
	}
	_ = m.Respond(b)
}

func (g *granter) transmit(m *nats.Msg) {
	q, err := DecodeScriptRequest(m.Data)
	if err != nil || !g.key.Verify(ToAgent, m.Data) {
		g.t.Error("a script that is not signed", err)
		return
	}
	a := g.script(q)
	if a == nil {
		return
	}
	b, err := a.Encode(g.key)
	if err != nil {
		g.t.Error(err)
		return
	}
	_ = m.Respond(b)
}

func (g *granter) open() (*Transport, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return g.client.open(ctx, &spot{agent: "gate7", reader: "r", boot: bootA, card: 3})
}

func TestForgedGrants(t *testing.T) {
	g := newGranter(t)
	same := func(k *LeaseKey) *LeaseKey { return k }
	other := func(*LeaseKey) *LeaseKey { return goldenKey }
	for name, test := range map[string]struct {
		change func(*Grant)
		sign   func(*LeaseKey) *LeaseKey
	}{
		"another boot":             {func(a *Grant) { a.Boot = bootB }, same},
		"another card":             {func(a *Grant) { a.Card = 2 }, same},
		"no number":                {func(a *Grant) { a.Counter = 0 }, same},
		"another number":           {func(a *Grant) { a.Counter++ }, same},
		"over at once":             {func(a *Grant) { a.TTL = 0 }, same},
		"no public half":           {func(a *Grant) { a.Public = "" }, same},
		"another's public half":    {func(a *Grant) { s, _ := NewSecret(); a.Public = s.Public() }, same},
		"signed with another":      {func(*Grant) {}, other},
		"not signed":               {func(*Grant) {}, func(*LeaseKey) *LeaseKey { return nil }},
		"frames that are too long": {func(a *Grant) { a.MaxCommand = MaxFrame + 1 }, same},
	} {
		g.change, g.sign = test.change, test.sign
		tr, err := g.open()
		var e *Error
		if !errors.As(err, &e) || e.Sent() || tr != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	g.change, g.sign = func(*Grant) {}, same
	tr, err := g.open()
	if err != nil {
		t.Fatal(err)
	}
	g.change = func(a *Grant) { a.Counter-- } // the one that we had
	if err := tr.Reconnect(context.Background()); err == nil {
		t.Error("a new activation under the old number")
	}
	tr.Close()
}

// What an agent of ours that errs, or another one, answers to a script of two frames.
func TestWrongAnswers(t *testing.T) {
	more, ok := []byte{0x91, 0xAF}, []byte{0x91, 0x00}
	script := &desfire.Script{Framing: desfire.FramingWrapped, Steps: []desfire.ScriptStep{
		{Command: []byte{0x90, 0x60, 0, 0, 0}, Want: 0x91AF}, {Command: []byte{0x90, 0xAF, 0, 0, 0}},
	}}
	no := &Refusal{Code: RefusedCard, Text: "the card did not answer", Sent: true}
	for name, test := range map[string]struct {
		frames  [][]byte
		refusal *Refusal
		change  func(*Answers)
		want    int // answers; -1: an error, and what was sent is open
		fails   bool
	}{
		"both":                          {frames: [][]byte{more, ok}, want: 2},
		"stopped":                       {frames: [][]byte{ok}, want: 1},
		"failed at the second":          {frames: [][]byte{more}, refusal: no, want: 1, fails: true},
		"failed at the first":           {refusal: no, want: 0, fails: true},
		"none":                          {want: -1},
		"one is missing":                {frames: [][]byte{more}, want: -1},
		"one too many":                  {frames: [][]byte{more, ok, ok}, want: -1},
		"not stopped":                   {frames: [][]byte{ok, ok}, want: -1},
		"failed behind the last":        {frames: [][]byte{more, ok}, refusal: no, want: -1},
		"of another script":             {frames: [][]byte{more, ok}, change: func(a *Answers) { a.Seq++ }, want: -1},
		"of another lease":              {frames: [][]byte{more, ok}, change: func(a *Answers) { a.Counter++ }, want: -1},
		"of another start of the agent": {frames: [][]byte{more, ok}, change: func(a *Answers) { a.Boot = bootB }, want: -1},
		"a refusal of another script":   {refusal: &Refusal{Code: RefusedSeq}, change: func(a *Answers) { a.Seq-- }, want: -1},
	} {
		g := newGranter(t)
		g.script = func(q *ScriptRequest) *Answers {
			a := &Answers{Boot: q.Boot, Counter: q.Counter, Seq: q.Seq, Frames: test.frames, Refusal: test.refusal}
			if test.change != nil {
				test.change(a)
			}
			return a
		}
		tr, err := g.open()
		if err != nil {
			t.Fatal(err)
		}
		answers, err := tr.Script(context.Background(), script)
		if len(answers) != max(test.want, 0) || (err != nil) != (test.fails || test.want < 0) {
			t.Errorf("%s: %d answers, %v", name, len(answers), err)
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || !e.Sent()) {
			t.Errorf("%s: as if nothing was sent: %v", name, err)
		}
		tr.Close()
	}
}

// After a refusal the next script may go if it was the card's reader that refused, and
// nothing was sent; else only Reconnect goes on.
func TestAfterRefusal(t *testing.T) {
	for _, test := range []struct {
		refusal Refusal
		goesOn  bool
	}{
		{Refusal{Code: RefusedCard, InUse: true}, true},
		{Refusal{Code: RefusedCard, Sent: true}, false},
		{Refusal{Code: RefusedCard, Removed: true}, false},
		{Refusal{Code: RefusedSeq}, false},
		{Refusal{Code: RefusedLease}, false},
		{Refusal{Code: RefusedNoCard, Removed: true}, false},
	} {
		g := newGranter(t)
		g.script = func(q *ScriptRequest) *Answers {
			a := &Answers{Boot: q.Boot, Counter: q.Counter, Seq: q.Seq, Refusal: &test.refusal}
			if q.Seq > 1 {
				a.Refusal, a.Frames = nil, [][]byte{{0x91, 0x00}}
			}
			return a
		}
		tr, err := g.open()
		if err != nil {
			t.Fatal(err)
		}
		command := []byte{0x90, 0x60, 0, 0, 0}
		_, err = tr.Transmit(context.Background(), command)
		var e *Error
		if !errors.As(err, &e) || e.Sent() != test.refusal.Sent || e.Removed() != test.refusal.Removed || e.InUse() != test.refusal.InUse {
			t.Errorf("%+v: %v", test.refusal, err)
		}
		if _, err = tr.Transmit(context.Background(), command); (err == nil) != test.goesOn {
			t.Errorf("%+v: after it: %v", test.refusal, err)
		}
		if err := tr.Reconnect(context.Background()); err != nil {
			t.Errorf("%+v: Reconnect: %v", test.refusal, err)
		}
		tr.Close()
	}
}

func TestNoAnswer(t *testing.T) {
	g := newGranter(t)
	g.client.pace.late = 20 * time.Millisecond
	tr, err := g.open()
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	_, err = tr.Transmit(context.Background(), []byte{0x90, 0x60, 0, 0, 0})
	var e *Error
	if !errors.Is(err, ErrNoAnswer) || !errors.As(err, &e) || !e.Sent() {
		t.Errorf("no answer: %v", err)
	}
	if _, err := tr.Transmit(context.Background(), []byte{0x90, 0x60, 0, 0, 0}); !errors.Is(err, ErrFinished) {
		t.Errorf("after it: %v", err)
	}
}

// Who gives up while it asks takes back what it may have been granted.
func TestTakenBack(t *testing.T) {
	g := newGranter(t)
	ctx, cancel := context.WithCancel(context.Background())
	g.change = func(*Grant) { cancel(); time.Sleep(50 * time.Millisecond) }
	if _, err := g.client.open(ctx, &spot{agent: "gate7", reader: "r", boot: bootA, card: 3}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	asked := <-g.asked
	select {
	case back := <-g.asked:
		if back.Op != Release || back.ID != asked.ID {
			t.Errorf("%+v", back)
		}
	case <-time.After(patience):
		t.Error("nothing is taken back")
	}
}

func TestBoundsOfScripts(t *testing.T) {
	g := newGranter(t)
	g.script = func(*ScriptRequest) *Answers { t.Error("it was sent"); return nil }
	tr, err := g.open()
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	step := desfire.ScriptStep{Command: make([]byte, MaxScript/4+1)}
	steps := func(n int, s desfire.ScriptStep) (all []desfire.ScriptStep) {
		for range n {
			all = append(all, s)
		}
		return all
	}
	for name, s := range map[string][]desfire.ScriptStep{
		"no frame": nil, "an empty frame": {{}}, "a frame that is too long": {{Command: make([]byte, MaxFrame+1)}},
		"too many": steps(MaxSteps+1, desfire.ScriptStep{Command: []byte{1}}), "too much": steps(4, step),
	} {
		_, err := tr.Script(context.Background(), &desfire.Script{Steps: s})
		var e *Error
		if !errors.As(err, &e) || e.Sent() || !strings.Contains(err.Error(), "at ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
