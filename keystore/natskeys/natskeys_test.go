package natskeys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/wire"
	"github.com/nats-io/nats.go"
)

var ref = keystore.Ref{UID: "\x04\x11\x22\x33\x44\x55\x66", Place: wire.Place{AID: 0xF48121}, Key: keystore.Number(1)}

// liar is a key service that says what a test likes.
type liar func(what string, q *remote.KeyRequest, payload []byte) []byte

// world is a store, and a key service that lies; nil: there is none.
func world(t *testing.T, timeout time.Duration, l liar) (*Store, *natstest.Server) {
	t.Helper()
	server := natstest.Start(t, nil)
	if l != nil {
		nc := server.Connect()
		_, err := nc.Subscribe(remote.Subjects{Fleet: "main"}.Keys("gate7", ">"), func(m *nats.Msg) {
			q := new(remote.KeyRequest)
			payload, err := remote.Decode(m.Data, q)
			if err != nil {
				t.Error(err)
			}
			what := strings.Split(m.Subject, ".")[4]
			if answer := l(what, q, payload); answer != nil {
				_ = m.Respond(answer)
			}
		})
		if err == nil {
			err = nc.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(server.Connect(nats.CustomInboxPrefix(remote.Inbox("gate7"))), "main", "gate7", &Config{Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return s, server
}

func says(t *testing.T, a remote.KeyAnswer, payload []byte) []byte {
	t.Helper()
	a.V = remote.Version
	m, err := remote.Encode(a, payload)
	if err != nil {
		t.Error(err)
	}
	return m
}

func handle(s *Store) *Key {
	return &Key{store: s, ref: ref, slot: remote.KeySlot{Type: "AES", Version: 1}, typ: key.TypeAES, version: 1}
}

var ev2 = key.HandshakeRequest{Method: key.MethodEV2First, Challenge: make([]byte, 16)}

// A key of the centre ciphers nothing, and takes part in no key change.
func TestHandshakeOnly(t *testing.T) {
	var k key.Key = handle(&Store{})
	b := make([]byte, 16)
	for _, err := range []error{k.EncryptCBC(context.Background(), nil, b, b), k.DecryptCBC(context.Background(), nil, b, b)} {
		if !errors.Is(err, ErrHandshakeOnly) {
			t.Error(err)
		}
	}
	_, exports := k.(key.Exporter)
	_, wraps := k.(key.Wrapper)
	_, macs := k.(key.MACer)
	if exports || wraps || macs || k.CheckValue() != (key.CheckValue{}) || k.Type() != key.TypeAES || k.Version() != 1 {
		t.Errorf("%v: it gives bytes %v, wraps %v, makes CMACs %v", k, exports, wraps, macs)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", k, k, k, k.(*Key).LogValue()); strings.Count(s, "AES version 01") != 4 {
		t.Error(s)
	}
}

// Where nobody answers, the error says so, at once or in time, and whether the question
// may have arrived.
func TestAway(t *testing.T) {
	ctx := context.Background()
	check := func(err error, sent, temporary bool) {
		t.Helper()
		var away *AwayError
		if !errors.Is(err, ErrAway) || !errors.As(err, &away) || away.Sent() != sent || away.Temporary() != temporary {
			t.Errorf("%v, want sent %v, temporary %v", err, sent, temporary)
		}
	}
	nobody, server := world(t, time.Minute, nil)
	_, err := handle(nobody).Handshake(ctx, ev2)
	check(err, false, true)
	_, _, err = nobody.Has(ctx, ref)
	check(err, false, true)
	server.Stop()
	for end := time.Now().Add(time.Minute); nobody.conn.IsConnected() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	_, err = nobody.Key(ctx, ref)
	check(err, false, true)

	asked := make(chan struct{}, 10)
	silent, _ := world(t, 2*time.Second, func(string, *remote.KeyRequest, []byte) []byte { asked <- struct{}{}; return nil })
	_, err = handle(silent).Handshake(ctx, ev2)
	check(err, true, true)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	silent.conf.Timeout = time.Minute
	ended, cancel := context.WithCancel(ctx)
	go func() {
		<-asked
		<-asked
		cancel()
	}()
	_, err = handle(silent).Handshake(ended, ev2)
	check(err, true, false)
}

// What a false or broken key service answers is an error, or is found to be wrong by who
// asked; nothing panics.
func TestLies(t *testing.T) {
	ctx := context.Background()
	var answer func(what string) []byte
	s, _ := world(t, time.Minute, func(what string, _ *remote.KeyRequest, _ []byte) []byte { return answer(what) })
	for name, m := range map[string][]byte{
		"garbage":         []byte("garbage"),
		"empty":           {},
		"no instance":     says(t, remote.KeyAnswer{Handshake: "1"}, make([]byte, 32)),
		"subject inside":  says(t, remote.KeyAnswer{Handshake: "1", Instance: "x.>"}, make([]byte, 32)),
		"long handshake":  says(t, remote.KeyAnswer{Handshake: strings.Repeat("1", 65), Instance: "x"}, make([]byte, 32)),
		"error of no one": says(t, remote.KeyAnswer{Error: &remote.KeyError{Code: "\x1b[31m", Text: strings.Repeat("\x1b", 5000), After: -1e300}}, nil),
	} {
		answer = func(string) []byte { return m }
		_, err := handle(s).Handshake(ctx, ev2)
		if err == nil || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 5000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	later := bytes.Replace(says(t, remote.KeyAnswer{}, nil), []byte(`"v":1`), []byte(`"v":2`), 1)
	answer = func(string) []byte { return later }
	_, err := handle(s).Handshake(ctx, ev2)
	var v *remote.VersionError
	if !errors.As(err, &v) || v.Theirs != 2 {
		t.Errorf("a later version: %v", err)
	}
	keys := key.SessionKeys{Key: bytes.Repeat([]byte{1}, 16), MAC: bytes.Repeat([]byte{2}, 16), TI: [4]byte{1, 2, 3, 4}, CardCaps: [6]byte{5}, ReaderCaps: [6]byte{6}}
	good := remote.PutSession(&keys)
	for name, test := range map[string]struct {
		payload []byte
		ok      bool
	}{
		"good": {good, true}, "cut": {good[:len(good)-1], false}, "longer": {append(bytes.Clone(good), 0), false}, "none": {nil, false}, "long key": {append([]byte{25}, make([]byte, 60)...), false},
	} {
		answer = func(what string) []byte {
			if what == remote.KeysHandshake {
				return says(t, remote.KeyAnswer{Handshake: "1", Instance: "x"}, make([]byte, 32))
			}
			return says(t, remote.KeyAnswer{}, test.payload)
		}
		h, err := handle(s).Handshake(ctx, ev2)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Finish(ctx, make([]byte, 32))
		if test.ok != (err == nil) || test.ok && (!bytes.Equal(got.Key, keys.Key) || !bytes.Equal(got.MAC, keys.MAC) || got.TI != keys.TI || got.CardCaps != keys.CardCaps || got.ReaderCaps != keys.ReaderCaps) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := h.Finish(ctx, make([]byte, 32)); !errors.Is(err, ErrOver) {
			t.Errorf("%s, a second time: %v", name, err)
		}
		h.Wipe()
		h.Wipe()
	}
	for name, a := range map[string]remote.KeyAnswer{
		"too many": {Slots: make([]remote.KeySlot, 300)},
		"no type":  {Slots: []remote.KeySlot{{Type: "RSA"}}},
	} {
		answer = func(string) []byte { return says(t, a, nil) }
		if _, err := s.Key(ctx, ref); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := handle(s).Handshake(ctx, key.HandshakeRequest{Method: key.MethodISO}); err == nil {
		t.Error("an AES key by a method of DES")
	}
}

// Answers of the key service are the errors that others know.
func TestAnswers(t *testing.T) {
	for code, want := range map[remote.KeyCode]error{
		remote.KeyPolicy: ErrRefused, remote.KeyNever: ErrRefused, remote.KeyRate: ErrBusy, remote.KeyBusy: ErrBusy, remote.KeyOver: ErrOver,
		remote.KeyProof: key.ErrProof, remote.KeyNotFound: keystore.ErrNotFound, remote.KeyNoUID: keystore.ErrNoUID, remote.KeyLocked: keystore.ErrLocked,
	} {
		e := &AnswerError{Code: code, Rule: "agents.gate7.keys", Text: "no", Trace: "t-1", After: 1500 * time.Millisecond}
		if !errors.Is(e, want) {
			t.Errorf("%s is not %v", code, want)
		}
		for _, other := range []error{ErrRefused, ErrBusy, ErrOver, key.ErrProof, ErrAway} {
			if other != want && errors.Is(e, other) {
				t.Errorf("%s is %v", code, other)
			}
		}
		if s := e.Error(); !strings.Contains(s, "agents.gate7.keys") || !strings.Contains(s, "t-1") || !strings.Contains(s, "1.5s") {
			t.Error(s)
		}
	}
	for code, want := range map[remote.KeyCode]bool{remote.KeyRate: true, remote.KeyOver: true, remote.KeyAudit: true, remote.KeyPolicy: false, remote.KeyProof: false, remote.KeyNotFound: false} {
		if (&AnswerError{Code: code}).Temporary() != want {
			t.Errorf("%s", code)
		}
	}
}

// Session keys do not travel in the open.
func TestPrivate(t *testing.T) {
	for at, want := range map[string]bool{"127.0.0.1:4222": true, "[::1]:4222": true, "pipe": true, "192.0.2.1:4222": false, "[2001:db8::1]:4222": false} {
		if err := private(at); (err == nil) != want {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestNew(t *testing.T) {
	server := natstest.Start(t, nil)
	good := server.Connect(nats.CustomInboxPrefix(remote.Inbox("gate7")))
	if _, err := New(good, "main", "gate7", nil); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]func() (*Store, error){
		"no connection":   func() (*Store, error) { return New(nil, "main", "gate7", nil) },
		"another's inbox": func() (*Store, error) { return New(good, "main", "gate8", nil) },
		"no inbox":        func() (*Store, error) { return New(server.Connect(), "main", "gate7", nil) },
		"name":            func() (*Store, error) { return New(good, "main", "gate.7", nil) },
		"fleet":           func() (*Store, error) { return New(good, "*", "gate7", nil) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: it goes", name)
		}
	}
}
