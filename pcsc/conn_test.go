package pcsc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
)

// All that a desfire.Transport may have.
var _ interface {
	desfire.Transport
	Close() error
	Reconnect(context.Context) error
	ATR() []byte
	Limits() (command, response int, framing desfire.Framing)
	String() string
	ResetOnClose(bool)
	UID(context.Context) ([]byte, error)
} = (*Conn)(nil)

var _ desfire.Source = (*Readers)(nil)

// connected inserts a card into a fake reader and connects to it.
func connected(t *testing.T, f *fake, config *Config) *Conn {
	t.Helper()
	f.insert(f.lists[0].name)
	c, err := open(config, f).Connect(t.Context(), f.lists[0].name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

var getVersion = []byte{0x90, 0x60, 0, 0, 0}

func TestConnTransmit(t *testing.T) {
	f := newFake("A")
	f.answer = func(command []byte) ([]byte, Error) { return append([]byte{command[1]}, 0x91, 0x00), codeOK }
	c := connected(t, f, nil)
	if c.Shared() || c.String() != "A" || !bytes.Equal(c.ATR(), f.lists[0].atr) {
		t.Errorf("shared %v, name %s, ATR %X", c.Shared(), c, c.ATR())
	}
	for i := range byte(3) {
		got, err := c.Transmit(t.Context(), []byte{0x90, i, 0, 0, 0})
		if err != nil || !bytes.Equal(got, []byte{i, 0x91, 0x00}) {
			t.Errorf("%X, %v", got, err)
		}
	}
	c.Close()
	c.Close()
	if got, want := f.calls(), "connect 1; transmit 9000000000; transmit 9001000000; transmit 9002000000; disconnect 0"; got != want {
		t.Errorf("calls %s\nwant  %s", got, want)
	}
	if contexts, cards := f.open(); contexts != 0 || cards != 0 {
		t.Errorf("%d contexts and %d cards are left", contexts, cards)
	}
}

func TestConnTransmitErrors(t *testing.T) {
	for _, test := range []struct {
		code      Error
		condition error
		sent      bool
	}{
		{codeNotTransacted, ErrRemoved, true}, {codeRemovedCard, ErrRemoved, false},
		{codeResetCard, ErrReset, false}, {codeNoService, ErrRemoved, true}, {codeCommError, ErrNoService, true},
		{codeReaderUnavailable, ErrRemoved, false}, {codeSharingViolation, ErrReaderBusy, false},
		{codeInternal, codeInternal, true},
	} {
		f := newFake("A")
		f.answer = func([]byte) ([]byte, Error) { return nil, test.code }
		c := connected(t, f, nil)
		_, err := c.Transmit(t.Context(), getVersion)
		wantSent(t, err, test.condition, test.sent)
	}
	f := newFake("A")
	f.answer = func([]byte) ([]byte, Error) { return nil, codeOK }
	_, err := connected(t, f, nil).Transmit(t.Context(), getVersion)
	wantSent(t, err, ErrRemoved, true)
}

func TestConnEndedContext(t *testing.T) {
	f := newFake("A")
	c := connected(t, f, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Transmit(ctx, getVersion)
	wantSent(t, err, context.Canceled, false)
	if _, err = c.Transmit(t.Context(), getVersion); err != nil {
		t.Errorf("a context that ended before the exchange finished the connection: %v", err)
	}
}

// An exchange that is given up returns at once; the card is reset when the
// reader lets go.
func TestConnGivenUp(t *testing.T) {
	for name, give := range map[string]func(*Conn, context.CancelFunc){
		"context": func(_ *Conn, cancel context.CancelFunc) { cancel() },
		"close":   func(c *Conn, _ context.CancelFunc) { c.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A")
			f.hang = make(chan struct{})
			f.insert("A")
			r := open(nil, f)
			c, err := r.Connect(t.Context(), "A")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				time.Sleep(time.Second)
				give(c, cancel)
			}()
			start := time.Now()
			_, err = c.Transmit(ctx, getVersion)
			want := ErrClosed
			if name == "context" {
				want = context.Canceled
			}
			wantSent(t, err, want, true)
			if d := time.Since(start); d != time.Second {
				t.Errorf("%s: returned after %v", name, d)
			}
			_, err = c.Transmit(t.Context(), getVersion)
			wantSent(t, err, ErrClosed, false)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			// Our own handle makes the reader busy until then.
			short, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			_, err = r.Connect(short, "A")
			wantSent(t, err, ErrReaderBusy, false)
			go func() {
				time.Sleep(time.Second)
				close(f.hang)
			}()
			next, err := r.Connect(t.Context(), "A")
			if err != nil {
				t.Fatal(err)
			}
			next.Close()
			if got, want := f.calls(), "connect 1; transmit 9060000000; disconnect 1; connect 1; disconnect 0"; got != want {
				t.Errorf("%s: calls %s\nwant  %s", name, got, want)
			}
		})
	}
}

func TestConnTwoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.hang = make(chan struct{})
		c := connected(t, f, nil)
		go c.Transmit(t.Context(), getVersion)
		synctest.Wait()
		if _, err := c.Transmit(t.Context(), getVersion); err == nil || !strings.Contains(err.Error(), "goroutine") {
			t.Errorf("second exchange at the same time: %v", err)
		}
		close(f.hang)
		synctest.Wait()
		if _, err := c.Transmit(t.Context(), getVersion); err != nil {
			t.Error(err)
		}
	})
}

