package keyservice_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/wire"
	"github.com/nats-io/nats.go"
)

var zeros = make([]byte, 16)

// few is what a policy says of a gate: one application, two keys.
func few() *keyservice.Rules {
	return &keyservice.Rules{Keys: map[wire.Place][]keystore.ID{aesApp: {keystore.Number(1), keystore.Number(3)}}}
}

// What a policy does not allow is refused with its rule, and taken down.
func TestRefused(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": few(), "gate-*": few(), "open": all()})
	for _, test := range []struct {
		name, agent string
		ref         string
		method      key.Method
		code        remote.KeyCode
		rule        string
	}{
		{"an agent that is not named", "gate9", "04112233445566/F48121/1", key.MethodEV2First, remote.KeyPolicy, "agents"},
		{"an application that is not listed", "gate7", "04112233445566/F48122/0", key.MethodEV2First, remote.KeyPolicy, "agents.gate7.keys"},
		{"the card level", "gate7", "04112233445566/card/0", key.MethodEV2First, remote.KeyPolicy, "agents.gate7.keys"},
		{"a key that is not listed", "gate-2", "04112233445566/F48121/2", key.MethodEV2First, remote.KeyPolicy, "agents.gate-*.keys"},
		{"a key of another set", "gate7", "04112233445566/F48121/1:1", key.MethodEV2First, remote.KeyPolicy, "agents.gate7.keys"},
		{"a role", "gate7", "04112233445566/F48121/tmac", key.MethodEV2First, remote.KeyPolicy, "agents.gate7.keys"},
		{"a method that is not default", "gate7", "04112233445566/F48121/1", key.MethodAES, remote.KeyPolicy, "agents.gate7.methods"},
		{"the method that is never allowed", "open", "04112233445566/F48121/1", key.MethodISO7816, remote.KeyNever, "the method"},
		{"a key that is the same on every card", "gate7", "04112233445566/F48121/3", key.MethodEV2First, remote.KeyPolicy, "agents.gate7.shared"},
		{"the same, of every card", "gate7", "*/F48121/3", key.MethodEV2First, remote.KeyPolicy, "agents.gate7.shared"},
		{"a derived key of no card", "gate7", "*/F48121/1", key.MethodEV2First, remote.KeyNoUID, ""},
		{"a method that the key does not fit", "open", "04112233445566/F48121/0", key.MethodD40, remote.KeyBad, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := c.rogue(test.agent)
			a, data := r.ask(remote.KeysHandshake, remote.KeyRequest{Ref: test.ref, Method: test.method.String(), Versioned: remote.Versioned{V: 1}, Trace: "gate7-1-5"}, zeros)
			refused(t, a, data, test.code)
			if a.Error.Rule != test.rule {
				t.Errorf("rule %q, want %q", a.Error.Rule, test.rule)
			}
			u := c.audit.last(t)
			if u.Allowed || u.Agent != test.agent || u.Code != string(test.code) || u.What != "handshake" || u.Trace != "gate7-1-5" || u.Why == "" || u.Method != test.method.String() {
				t.Errorf("taken down: %+v", u)
			}
		})
	}
}

// A store that has what the policy allows not, or that fails, says so without words of
// the centre's inside.
func TestStoreErrors(t *testing.T) {
	var fail error
	rules := all()
	rules.Shared = true
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": rules}, func(conf *keyservice.Config) {
		conf.Store = &failing{conf.Store.(keystore.Rotating), &fail}
	})
	r := c.rogue("gate7")
	for _, test := range []struct {
		err  error
		code remote.KeyCode
	}{
		{errors.New("cannot open /etc/secret/keys.yaml"), remote.KeyFailed},
		{keystore.ErrLocked, remote.KeyLocked},
		{&keystore.NotFoundError{}, remote.KeyNotFound},
		{keystore.ErrNoUID, remote.KeyNoUID},
	} {
		fail = test.err
		a, data := r.ask(remote.KeysHandshake, remote.KeyRequest{Ref: ref(aesApp, 1).String(), Method: "EV2"}, zeros)
		refused(t, a, data, test.code)
		if strings.Contains(a.Error.Text, "/etc") || strings.Contains(c.audit.last(t).Why, "/etc") {
			t.Errorf("the agent is told %q", a.Error.Text)
		}
		a, data = r.ask(remote.KeysGet, remote.KeyRequest{Ref: ref(aesApp, 1).String()}, nil)
		refused(t, a, data, test.code)
	}
}

// failing is a store whose keys cannot be had.
type failing struct {
	keystore.Rotating
	err *error
}

func (f *failing) Slots(ctx context.Context, r keystore.Ref) ([]keystore.Slot, error) {
	slots, err := f.Rotating.Slots(ctx, r)
	for i := range slots {
		slots[i].Key = func(context.Context) (key.Key, error) { return nil, *f.err }
	}
	return slots, err
}

