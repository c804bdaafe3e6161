package keyservice_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/nats-io/nats.go"
)

// rogue is an agent that says what it likes.
type rogue struct {
	t    testing.TB
	conn *nats.Conn
	name string
}

func (c *centre) rogue(name string) *rogue {
	return &rogue{c.t, c.connect(name), name}
}

// ask asks the key service in the agent's name.
func (r *rogue) ask(what string, q remote.KeyRequest, payload []byte) (*remote.KeyAnswer, []byte) {
	r.t.Helper()
	if q.V == 0 {
		q.V = remote.Version
	}
	m, err := remote.Encode(q, payload)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.send(what, m)
}

// send sends bytes.
func (r *rogue) send(what string, m []byte) (*remote.KeyAnswer, []byte) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	got, err := r.conn.RequestWithContext(ctx, remote.Subjects{Fleet: "main"}.Keys(r.name, what), m)
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	a := new(remote.KeyAnswer)
	data, err := remote.Decode(got.Data, a)
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	return a, data
}

// begin begins a handshake, which must go well.
func (r *rogue) begin(of keystore.Ref, m key.Method, challenge []byte) (*remote.KeyAnswer, []byte) {
	r.t.Helper()
	a, token := r.ask(remote.KeysHandshake, remote.KeyRequest{Ref: of.String(), Method: m.String()}, challenge)
	if a.Error != nil {
		r.t.Fatalf("%v of %v: %+v", m, of, a.Error)
	}
	return a, token
}

// finish gives a proof.
func (r *rogue) finish(a *remote.KeyAnswer, proof []byte) (*remote.KeyAnswer, []byte) {
	r.t.Helper()
	return r.ask(remote.KeysFinish+"."+a.Instance, remote.KeyRequest{Handshake: a.Handshake}, proof)
}

// prove is what a card with the key would answer to a token of MethodEV2First, to
// a challenge of zeros.
func prove(t testing.TB, k key.Key, token []byte) []byte {
	t.Helper()
	ctx := context.Background()
	plain := make([]byte, 32)
	if err := k.DecryptCBC(ctx, nil, plain, token); err != nil {
		t.Fatal(err)
	}
	proof := make([]byte, 32)
	copy(proof, "\x01\x02\x03\x04")
	copy(proof[4:], plain[1:16])
	proof[19] = plain[0]
	if err := k.EncryptCBC(ctx, nil, proof, proof); err != nil {
		t.Fatal(err)
	}
	return proof
}

// refused fails unless an answer is an error of a code, and has nothing else.
func refused(t testing.TB, a *remote.KeyAnswer, data []byte, code remote.KeyCode) {
	t.Helper()
	if a.Error == nil || a.Error.Code != code || len(data) > 0 || a.Handshake != "" || len(a.Slots) > 0 {
		t.Fatalf("want %s, got %+v %+v and %d bytes", code, a, a.Error, len(data))
	}
}

var errFull = errors.New("the disk is full")
