package pcsc

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
)

func TestLive(t *testing.T) {
	stack := pcsctest.Start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *pcsctest.Stack)
	}{
		{"list", liveList}, {"insert, remove, insert", liveInsert}, {"exchange", liveExchange},
		{"busy", liveBusy}, {"shared", liveShared}, {"silent card", liveSilent},
		{"close in mid-exchange", liveCloseBusy}, {"removed in use", liveRemoved},
		{"reset by another", liveReset}, {"reset on close", liveResetOnClose}, {"two watchers", liveWatchers}, {"two cards", liveTwoCards},
		{"break", liveBreak}, {"low level", liveLowLevel}, {"control", liveControl},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, stack) })
		waitEmpty(t, stack)
	}
}

// waitEmpty waits until pcscd has noticed that the last test's cards are gone.
func waitEmpty(t *testing.T, stack *pcsctest.Stack) {
	t.Helper()
	r := liveOpen(t, nil)
	for range 100 {
		infos, err := r.List(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		present := false
		for _, i := range infos {
			present = present || i.State&StatePresent != 0
		}
		if !present {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("a card stays in its reader")
}

func liveList(t *testing.T, stack *pcsctest.Stack) {
	r := liveOpen(t, nil)
	infos, err := r.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i := range pcsctest.Slots {
		if i >= len(infos) || infos[i].Name != stack.Reader(i) || infos[i].State != StateEmpty || infos[i].Ignored != "" {
			t.Fatalf("readers %+v, want %s empty", infos, stack.Reader(i))
		}
	}
	insert(t, stack.Slot(1), desfireATR, version)
	e := watchEvents(t, liveOpen(t, &Config{Reader: stack.Reader(1)}))
	e.want(desfire.ReaderAdded, stack.Reader(1))
	e.want(desfire.CardInserted, stack.Reader(1))
	if infos, err = r.List(context.Background()); err != nil {
		t.Fatal(err)
	}
	if infos[1].State&StatePresent == 0 || !bytes.Equal(infos[1].ATR, desfireATR) {
		t.Errorf("with a card: %+v", infos[1])
	}
	_, err = liveOpen(t, &Config{Reader: "no such"}).List(context.Background())
	if !errors.Is(err, ErrNoReader) {
		t.Errorf("filter that matches nothing: %v", err)
	}
}

func liveInsert(t *testing.T, stack *pcsctest.Stack) {
	e := watchEvents(t, liveOpen(t, nil))
	e.want(desfire.ReaderAdded, stack.Reader(0))
	e.want(desfire.ReaderAdded, stack.Reader(1))
	for range 2 {
		card := insert(t, stack.Slot(0), desfireATR, version)
		ev := e.want(desfire.CardInserted, stack.Reader(0))
		if !bytes.Equal(ev.ATR, desfireATR) || ev.Ignored != "" {
			t.Errorf("ATR %X, ignored %q", ev.ATR, ev.Ignored)
		}
		e.quiet()
		card.remove()
		e.want(desfire.CardRemoved, stack.Reader(0))
	}
}

// inserted puts a card into slot 0 and returns its event.
func inserted(t testing.TB, stack *pcsctest.Stack, config *Config, answer func([]byte) []byte) (desfire.Event, *vcard) {
	t.Helper()
	c := Config{}
	if config != nil {
		c = *config
	}
	c.Reader = stack.Reader(0)
	card := insert(t, stack.Slot(0), desfireATR, answer)
	e := watchEvents(t, liveOpen(t, &c))
	e.want(desfire.ReaderAdded, stack.Reader(0))
	return e.want(desfire.CardInserted, stack.Reader(0)), card
}

func liveWatchers(t *testing.T, stack *pcsctest.Stack) {
	r := liveOpen(t, nil)
	var all []*events
	for range 3 {
		e := watchEvents(t, r)
		e.want(desfire.ReaderAdded, stack.Reader(0))
		e.want(desfire.ReaderAdded, stack.Reader(1))
		all = append(all, e)
	}
	all[2].stop()
	insert(t, stack.Slot(1), desfireATR, version)
	for _, e := range all[:2] {
		e.want(desfire.CardInserted, stack.Reader(1))
	}
	// Contexts end in the middle of a wait, and while it begins.
	for i := range 20 {
		e := watchEvents(t, r)
		time.Sleep(time.Duration(i) * time.Millisecond)
		e.stop()
	}
}

// A consumer that breaks leaves nothing behind.
func liveBreak(t *testing.T, stack *pcsctest.Stack) {
	for ev, err := range liveOpen(t, nil).Events(context.Background()) {
		if err != nil || ev.Kind != desfire.ReaderAdded {
			t.Errorf("%v, %v", ev, err)
		}
		break
	}
	next, stop := iter.Pull2(liveOpen(t, nil).Events(context.Background()))
	if _, _, ok := next(); !ok {
		t.Error("no event")
	}
	stop()
}

func liveLowLevel(t *testing.T, stack *pcsctest.Stack) {
	insert(t, stack.Slot(0), desfireATR, version)
	api, err := load()
	if err != nil {
		t.Fatal(err)
	}
	ok := func(code Error) {
		t.Helper()
		if code != codeOK {
			t.Fatal(code)
		}
	}
	hContext, code := api.establishContext()
	ok(code)
	ok(api.isValidContext(hContext))
	states := []readerState{{reader: stack.Reader(0)}, {reader: pnpReader}}
	for range 100 {
		ok(api.getStatusChange(hContext, 1000, states))
		if State(states[0].event)&StatePresent != 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !bytes.Equal(states[0].atr, desfireATR) {
		t.Errorf("state %v, ATR %X", State(states[0].event), states[0].atr)
	}
	if code := api.getStatusChange(hContext, 10, []readerState{{reader: "no such reader"}}); code != codeUnknownReader {
		t.Errorf("unknown reader: %v", code)
	}
	card, protocol, code := api.connect(hContext, stack.Reader(0), shareShared, protocolT0|protocolT1)
	ok(code)
	if protocol != protocolT0 && protocol != protocolT1 {
		t.Errorf("protocol %d", protocol)
	}
	ok(api.beginTransaction(card))
	response := make([]byte, maxBuffer)
	n, code := api.transmit(card, protocol, []byte{0x60}, response)
	ok(code)
	if n != 8 {
		t.Errorf("%X", response[:n])
	}
	ok(api.endTransaction(card, leaveCard))
	s, code := api.status(card)
	ok(code)
	if s.reader != stack.Reader(0) || !bytes.Equal(s.atr, desfireATR) || s.protocol != protocol {
		t.Errorf("status %+v", s)
	}
	const attrVendorName = 0x00010100
	if n, code = api.getAttrib(card, attrVendorName, response); code == codeOK && n == 0 {
		t.Error("empty attribute")
	}
	_, code = api.reconnect(card, shareShared, protocolT0|protocolT1, leaveCard)
	ok(code)
	ok(api.disconnect(card, leaveCard))
	if code := api.disconnect(card, leaveCard); code != codeInvalidHandle {
		t.Errorf("disconnect twice: %v", code)
	}
	ok(api.releaseContext(hContext))
	if code := api.isValidContext(hContext); code != codeInvalidHandle {
		t.Errorf("released context: %v", code)
	}
}

// The service is killed and comes back.
func TestLiveServiceLost(t *testing.T) {
	stack := pcsctest.StartOwned(t)
	t.Run("run", func(t *testing.T) {
		r := liveOpen(t, nil)
		e := watchEvents(t, r)
		e.want(desfire.ReaderAdded, stack.Reader(0))
		e.want(desfire.ReaderAdded, stack.Reader(1))
		insert(t, stack.Slot(0), desfireATR, version)
		ev := e.want(desfire.CardInserted, stack.Reader(0))
		c := present(t, ev)
		if _, err := c.Transmit(context.Background(), []byte{0x60}); err != nil {
			t.Fatal(err)
		}
		stack.Kill(t)
		e.want(desfire.CardRemoved, stack.Reader(0))
		if ev := e.want(desfire.ServiceLost, ""); !errors.Is(ev.Err, ErrNoService) {
			t.Errorf("ServiceLost: %v", ev.Err)
		}
		_, err := c.Transmit(context.Background(), []byte{0x60})
		if !errors.Is(err, ErrRemoved) {
			t.Errorf("transmit without a service: %v", err)
		}
		if _, err = r.List(context.Background()); !errors.Is(err, ErrNoService) {
			t.Errorf("List without a service: %v", err)
		} else {
			t.Log(err)
		}
		if _, err = ev.Open(context.Background()); !errors.Is(err, ErrNoService) {
			t.Errorf("Open without a service: %v", err)
		}
		late := watchEvents(t, r)
		if ev := late.want(desfire.ServiceLost, ""); !errors.Is(ev.Err, ErrNoService) {
			t.Errorf("first event without a service: %v", ev.Err)
		}
		e.quiet()
		stack.Restart(t)
		for _, e := range []*events{e, late} {
			e.want(desfire.ServiceBack, "")
			e.want(desfire.ReaderAdded, stack.Reader(0))
			e.want(desfire.ReaderAdded, stack.Reader(1))
		}
		insert(t, stack.Slot(0), desfireATR, version)
		c = present(t, e.want(desfire.CardInserted, stack.Reader(0)))
		if _, err := c.Transmit(context.Background(), []byte{0x60}); err != nil {
			t.Fatal(err)
		}
		// Killed while the card thinks.
		stack.Kill(t)
		e.want(desfire.CardRemoved, stack.Reader(0))
	})
}
