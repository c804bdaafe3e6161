package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
)

// FuzzRequests gives an agent what anybody may send to it, by the bytes of a request and
// by its parts with the agent's own boot, while a holder in its process has the card.
// Nothing of it reaches the card, and the agent goes on.
func FuzzRequests(f *testing.F) {
	for _, name := range []string{"acquire", "renew", "script", "hello"} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "v1", name+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, uint64(1), uint64(1), uint8(0), "r")
	}
	f.Add([]byte{}, uint64(1), uint64(2), uint8(1), "r")
	f.Add([]byte{1}, uint64(0), uint64(1), uint8(2), ">")
	f.Fuzz(func(t *testing.T, raw []byte, counter, number uint64, op uint8, reader string) {
		card, err := sim.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := simreader.New("r", card)
		a, err := New(Config{Conn: new(nats.Conn), Name: "gate7", Source: r})
		if err != nil {
			t.Fatal(err)
		}
		a.event(desfire.Event{Kind: desfire.ReaderAdded, Reader: "r"})
		a.event(desfire.Event{Kind: desfire.CardInserted, Reader: "r", Open: r.Open})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var tr desfire.Transport
		for ev := range a.Source("the test").Events(ctx) {
			if ev.Kind == desfire.CardInserted {
				if tr, err = ev.Open(ctx); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		before := card.Exchanges()
		secret, err := remote.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		key, err := secret.Key(secret.Public(), a.boot, "r", counter)
		if err != nil {
			t.Fatal(err)
		}
		ops := []string{remote.Acquire, remote.Renew, remote.Release, "?"}
		lease := &remote.LeaseRequest{Op: ops[int(op)%len(ops)], Boot: a.boot, Card: number, Counter: counter, ID: a.boot, Public: secret.Public()}
		script := &remote.ScriptRequest{Boot: a.boot, Counter: counter, Seq: number}
		script.Script.Steps = []desfire.ScriptStep{{Command: append([]byte{0x90}, raw[:min(len(raw), 200)]...)}}
		messages := [][]byte{raw}
		for _, k := range []*remote.LeaseKey{nil, key} {
			m, err := lease.Encode(k)
			if err != nil {
				t.Fatal(err)
			}
			s, err := script.Encode(k)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, m, s)
		}
		for _, m := range messages {
			for _, subject := range []string{subjects.Lease("gate7", "r"), subjects.Lease("gate7", reader), reader} {
				a.leaseAsked(&nats.Msg{Subject: subject, Reply: "_INBOX.x", Data: m})
				a.transmit(&nats.Msg{Subject: subject, Reply: "_INBOX.x", Data: m})
				a.asked(&nats.Msg{Subject: subject, Reply: "_INBOX.x", Data: m})
				a.rival(&nats.Msg{Subject: subject, Data: m}, func(error) { t.Error("a stranger ends the agent") })
			}
		}
		if n := card.Exchanges(); n != before {
			t.Errorf("%d exchanges with the card of another holder", n-before)
		}
		if _, err := tr.Transmit(ctx, selectPICC); err != nil {
			t.Errorf("the holder lost its card: %v", err)
		}
		a.stop()
		a.leases.Wait()
	})
}
