package pcsc

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
)

func liveExchange(t *testing.T, stack *pcsctest.Stack) {
	ev, _ := inserted(t, stack, nil, version)
	c := present(t, ev)
	ctx := context.Background()
	for _, test := range []struct{ command, want []byte }{
		{[]byte{0x90, 0x60, 0, 0, 0}, []byte{0x04, 0x01, 0x01, 0x33, 0x00, 0x1A, 0x05, 0x91, 0xAF}},
		{[]byte{0x60}, []byte{0xAF, 0x04, 0x01, 0x01, 0x33, 0x00, 0x1A, 0x05}},
		{[]byte{0x90, 0xAF, 0, 0, 0}, []byte{0x90, 0xAF, 0, 0, 0, 0x91, 0x00}},
	} {
		got, err := c.Transmit(ctx, test.command)
		if err != nil || !bytes.Equal(got, test.want) {
			t.Errorf("%X: %X, %v; want %X", test.command, got, err, test.want)
		}
	}
	if !bytes.Equal(c.ATR(), desfireATR) || c.String() != stack.Reader(0) || c.Shared() {
		t.Errorf("ATR %X, name %q, shared %v", c.ATR(), c, c.Shared())
	}
	if _, err := c.UID(ctx); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("UID of a virtual reader: %v", err)
	}
	command, response, _ := c.Limits()
	if command <= 261 || response <= 258 {
		t.Fatalf("limits %d, %d: vpcd takes extended APDUs", command, response)
	}
	long := make([]byte, 4+3+4096)
	long[0], long[1], long[5] = 0x90, 0x8D, 0x10
	for i := range long[7:] {
		long[7+i] = byte(i * 7)
	}
	got, err := c.Transmit(ctx, long)
	if err != nil || !bytes.Equal(got, append(long, 0x91, 0x00)) {
		t.Errorf("extended command of %d bytes: %d bytes, %v", len(long), len(got), err)
	}
	if err := c.Reconnect(ctx); err != nil {
		t.Errorf("Reconnect: %v", err)
	}
	if _, err := c.Transmit(ctx, []byte{0x60}); err != nil {
		t.Errorf("after Reconnect: %v", err)
	}
	c.Close()
	_, err = c.Transmit(ctx, []byte{0x60})
	wantSent(t, err, ErrClosed, false)
	present(t, ev).Close()
}

func liveBusy(t *testing.T, stack *pcsctest.Stack) {
	ev, _ := inserted(t, stack, nil, version)
	c := present(t, ev)
	if _, err := ev.Open(context.Background()); !errors.Is(err, ErrReaderBusy) {
		t.Fatalf("second exclusive connection: %v", err)
	} else {
		t.Log(err)
	}
	c.Close()
	present(t, ev)
}

func liveShared(t *testing.T, stack *pcsctest.Stack) {
	ev, _ := inserted(t, stack, nil, version)
	other, err := liveOpen(t, &Config{Share: ShareShared}).Connect(context.Background(), ev.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c := present(t, ev)
	if !c.Shared() {
		t.Fatal("not shared although another connection shares the card")
	}
	if _, err := c.Transmit(context.Background(), []byte{0x60}); err != nil {
		t.Fatal(err)
	}
	// Our transaction keeps the other out until we close.
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err = other.Transmit(ctx, []byte{0x60})
	wantSent(t, err, context.DeadlineExceeded, true)
	c.Close()
	select {
	case <-other.session.released:
	case <-time.After(10 * time.Second):
		t.Error("the other connection stays although nothing holds it")
	}
}

func liveSilent(t *testing.T, stack *pcsctest.Stack) {
	ev, card := inserted(t, stack, nil, mute)
	c := present(t, ev)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Transmit(ctx, []byte{0x60})
	wantSent(t, err, context.DeadlineExceeded, true)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("returned %v after its context had ended", d)
	}
	_, err = c.Transmit(context.Background(), []byte{0x60})
	wantSent(t, err, ErrClosed, false)
	// The reader has not let go: a new connection says so instead of blaming others.
	ctx, cancel = context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := ev.Open(ctx); !errors.Is(err, ErrReaderBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("new connection: %v", err)
	}
	card.remove()
	select {
	case <-c.session.released:
	case <-time.After(10 * time.Second):
		t.Error("the handle was not given back")
	}
}

