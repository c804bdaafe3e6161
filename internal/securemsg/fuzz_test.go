package securemsg

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// FuzzOpen feeds every channel of both sides with any bytes: no panic, nothing
// unchecked comes out, and after an error nothing more.
func FuzzOpen(f *testing.F) {
	for name, s := range sessions(f) {
		for _, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
			s.Side = PICC
			c, err := NewChannel(s)
			if err != nil {
				f.Fatal(err)
			}
			b, err := c.Seal(nil, Message{Data: []byte("answer"), Mode: mode})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(name, uint8(PCD), uint8(mode), uint8(0), []byte{}, b, 6)
		}
	}
	f.Add("EV1 AES", uint8(PICC), uint8(wire.CommOwn), uint8(0xC4), []byte{1}, make([]byte, 32), 17)
	f.Fuzz(func(t *testing.T, name string, side, mode, code uint8, head, data []byte, n int) {
		s, ok := sessions(t)[name]
		if !ok || side > 1 {
			return
		}
		s.Side = Side(side)
		c, err := NewChannel(s)
		if err != nil {
			t.Fatal(err)
		}
		m := Message{Code: code, Head: head, Data: data, Mode: wire.CommMode(mode), Len: n}
		if mode == uint8(wire.CommOwn) && len(head) > 1 {
			m.OldKey = head[1:]
		}
		got, err := c.Open(nil, m)
		if err == nil {
			if len(got) > len(data) {
				t.Fatalf("%d bytes of %d", len(got), len(data))
			}
			return
		}
		if got != nil {
			t.Fatalf("%X came with %v", got, err)
		}
		if _, err := c.Open(nil, m); err == nil {
			t.Fatal("opens after an error")
		}
	})
}

// FuzzHandshake feeds both sides of every handshake with any bytes. Nobody
// without the key gets a session.
func FuzzHandshake(f *testing.F) {
	f.Add(uint8(0), uint8(0), make([]byte, 8), make([]byte, 16))
	f.Add(uint8(3), uint8(3), make([]byte, 16), make([]byte, 32))
	f.Add(uint8(5), uint8(3), append([]byte{1}, make([]byte, 16)...), make([]byte, 32))
	f.Fuzz(func(t *testing.T, method, kind uint8, first, second []byte) {
		ctx := t.Context()
		m, ks := key.Method(method), testKeys(t)
		c := Config{Method: m, Key: ks[kind%4], Rand: seeded("fuzz")}
		if l := (login{c: c}); l.old() {
			c.Session = l.oldSession(t, PCD)
		}
		if h, err := NewHandshake(c); err == nil {
			if _, err := h.Second(ctx, first); err == nil {
				if ch, err := h.Finish(ctx, second); err == nil || ch != nil {
					t.Fatalf("a session with a card that has no key: %v", ch)
				}
			}
		}
		if l := (login{c: c}); l.old() {
			c.Session = l.oldSession(t, PICC)
		}
		if h, err := NewCardHandshake(c); err == nil {
			if _, err := h.First(ctx); err != nil {
				t.Fatal(err)
			}
			if b, ch, err := h.Second(ctx, second); err == nil || ch != nil || b != nil {
				t.Fatalf("a session with a reader that has no key: %v", ch)
			}
		}
		Recover(ctx, Recorded{Method: m, Key: ks[kind%4], Challenge: first, Token: second, Proof: first, Internal: first})
	})
}
