package mobile

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/wire"
)

// TestPhoneConformance runs what every transport must pass, in both forms. An iPhone carries APDUs only: what the suite
// sends becomes the data of one, and the card at the far end takes it out again.
func TestPhoneConformance(t *testing.T) {
	type presenter = func(context.Context) (transporttest.Card, error)
	run := func(name string, open func(card transporttest.Card) (desfire.Transport, *link)) {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T, present presenter) transporttest.Transport {
				card, err := present(t.Context())
				must(t, err)
				transport, l := open(card)
				t.Cleanup(func() { l.Close() })
				return transport
			}, nil)
		})
	}
	run("android", func(card transporttest.Card) (desfire.Transport, *link) {
		l := newLink("nfc", &isoDep{air: newAir(card, func() { card.Close() }), max: 0xFFFF, connected: true})
		return l, l
	})
	run("iphone", func(card transporttest.Card) (desfire.Transport, *link) {
		l := newLink7816("nfc", &tag7816{air: newAir(unpacked{card}, func() { card.Close() })})
		return packed{l}, l
	})
}

// packed puts every frame into an APDU.
type packed struct{ *link }

func (p packed) Unwrap() desfire.Transport { return p.link }

func (p packed) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := p.link.Transmit(ctx, wire.AppendAPDU(nil, 0x90, 0xF0, 1, 2, command, 65536))
	if err != nil {
		return nil, err
	}
	if n := len(answer) - 2; n >= 0 && answer[n] == 0x91 && answer[n+1] == 0x5A {
		return answer[:n], nil
	}
	return nil, errors.New("no status behind the answer")
}

type unpacked struct{ transporttest.Card }

func (u unpacked) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c, status := wire.ParseCommand(command)
	if status != wire.StatusOK || c.Class != 0x90 || c.INS != 0xF0 || c.P1 != 1 || c.P2 != 2 || c.Le != 65536 {
		return nil, errors.New("another APDU than was sent")
	}
	answer, err := u.Card.Transmit(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(answer), 0x91, 0x5A), nil
}

func sent(err error) bool {
	var s interface{ Sent() bool }
	return !errors.As(err, &s) || s.Sent()
}

// TestNotSent: what a phone cannot send never leaves, and what left is never said not to have.
func TestNotSent(t *testing.T) {
	echo := func(context.Context, []byte) ([]byte, error) { return []byte{0x91, 0}, nil }
	dep := newLink("nfc", &isoDep{air: newAir(answering(echo), nil), max: 10, connected: true})
	defer dep.Close()
	seven := newLink7816("nfc", &tag7816{air: newAir(answering(echo), nil)})
	defer seven.Close()
	for _, c := range []struct {
		name    string
		link    *link
		command []byte
	}{
		{"longer than the phone sends", dep, make([]byte, 11)},
		{"a native frame to an iPhone", seven, []byte{0x60}},
		{"an APDU that is cut", seven, []byte{0x90, 0x60, 0}},
		{"an APDU whose length lies", seven, []byte{0x90, 0x60, 0, 0, 9, 1}},
	} {
		if _, err := c.link.Transmit(t.Context(), c.command); err == nil || sent(err) {
			t.Errorf("%s: %v, sent %v", c.name, err, sent(err))
		}
		if _, err := c.link.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
			t.Errorf("%s: the next command: %v", c.name, err)
		}
	}
	for _, answer := range []*Answer7816{nil, {SW1: 256}, {SW2: -1}, {SW1: 0x91, SW2: 1 << 40}} {
		bad := newLink7816("nfc", badTag{answer})
		if _, err := bad.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err == nil || !sent(err) {
			t.Errorf("the answer %v: %v", answer, err)
		}
		bad.Close()
	}
	unconnected := newLink("nfc", &isoDep{air: newAir(answering(echo), nil), max: 261})
	defer unconnected.Close()
	if _, err := unconnected.Transmit(t.Context(), []byte{0x60}); err == nil {
		t.Error("an IsoDep without connect answered")
	}
}

type answering func(context.Context, []byte) ([]byte, error)

func (f answering) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return f(ctx, command)
}

type badTag struct{ answer *Answer7816 }

func (b badTag) Transceive(int, int, int, int, []byte, int) (*Answer7816, error) {
	return b.answer, nil
}
func (badTag) Present() bool { return true }
func (badTag) Close()        {}