func liveCloseBusy(t *testing.T, stack *pcsctest.Stack) {
	got := make(chan struct{}, 1)
	ev, card := inserted(t, stack, nil, func([]byte) []byte { got <- struct{}{}; return nil })
	c := present(t, ev)
	go func() {
		<-got
		c.Close()
	}()
	_, err := c.Transmit(context.Background(), []byte{0x60})
	wantSent(t, err, ErrClosed, true)
	card.remove()
	<-c.session.released
}

func liveRemoved(t *testing.T, stack *pcsctest.Stack) {
	var card *vcard
	asked := make(chan struct{}, 10)
	ev, card := inserted(t, stack, nil, func([]byte) []byte { asked <- struct{}{}; return nil })
	c := present(t, ev)
	go func() {
		<-asked
		card.conn.Close()
	}()
	_, err := c.Transmit(context.Background(), []byte{0x60})
	wantSent(t, err, ErrRemoved, true)
	t.Log(err)
	_, err = c.Transmit(context.Background(), []byte{0x60})
	wantSent(t, err, ErrRemoved, false)
	insert(t, stack.Slot(0), desfireATR, version)
	_, err = c.Transmit(context.Background(), []byte{0x60})
	wantSent(t, err, ErrRemoved, false)
	for range 100 { // until pcscd has noticed the card
		if err = c.Reconnect(context.Background()); !errors.Is(err, codeNoSmartcard) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("Reconnect after a new insertion: %v", err)
	}
	if _, err := c.Transmit(context.Background(), []byte{0x60}); err != nil {
		t.Error(err)
	}
}

func liveReset(t *testing.T, stack *pcsctest.Stack) {
	ev, _ := inserted(t, stack, &Config{Share: ShareShared}, version)
	c := present(t, ev)
	other, err := liveOpen(t, &Config{Share: ShareShared}).Connect(context.Background(), ev.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Reconnect(context.Background()); err != nil {
		t.Fatal(err)
	}
	other.Close()
	// We had no transaction yet, so the other could reset the card.
	_, err = c.Transmit(context.Background(), []byte{0x60})
	wantSent(t, err, ErrReset, false)
	t.Log(err)
	if err := c.Reconnect(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Transmit(context.Background(), []byte{0x60}); err != nil {
		t.Error(err)
	}
}

func liveResetOnClose(t *testing.T, stack *pcsctest.Stack) {
	ev, card := inserted(t, stack, nil, version)
	for _, reset := range []bool{false, true} {
		before := card.resetCount()
		c := present(t, ev)
		c.ResetOnClose(reset)
		if _, err := c.Transmit(context.Background(), []byte{0x60}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if got := card.resetCount() > before; got != reset {
			t.Errorf("ResetOnClose(%v): reset %v", reset, got)
		}
	}
}

// A card that does not answer holds up no other.
func liveTwoCards(t *testing.T, stack *pcsctest.Stack) {
	got := make(chan struct{}, 1)
	first, silent := inserted(t, stack, nil, func([]byte) []byte { got <- struct{}{}; return nil })
	insert(t, stack.Slot(1), desfireATR, version)
	e := watchEvents(t, liveOpen(t, &Config{Reader: stack.Reader(1)}))
	e.want(desfire.ReaderAdded, stack.Reader(1))
	second := e.want(desfire.CardInserted, stack.Reader(1))
	a, done := present(t, first), make(chan error)
	go func() {
		_, err := a.Transmit(context.Background(), []byte{0x60})
		done <- err
	}()
	<-got
	b := present(t, second)
	for range 100 {
		if _, err := b.Transmit(context.Background(), []byte{0x60}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Errorf("the silent card: %v", err)
	default:
	}
	silent.remove()
	wantSent(t, <-done, ErrRemoved, true)
}