// An agent that wants a key change wrapped is refused, whatever the policy says.
func TestWrapIsRefused(t *testing.T) {
	rules := all()
	rules.Shared, rules.Change = true, true
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": rules})
	r := c.rogue("gate7")
	a, data := r.ask(remote.KeysWrap, remote.KeyRequest{Ref: ref(aesApp, 1).String(), Trace: "x"}, make([]byte, 64))
	refused(t, a, data, remote.KeyNever)
	if u := c.audit.last(t); u.What != "wrap" || u.Allowed || u.Agent != "gate7" || u.Key != "1" || u.Application != "F48121" {
		t.Errorf("taken down: %+v", u)
	}
	a, data = r.ask("export", remote.KeyRequest{}, nil)
	refused(t, a, data, remote.KeyBad)
	if u := c.audit.last(t); u.What != "request" || u.Allowed {
		t.Errorf("taken down: %+v", u)
	}
}

// A handshake ends once, in time, for the agent that began it, at a proof that is right.
func TestFinishOnce(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all(), "gate8": all()})
	gate7, gate8 := c.rogue("gate7"), c.rogue("gate8")
	k := c.local(ref(aesApp, 1))
	begin := func() (*remote.KeyAnswer, []byte) {
		t.Helper()
		a, token := gate7.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
		return a, prove(t, k, token)
	}
	good := func(a *remote.KeyAnswer, data []byte) {
		t.Helper()
		s, err := remote.TakeSession(data)
		if a.Error != nil || err != nil || len(s.Key) != 16 || len(s.MAC) != 16 || s.TI != [4]byte{1, 2, 3, 4} {
			t.Errorf("%+v, %v, %v", a.Error, s, err)
		}
	}
	over := func(a *remote.KeyAnswer, data []byte) {
		t.Helper()
		refused(t, a, data, remote.KeyOver)
		if u := c.audit.last(t); u.Allowed || u.What != "session" || u.Code != string(remote.KeyOver) {
			t.Errorf("taken down: %+v", u)
		}
	}

	a, proof := begin()
	over(gate8.finish(a, proof)) // it is not theirs, and stays gate7's
	good(gate7.finish(a, proof))
	over(gate7.finish(a, proof)) // again

	a, proof = begin()
	wrong := append([]byte(nil), proof...)
	wrong[5] ^= 1
	bad, data := gate7.finish(a, wrong)
	refused(t, bad, data, remote.KeyProof)
	over(gate7.finish(a, proof)) // after a wrong one

	a, proof = begin()
	bad, data = gate7.finish(a, proof[:31])
	refused(t, bad, data, remote.KeyBad)
	over(gate7.finish(a, proof))

	a, proof = begin()
	c.clock.add(keyservice.DefaultPatience)
	over(gate7.finish(a, proof)) // too late

	a, proof = begin()
	drop, err := remote.Encode(remote.KeyRequest{Versioned: remote.Versioned{V: 1}, Handshake: a.Handshake}, nil)
	if err != nil {
		t.Fatal(err)
	}
	subject := remote.Subjects{Fleet: "main"}.Keys("gate8", remote.KeysDrop+"."+a.Instance)
	if err := errors.Join(gate8.conn.Publish(subject, drop), gate8.conn.Flush()); err != nil {
		t.Fatal(err)
	}
	gate8.ask("nothing", remote.KeyRequest{}, nil)
	good(gate7.finish(a, proof)) // others cannot drop it

	a, proof = begin()
	subject = remote.Subjects{Fleet: "main"}.Keys("gate7", remote.KeysDrop+"."+a.Instance)
	drop, err = remote.Encode(remote.KeyRequest{Versioned: remote.Versioned{V: 1}, Handshake: a.Handshake}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(gate7.conn.Publish(subject, drop), gate7.conn.Flush()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); c.service.Waiting() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not dropped")
		}
	}
	over(gate7.finish(a, proof))

	a, proof = begin()
	a.Handshake = strings.Repeat("0", 32)
	over(gate7.finish(a, proof)) // guessed
}

// A service that was started anew knows no handshake of before: the agent is told so at
// once.
func TestRestartBetween(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	r := c.rogue("gate7")
	a, token := r.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	proof := prove(t, c.local(ref(aesApp, 1)), token)
	c.stop()
	c.start(policyOf(map[string]*keyservice.Rules{"gate7": all()}))
	_, err := r.conn.Request(remote.Subjects{Fleet: "main"}.Keys("gate7", remote.KeysFinish+"."+a.Instance), nil, time.Minute)
	if err == nil {
		t.Fatal("something answers for a service that ended")
	}
	got, data := r.ask(remote.KeysFinish, remote.KeyRequest{Handshake: a.Handshake}, proof)
	refused(t, got, data, remote.KeyOver)
}

