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
	"go.uber.org/goleak"
)

// events collects what a source says, on a goroutine of its own.
type events struct {
	t      testing.TB
	ch     chan desfire.Event
	cancel context.CancelFunc
	done   chan struct{}
}

func watchEvents(t testing.TB, s desfire.Source) *events {
	ctx, cancel := context.WithCancel(context.Background())
	e := &events{t: t, ch: make(chan desfire.Event, 100), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for ev, err := range s.Events(ctx) {
			if err != nil {
				t.Errorf("Events: %v", err)
			}
			t.Log(ev.Kind, ev.Reader)
			e.ch <- ev
		}
	}()
	t.Cleanup(e.stop)
	return e
}

// stop ends the context and waits until Events returns.
func (e *events) stop() {
	e.cancel()
	select {
	case <-e.done:
	case <-time.After(10 * time.Second):
		e.t.Error("Events did not return after its context had ended")
	}
}

func (e *events) next() desfire.Event {
	e.t.Helper()
	select {
	case ev := <-e.ch:
		return ev
	case <-time.After(20 * time.Second):
		e.t.Fatal("no event")
		panic("unreachable")
	}
}

// want takes the next event and checks kind and reader.
func (e *events) want(kind desfire.EventKind, reader string) desfire.Event {
	e.t.Helper()
	ev := e.next()
	if ev.Kind != kind || ev.Reader != reader {
		e.t.Fatalf("event %v of %q (error %v), want %v of %q", ev.Kind, ev.Reader, ev.Err, kind, reader)
	}
	return ev
}

// quiet checks that nothing happens for a while.
func (e *events) quiet() {
	e.t.Helper()
	select {
	case ev := <-e.ch:
		e.t.Fatalf("unexpected event %v of %q", ev.Kind, ev.Reader)
	case <-time.After(500 * time.Millisecond):
	}
}

func liveOpen(t testing.TB, config *Config) *Readers {
	t.Helper()
	r, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// present opens the connection of an insertion.
func present(t testing.TB, ev desfire.Event) *Conn {
	t.Helper()
	if ev.Ignored != "" {
		t.Fatalf("%s is ignored: %s", ev.Reader, ev.Ignored)
	}
	tr, err := ev.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := tr.(*Conn)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestLive(t *testing.T) {
	stack := pcsctest.Start(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, test := range []struct {
		name string
		run  func(*testing.T, *pcsctest.Stack)
	}{
		{"list", liveList}, {"insert, remove, insert", liveInsert}, {"exchange", liveExchange},
		{"busy", liveBusy}, {"shared", liveShared}, {"silent card", liveSilent},
		{"close in mid-exchange", liveCloseBusy}, {"removed in use", liveRemoved},
		{"reset by another", liveReset}, {"reset on close", liveResetOnClose}, {"two watchers", liveWatchers},
		{"break", liveBreak}, {"low level", liveLowLevel},
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

// wantSent checks the condition of an error and whether it says that the card
// may have seen the command.
func wantSent(t testing.TB, err, condition error, sent bool) {
	t.Helper()
	var s interface{ Sent() bool }
	if !errors.Is(err, condition) || !errors.As(err, &s) || s.Sent() != sent {
		t.Errorf("error %v, want %v, sent %v", err, condition, sent)
	}
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
	case <-other.released:
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
	case <-c.released:
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
	<-c.released
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
	// pcscd notices the removal in its own time: 0x80100016 before, 0x80100069 after.
	for range 100 {
		if _, err = c.Transmit(context.Background(), []byte{0x60}); !errors.Is(err, codeNotTransacted) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
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
	protocol, code = api.reconnect(card, shareShared, protocolT0|protocolT1, leaveCard)
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
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
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
		e.want(desfire.ReaderRemoved, stack.Reader(0))
		e.want(desfire.ReaderRemoved, stack.Reader(1))
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
