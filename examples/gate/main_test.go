package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

const secret = "30313233343536373839616263646566"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTurnstile lets cards pass with a network, without one, and with one again.
func TestTurnstile(t *testing.T) {
	dir := t.TempDir()
	journal, keys, fleetFile := filepath.Join(dir, "gate.db"), filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "gate.json")
	must(t, os.WriteFile(keys, []byte("desfire: keys/v1\nkeys:\n  F48121: {1: aes:"+secret+"/07}\n"), 0o600))
	s := natstest.Start(t, nil)
	member(t, fleetFile, s.URL)
	var queue cards
	for i := range 3 {
		queue = append(queue, simreader.New("gate", newCard(t, i, journal)))
		queue[i].Lift()
	}
	ctx, cancel := context.WithCancel(context.Background())
	opened, done := make(chan int32), make(chan error, 1)
	go func() {
		done <- turnstile(ctx, queue, fleetFile, journal, keys, func(left int32) { opened <- left })
	}()
	pass := func(i int, what string) {
		t.Helper()
		must(t, queue[i].Return())
		select {
		case left := <-opened:
			if left != 100-fare {
				t.Errorf("%s: %d left", what, left)
			}
		case err := <-done:
			t.Fatalf("%s: it ended: %v", what, err)
		case <-time.After(time.Minute):
			t.Fatalf("%s: it does not open", what)
		}
		queue[i].Lift()
	}
	pass(0, "with a network")
	s.Stop()
	pass(1, "without")
	s.Restart(nil)
	pass(2, "with one again")
	cancel()
	must(t, <-done)
}

// member makes the fleet file of the gate, for a server that lets everybody in.
func member(t *testing.T, path, url string) {
	t.Helper()
	account, err := nkeys.CreateAccount()
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	public, err := user.PublicKey()
	must(t, err)
	seed, err := user.Seed()
	must(t, err)
	text, err := jwt.NewUserClaims(public).Encode(account)
	must(t, err)
	f := &centre.File{V: 1, Fleet: "main", Name: "gate7", Role: centre.Agent, URLs: []string{url}, JWT: text, Seed: string(seed)}
	must(t, f.Write(path))
}

// newCard makes a card with a purse, and the purse the first time.
func newCard(t *testing.T, i int, journal string) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 1, 2, 3, 4, 5, byte(i)}})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	raw, err := hex.DecodeString(secret)
	must(t, err)
	k, err := key.NewAES(raw, 7)
	must(t, err)
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	must(t, card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xF48121, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	must(t, card.SelectApplication(ctx, 0xF48121))
	must(t, card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(t, card.ChangeKey(ctx, 1, k, key.Zero(key.TypeAES)))
	must(t, card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: access, Upper: 1000, Value: 100}))
	must(t, card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 2, Option: wire.OptionFull, Access: access, Size: 64}))
	if i > 0 {
		return picc
	}
	file := func(no wire.FileNo) purse.File {
		fs, err := card.FileSettings(ctx, no)
		must(t, err)
		return purse.File{No: no, Settings: *fs}
	}
	layout, err := purse.LayoutOf(&purse.Config{
		Place: wire.Place{AID: 0xF48121}, Generation: wire.EV3, KeyNo: 1, Values: []purse.File{file(1)}, Slot: &purse.Slot{File: file(2)},
		Policy: purse.Hostile, Terminal: "gate",
	})
	must(t, err)
	text, err := json.Marshal(layout)
	must(t, err)
	must(t, os.WriteFile(journal+".json", text, 0o600))
	j, err := boltjournal.Open(journal, boltjournal.Options{})
	must(t, err)
	must(t, j.Close())
	return picc
}

// cards are presented at one reader, one after the other.
type cards []*simreader.Reader

func (c cards) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: "gate"}, nil) {
			return
		}
		for _, r := range c {
			for ev, err := range r.Events(ctx) {
				if ev.Kind == desfire.ReaderAdded {
					continue
				}
				if !yield(ev, err) {
					return
				}
				if ev.Kind == desfire.CardRemoved {
					break
				}
			}
		}
		<-ctx.Done()
	}
}