// The rate is that of the policy, by the clock; questions have ten times as much.
func TestRate(t *testing.T) {
	slow := all()
	slow.Rate = 2
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": slow, "gate8": slow})
	r := c.rogue("gate7")
	q := remote.KeyRequest{Ref: ref(aesApp, 1).String(), Method: "EV2"}
	for range 2 {
		r.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	}
	a, data := r.ask(remote.KeysHandshake, q, zeros)
	refused(t, a, data, remote.KeyRate)
	if a.Error.Rule != "agents.gate7.rate" || a.Error.After != 30 {
		t.Errorf("%+v", a.Error)
	}
	c.rogue("gate8").begin(ref(aesApp, 1), key.MethodEV2First, zeros) // has its own
	c.clock.add(29 * time.Second)
	a, data = r.ask(remote.KeysHandshake, q, zeros)
	refused(t, a, data, remote.KeyRate)
	c.clock.add(time.Second)
	r.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	c.clock.add(-time.Hour) // nothing is gained by a clock that is set back
	a, data = r.ask(remote.KeysHandshake, q, zeros)
	refused(t, a, data, remote.KeyRate)

	for range 20 {
		if a, _ := r.ask(remote.KeysSlots, q, nil); a.Error != nil {
			t.Fatalf("%+v", a.Error)
		}
	}
	a, data = r.ask(remote.KeysSlots, q, nil)
	refused(t, a, data, remote.KeyRate)
}

// So many handshakes of an agent wait for their cards, and others have their own.
func TestPendingIsBounded(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all(), "gate8": all()})
	p := policyOf(map[string]*keyservice.Rules{"gate7": all(), "gate8": all()})
	p.Pending, p.Patience = 3, 5*time.Second
	if err := c.service.SetPolicy(p); err != nil {
		t.Fatal(err)
	}
	r := c.rogue("gate7")
	for range 3 {
		r.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	}
	a, data := r.ask(remote.KeysHandshake, remote.KeyRequest{Ref: ref(aesApp, 1).String(), Method: "EV2"}, zeros)
	refused(t, a, data, remote.KeyBusy)
	c.rogue("gate8").begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	c.clock.add(5 * time.Second)
	r.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	if n := c.service.Waiting(); n != 1 {
		t.Errorf("%d wait", n)
	}
}

// What is refused too fast is counted, and taken down with the next line.
func TestFloodOfRefusals(t *testing.T) {
	c := startCentre(t, nil)
	r := c.rogue("gate7")
	for range 100 {
		a, data := r.ask(remote.KeysWrap, remote.KeyRequest{}, nil)
		refused(t, a, data, remote.KeyNever)
	}
	if n := len(c.audit.all()); n != 60 {
		t.Errorf("%d lines", n)
	}
	c.clock.add(time.Minute)
	r.ask(remote.KeysWrap, remote.KeyRequest{}, nil)
	if u := c.audit.last(t); u.More != 40 {
		t.Errorf("%+v", u)
	}
}

// What the audit does not take was not done: no token, no session keys, and no refusal
// that nobody would find.
func TestAuditFails(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	r := c.rogue("gate7")
	set := func(err error) {
		c.audit.mu.Lock()
		defer c.audit.mu.Unlock()
		c.audit.fail = err
	}
	set(errFull)
	q := remote.KeyRequest{Ref: ref(aesApp, 1).String(), Method: "EV2"}
	for _, what := range []string{remote.KeysHandshake, remote.KeysGet, remote.KeysWrap} {
		a, data := r.ask(what, q, zeros)
		refused(t, a, data, remote.KeyAudit)
	}
	if c.service.Waiting() != 0 {
		t.Error("a handshake waits that was not taken down")
	}
	set(nil)
	a, token := r.begin(ref(aesApp, 1), key.MethodEV2First, zeros)
	proof := prove(t, c.local(ref(aesApp, 1)), token)
	set(errFull)
	got, data := r.finish(a, proof)
	refused(t, got, data, remote.KeyAudit)
	set(nil)
	got, data = r.finish(a, proof)
	refused(t, got, data, remote.KeyOver)
}

// A request whose answer would go elsewhere than to the agent is not answered.
func TestAnswersGoToTheAgent(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all(), "gate8": all()})
	r := c.rogue("gate7")
	s := remote.Subjects{Fleet: "main"}
	spy := c.server.Connect()
	heard := make(chan *nats.Msg, 64)
	m, err := remote.Encode(remote.KeyRequest{Versioned: remote.Versioned{V: 1}, Ref: ref(aesApp, 1).String(), Method: "EV2"}, zeros)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{s.Keys("gate8", remote.KeysHandshake), s.Audit("gate8"), s.Ledger("x"), "_INBOX.gate8.1", "_INBOX.gate7", "$JS.API.STREAM.DELETE.MAIN_AUDIT"} {
		sub, err := spy.ChanSubscribe(to, heard)
		if err == nil {
			err = spy.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		before := len(c.audit.all())
		if err := r.conn.PublishRequest(s.Keys("gate7", remote.KeysHandshake), to, m); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); len(c.audit.all()) == before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: nothing is taken down", to)
			}
		}
		if u := c.audit.last(t); u.Allowed || !strings.Contains(u.Why, "inbox of gate7") {
			t.Errorf("%s: %+v", to, u)
		}
		_ = sub.Unsubscribe()
	}
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}
	r.begin(ref(aesApp, 1), key.MethodEV2First, zeros) // answers of before would be here by now
	select {
	case m := <-heard:
		t.Errorf("an answer went to %s", m.Subject)
	default:
	}
}
