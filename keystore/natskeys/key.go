package natskeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
)

// Key is a handle to a key in the centre.
type Key struct {
	store   *Store
	ref     keystore.Ref
	slot    remote.KeySlot
	typ     key.Type
	version byte
}

var _ key.Handshaker = (*Key)(nil)

// Type implements key.Key.
func (k *Key) Type() key.Type { return k.typ }

// Version implements key.Key; 0 also where the centre knows none.
func (k *Key) Version() byte { return k.version }

// CheckValue implements key.Key. It is always zero: the centre tells none.
func (k *Key) CheckValue() key.CheckValue { return key.CheckValue{} }

// EncryptCBC implements key.Key: the error is ErrHandshakeOnly.
func (k *Key) EncryptCBC(context.Context, []byte, []byte, []byte) error { return k.no() }

// DecryptCBC implements key.Key: the error is ErrHandshakeOnly.
func (k *Key) DecryptCBC(context.Context, []byte, []byte, []byte) error { return k.no() }

func (k *Key) no() error { return fmt.Errorf("%s: %w", k.ref.Words(), ErrHandshakeOnly) }

// Handshake implements key.Handshaker: one question to the centre.
func (k *Key) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	if err := r.Method.Fits(k.typ); err != nil {
		return key.Handshake{}, err
	}
	a, token, err := k.store.ask(ctx, remote.KeysHandshake, remote.KeyRequest{Ref: k.ref.String(), Slot: &k.slot, Method: r.Method.String()}, r.Challenge)
	if err != nil {
		return key.Handshake{}, k.store.changed(k.ref, err)
	}
	if remote.CheckName(a.Instance) != nil || len(a.Handshake) > 64 {
		return key.Handshake{}, errors.New("key service: the answer does not say where the handshake goes on")
	}
	return key.Handshake{Token: token, Finisher: &finisher{key: k, id: a.Handshake, at: a.Instance}}, nil
}

// finisher is a handshake that the centre has begun.
type finisher struct {
	key  *Key
	id   string
	at   string // which key service has it
	over atomic.Bool
}

// Finish implements key.Finisher: one question to the centre.
func (f *finisher) Finish(ctx context.Context, proof []byte) (key.SessionKeys, error) {
	if f.over.Swap(true) {
		return key.SessionKeys{}, ErrOver
	}
	_, data, err := f.key.store.ask(ctx, remote.KeysFinish+"."+f.at, remote.KeyRequest{Handshake: f.id}, proof)
	if err != nil {
		return key.SessionKeys{}, err
	}
	s, err := remote.TakeSession(data)
	if err != nil {
		return key.SessionKeys{}, fmt.Errorf("key service: %w", err)
	}
	return s, nil
}

// Wipe implements key.Finisher: it tells the centre, and waits for nothing.
func (f *finisher) Wipe() {
	if f.over.Swap(true) || !f.key.store.conn.IsConnected() {
		return
	}
	s := f.key.store
	if m, err := remote.Encode(remote.KeyRequest{Versioned: remote.Versioned{V: remote.Version}, Handshake: f.id}, nil); err == nil {
		_ = s.conn.Publish(s.subjects.Keys(s.agent, remote.KeysDrop+"."+f.at), m) // else its time passes
	}
}

// Format prints no more of it.
func (f *finisher) Format(w fmt.State, _ rune) { fmt.Fprint(w, "natskeys handshake") }

// String is type and version.
func (k *Key) String() string { return fmt.Sprintf("%v version %02X", k.typ, k.version) }

// Format prints String for every verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// MarshalText writes String.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue is String.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