func TestConnResetOnClose(t *testing.T) {
	for _, test := range []struct {
		reset bool
		gone  bool
		want  string
	}{
		{false, false, "disconnect 0"}, {true, false, "disconnect 1"}, {true, true, "disconnect 0"},
	} {
		f := newFake("A")
		c := connected(t, f, nil)
		c.ResetOnClose(test.reset)
		if test.gone {
			f.remove("A")
			_, err := c.Transmit(t.Context(), getVersion)
			wantSent(t, err, ErrRemoved, false)
		}
		c.Close()
		if !strings.HasSuffix(f.calls(), test.want) {
			t.Errorf("%+v: %s", test, f.calls())
		}
	}
}

func TestConnReconnect(t *testing.T) {
	f := newFake("A")
	c := connected(t, f, nil)
	f.do(func() { f.lists[0].atr = []byte{0x3B, 0x80, 0x80, 0x01, 0x01} })
	if err := c.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.ATR(), f.lists[0].atr) {
		t.Errorf("ATR %X", c.ATR())
	}
	// A card that does not answer to reset is switched off and on.
	f.reconnects = []Error{codeUnresponsiveCard, codeOK}
	if err := c.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A card that is gone is not reset: pcscd could miss its return.
	f.remove("A")
	_, err := c.Transmit(t.Context(), getVersion)
	wantSent(t, err, ErrRemoved, false)
	err = c.Reconnect(t.Context())
	wantSent(t, err, ErrRemoved, false)
	f.insert("A")
	if err = c.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err = c.Transmit(t.Context(), getVersion); err != nil {
		t.Error(err)
	}
	if got, want := f.calls(), "connect 1; reconnect 1; reconnect 1; reconnect 2; transmit 9060000000; reconnect 0; "+
		"reconnect 0; reconnect 1; transmit 9060000000"; got != want {
		t.Errorf("calls %s\nwant  %s", got, want)
	}
}

func TestLimits(t *testing.T) {
	features := []byte{0x06, 4, 0x42, 0x33, 0x00, 0x06, 0x12, 4, 0x42, 0x33, 0x00, 0x12}
	for _, test := range []struct {
		name              string
		reader            string
		controls          map[uint32][]byte
		command, response int
	}{
		{"no features", "A", nil, 0, 0},
		{"no properties", "A", map[uint32][]byte{controlCode(3400): features[:6]}, 0, 0},
		{"short", "A", map[uint32][]byte{controlCode(3400): features, 0x42330012: {0x0A, 4, 0, 0, 0, 0}}, 0, 0},
		{"extended", "A", map[uint32][]byte{controlCode(3400): features, 0x42330012: {1, 2, 0, 1, 0x0A, 4, 0x00, 0x08, 0, 0}}, 2048 + 9, 2048 + 2},
		{"longest", "A", map[uint32][]byte{controlCode(3400): features, 0x42330012: {0x0A, 4, 0, 0, 1, 0}}, 65535 + 9, 65535 + 2},
		{"garbage", "A", map[uint32][]byte{controlCode(3400): features, 0x42330012: {0x0A, 4, 0}}, 0, 0},
		{"virtual", "Virtual PCD 00 00", nil, 65535, 65535},
	} {
		f := newFake(test.reader)
		f.controls = test.controls
		command, response, framing := connected(t, f, nil).Limits()
		if command != test.command || response != test.response || framing != desfire.FramingAuto {
			t.Errorf("%s: %d, %d, %v", test.name, command, response, framing)
		}
	}
}

func TestGetData(t *testing.T) {
	f := newFake("A")
	answers := map[string][]byte{
		"\xFF\xCA\x00\x00\x00": {0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x90, 0x00},
		"\xFF\xCA\x01\x00\x00": {0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x90, 0x00},
	}
	f.answer = func(command []byte) ([]byte, Error) { return answers[string(command)], codeOK }
	c := connected(t, f, nil)
	if uid, err := c.UID(t.Context()); err != nil || !bytes.Equal(uid, []byte{0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}) {
		t.Errorf("UID %X, %v", uid, err)
	}
	if ats, err := c.ATS(t.Context()); err != nil || !bytes.Equal(ats, []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}) {
		t.Errorf("ATS %X, %v", ats, err)
	}
	answers["\xFF\xCA\x01\x00\x00"] = []byte{0x6A, 0x81}
	if _, err := c.ATS(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ATS refused: %v", err)
	}
	f.remove("A")
	if _, err := c.UID(t.Context()); !errors.Is(err, ErrRemoved) {
		t.Errorf("UID of a card that is gone: %v", err)
	}
	f = newFake("Virtual PCD 00 00")
	c = connected(t, f, nil)
	if _, err := c.UID(t.Context()); !errors.Is(err, errors.ErrUnsupported) || strings.Contains(f.calls(), "FFCA") {
		t.Errorf("UID of a virtual reader: %v, %s", err, f.calls())
	}
}

func TestTransmitAllocates(t *testing.T) {
	f := newFake("A")
	c := connected(t, f, nil)
	f.mu.Lock()
	f.log = make([]string, 0, 10000)
	f.mu.Unlock()
	l := &canned{winscard: f}
	c.session.api = l // the owner has not touched it since the connection began
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.Transmit(ctx, getVersion); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for an exchange", n)
	}
}

// canned answers without a log.
type canned struct{ winscard }

func (*canned) transmit(_ handle, _ uint32, _, response []byte) (int, Error) {
	return copy(response, []byte{0x91, 0x00}), codeOK
}
