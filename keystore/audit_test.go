package keystore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// book takes down uses, unless it refuses acts.
type book struct {
	mu      sync.Mutex
	uses    []keystore.Use
	refuses keystore.Act
}

var errFull = errors.New("the disk is full")

func (b *book) hook(u keystore.Use) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uses = append(b.uses, u)
	if u.Act == b.refuses {
		return errFull
	}
	return nil
}

func (b *book) acts() (acts []keystore.Act) {
	for _, u := range b.uses {
		acts = append(acts, u.Act)
	}
	return acts
}

func onCard(t *testing.T, generation wire.Generation) *desfire.Card {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: generation})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(context.Background(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := card.CreateApplication(context.Background(), &wire.CreateApplication{AID: 0x121314, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}); err != nil {
		t.Fatal(err)
	}
	if err := card.SelectApplication(context.Background(), 0x121314); err != nil {
		t.Fatal(err)
	}
	return card
}

// A session is told as a challenge that was answered and a session that was made,
// whatever the key is, and with all that is known of it.
func TestAuditedSession(t *testing.T) {
	ref := keystore.Ref{Place: wire.Place{AID: 0x121314}}
	for name, k := range map[string]key.Key{"in memory": key.Zero(key.TypeAES), "a handle": opaque{key.Zero(key.TypeAES)}} {
		for _, m := range []key.Method{key.MethodAES, key.MethodEV2First} {
			b := new(book)
			s := keystore.Audit(keystore.Map{ref: {Key: k, Source: "here"}}, b.hook)
			ctx := keystore.WithPurpose(context.Background(), "the door")
			card := onCard(t, wire.EV2)
			h, err := s.Key(ctx, ref)
			if err != nil {
				t.Fatal(err)
			}
			if err := card.AuthenticateWith(ctx, m, 0, h); err != nil {
				t.Fatalf("%s, %v: %v", name, m, err)
			}
			if _, err := card.KeySettings(ctx); err != nil {
				t.Errorf("%s, %v: %v", name, m, err)
			}
			if want := []keystore.Act{keystore.ActGet, keystore.ActAuthenticate, keystore.ActSession}; !slices.Equal(b.acts(), want) {
				t.Errorf("%s, %v: %q, want %q", name, m, b.acts(), want)
			}
			_, exports := k.(key.Exporter)
			for _, u := range b.uses {
				if u.Ref != ref || u.Facts.Check != k.CheckValue() || u.Facts.Source != "here" || u.Purpose != "the door" || u.Time.IsZero() || u.Err != nil ||
					u.Act != keystore.ActGet && u.Method != m || u.Act == keystore.ActGet && u.Exports != exports {
					t.Errorf("%s: %+v", name, u)
				}
			}
			if line := b.uses[1].String(); !strings.Contains(line, "authenticate */121314/0 (AES version 00 check 66E94B here) by "+m.String()+", for the door") {
				t.Error(line)
			}
		}
	}
}

// What a hook does not take is not done: the card gets nothing, the caller no result.
func TestAuditRefuses(t *testing.T) {
	ctx := context.Background()
	ref := keystore.Ref{Place: wire.Place{AID: 0x121314}}
	k := key.Zero(key.TypeAES)
	for _, act := range []keystore.Act{keystore.ActGet, keystore.ActAuthenticate, keystore.ActSession, keystore.ActEncrypt, keystore.ActDecrypt, keystore.ActMAC, keystore.ActExport} {
		b := &book{refuses: act}
		h, err := keystore.Audit(keystore.Map{ref: {Key: maker{k}}}, b.hook).Key(ctx, ref)
		fails := func(what keystore.Act, err error) {
			t.Helper()
			var refused *keystore.AuditError
			if got := errors.As(err, &refused) && errors.Is(err, errFull) && refused.Act == act; got != (what == act) {
				t.Errorf("the hook refuses %s: %s: %v", act, what, err)
			}
		}
		fails(keystore.ActGet, err)
		if act == keystore.ActGet {
			if h != nil {
				t.Error("there is a handle all the same")
			}
			continue
		}
		card := onCard(t, wire.EV2)
		err = card.AuthenticateWith(ctx, key.MethodEV2First, 0, h)
		if act == keystore.ActAuthenticate || act == keystore.ActSession {
			fails(act, err)
			if _, open := card.Session(); open {
				t.Errorf("the hook refuses %s, and there is a session", act)
			}
		}
		dst := bytes.Repeat([]byte{7}, 16)
		err = h.EncryptCBC(ctx, nil, dst, dst)
		fails(keystore.ActEncrypt, err)
		if (err != nil) != bytes.Equal(dst, make([]byte, 16)) {
			t.Errorf("the hook refuses %s: %X, %v", act, dst, err)
		}
		dst = bytes.Repeat([]byte{7}, 16)
		err = h.DecryptCBC(ctx, nil, dst, dst)
		fails(keystore.ActDecrypt, err)
		if (err != nil) != bytes.Equal(dst, make([]byte, 16)) {
			t.Errorf("the hook refuses %s: %X, %v", act, dst, err)
		}
		mac, err := h.(key.MACer).CMAC(ctx, []byte("m"))
		fails(keystore.ActMAC, err)
		if (err != nil) != (mac == nil) {
			t.Errorf("the hook refuses %s: %X, %v", act, mac, err)
		}
		// The bytes go, and the handle does nothing more.
		if got := h.(key.Exporter).Export(); !bytes.Equal(got, k.Export()) {
			t.Errorf("exported %d bytes", len(got))
		}
		if act == keystore.ActExport {
			fails(act, h.EncryptCBC(ctx, nil, dst, dst))
		}
	}
}

// maker is a key in memory that makes CMACs in one call.
type maker struct{ *key.Secret }

func (maker) CMAC(context.Context, []byte) ([]byte, error) { return make([]byte, 16), nil }

// Handles can what the keys can, and no more; what goes wrong is told.
func TestAuditedKinds(t *testing.T) {
	ctx := context.Background()
	b := new(book)
	give := func(k key.Key) key.Key {
		h, err := keystore.Audit(keystore.Map{keystore.Ref{}: {Key: k}}, b.hook).Key(ctx, keystore.Ref{})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, k := range []key.Key{key.Zero(key.TypeAES), opaque{key.Zero(key.TypeAES)}, wrapper{opaque{key.Zero(key.TypeAES)}}} {
		h := give(k)
		_, e1 := k.(key.Exporter)
		_, e2 := h.(key.Exporter)
		_, w1 := k.(key.Wrapper)
		_, w2 := h.(key.Wrapper)
		if e1 != e2 || w1 != w2 {
			t.Errorf("%T: exports %v, wraps %v", k, e2, w2)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%x"} {
			if shown := fmt.Sprintf(format, h); shown != key.String(k) {
				t.Errorf("%T: %s shows %s", k, format, shown)
			}
		}
		again := h.(interface{ WithVersion(byte) key.Key }).WithVersion(9)
		if _, e := again.(key.Exporter); again.Version() != 9 || again.CheckValue() != k.CheckValue() || e != e1 {
			t.Errorf("%T with another version: %v", k, again)
		}
	}
	// CMAC that a key does not make is made by EncryptCBC, and that is told.
	b.uses = nil
	master := give(opaque{key.Zero(key.TypeAES)})
	derived, err := an10922.Key(ctx, master, []byte("input"))
	want, _ := an10922.Key(ctx, key.Zero(key.TypeAES), []byte("input"))
	if err != nil || derived.CheckValue() != want.CheckValue() || len(b.uses) < 2 || b.uses[1].Act != keystore.ActEncrypt || b.uses[1].Bytes == 0 {
		t.Errorf("%v, %v, %v", derived, err, b.uses)
	}
	b.uses = nil
	if _, err := master.(key.Handshaker).Handshake(ctx, key.HandshakeRequest{Method: key.MethodD40, Challenge: make([]byte, 8)}); err == nil || len(b.uses) != 1 || b.uses[0].Err == nil {
		t.Errorf("%v, told %v", err, b.uses)
	}
	b.uses = nil
	var missing *keystore.NotFoundError
	if k, err := keystore.Audit(keystore.Map{}, b.hook).Key(ctx, keystore.Ref{}); !errors.As(err, &missing) || len(b.uses) != 1 || !errors.As(b.uses[0].Err, &missing) {
		t.Errorf("%v, %v, told %v", k, err, b.uses)
	}
}

type wrapper struct{ key.Key }

func (wrapper) WrapKey(context.Context, key.WrapRequest) ([]byte, error) { return []byte{1}, nil }

// Master keys are told by their names.
func TestAuditMasters(t *testing.T) {
	b := new(book)
	m := keystore.AuditMasters(masters{"campus": key.Zero(key.TypeAES)}, b.hook)
	k, err := m.Master(context.Background(), "campus")
	if err != nil {
		t.Fatal(err)
	}
	rc := keystore.Recipe{Master: "campus", Diversify: &keystore.Diversification{UID: true}, Versioned: true, Version: 3}
	if _, _, err := rc.Make(context.Background(), keystore.Ref{UID: "\x01\x02\x03\x04"}, k, keystore.Facts{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Master(context.Background(), "none"); !errors.Is(err, keystore.ErrNotFound) {
		t.Error(err)
	}
	if got := b.acts(); len(got) < 3 || got[0] != keystore.ActGet || got[1] != keystore.ActEncrypt || b.uses[1].Master != "campus" || b.uses[len(got)-1].Err == nil {
		t.Errorf("%v", b.uses)
	}
}

type masters map[string]key.Key

func (m masters) MasterFacts(_ context.Context, name string) (keystore.Facts, bool) {
	k, ok := m[name]
	if !ok {
		return keystore.Facts{}, false
	}
	return keystore.FactsOf(k, name), true
}

func (m masters) Master(_ context.Context, name string) (key.Key, error) {
	k, ok := m[name]
	if !ok {
		return nil, keystore.ErrNotFound
	}
	return k, nil
}
