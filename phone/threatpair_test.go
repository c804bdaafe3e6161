package phone

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pairing computer: Pair in a goroutine. The digits come from a channel, or the asking is
// given up.
type pairingComputer struct {
	asked chan string // names
	typed chan string
	done  chan error
}

func pairingOn(t *testing.T, ctx context.Context, s *Server) *pairingComputer {
	t.Helper()
	c := &pairingComputer{make(chan string, 1), make(chan string, 1), make(chan error, 1)}
	go func() {
		_, err := s.Pair(ctx, func(ctx context.Context, name string) (string, error) {
			c.asked <- name
			select {
			case d := <-c.typed:
				return d, nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}, nil)
		c.done <- err
	}()
	eventually(t, "pairing", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.pairing != nil })
	return c
}

// nonePaired checks that nobody was taken in.
func nonePaired(t *testing.T, s *Server) {
	t.Helper()
	if all, err := s.book.Phones(); err != nil || len(all) != 0 {
		t.Errorf("paired: %v, %v", all, err)
	}
}

// A phone that is written by the page alone pairs.
func TestSecondImplementation(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	c := pairingOn(t, t.Context(), s)
	p := connectRaw(t, s.addr.String())
	c.typed <- p.pairRaw("raw")
	m, _ := p.want("paired")
	if m["as"] != "raw" || m["name"] != s.book.Name() {
		t.Errorf("paired: %v", m)
	}
	p.say(`{"type":"confirmed"}`)
	if err := within(t, "pairing", c.done); err != nil {
		t.Fatal(err)
	}
}

// Somebody stands between the two, with connections of its own to both, and passes on what
// it can: the digits differ, and the computer takes nobody in.
func TestThreatMiddle(t *testing.T) {
	real := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	fake := listening(t, newBookIn(t, t.TempDir()), ServerConfig{}) // the middle, as the phone sees it
	c := pairingOn(t, t.Context(), real)
	m := pairingOn(t, t.Context(), fake)
	shown, phoneDone := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := Pair(t.Context(), fake.addr.String(), "phone", &Pairing{
			Show:    func(d string) { shown <- d },
			Confirm: func(context.Context, string) (bool, error) { return false, nil }, // the computer says that the digits are wrong
		})
		phoneDone <- err
	}()
	digits := within(t, "digits", shown)
	towards := connectRaw(t, real.addr.String()) // the middle, as the computer sees it
	if known := towards.pairRaw("phone"); known == digits {
		t.Errorf("the digits are the same at both ends: %s", known) // by chance once in a million
	}
	c.typed <- digits
	if err := within(t, "the computer", c.done); !errors.Is(err, ErrWrongDigits) {
		t.Errorf("the computer says %v", err)
	}
	if code := towards.ends(); code != "wrong-code" {
		t.Errorf("the middle hears %q", code)
	}
	nonePaired(t, real)
	m.typed <- digits // the middle knows them, and makes the phone believe
	if err := within(t, "the phone", phoneDone); !errors.Is(err, ErrDenied) {
		t.Errorf("the phone: %v", err)
	}
	if err := within(t, "the middle", m.done); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("the middle: %v", err)
	}
}

// A nonce that was chosen after that of the computer was heard is none.
func TestThreatCommitment(t *testing.T) {
	for name, reveal := range map[string]string{
		"another nonce":   strings.Repeat("5b", 32),
		"too short":       strings.Repeat("5a", 31),
		"nothing":         "",
		"more than there": strings.Repeat("5a", 33),
	} {
		t.Run(name, func(t *testing.T) {
			s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
			c := pairingOn(t, t.Context(), s)
			p := connectRaw(t, s.addr.String())
			own, _ := hex.DecodeString(strings.Repeat("5a", 32))
			p.say(fmt.Sprintf(`{"type":"pair","name":"x","commitment":%q}`, rawCommitment(p.key, p.computer, own)))
			p.want("nonce")
			p.say(`{"type":"reveal","nonce":"` + reveal + `"}`)
			if err := within(t, "the computer", c.done); err == nil {
				t.Error("paired")
			}
			if code := p.ends(); code != "protocol" {
				t.Errorf("ended with %q", code)
			}
			nonePaired(t, s)
		})
	}
	t.Run("that of another phone", func(t *testing.T) {
		s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
		c := pairingOn(t, t.Context(), s)
		p := connectRaw(t, s.addr.String())
		own, _ := hex.DecodeString(strings.Repeat("5a", 32))
		p.say(fmt.Sprintf(`{"type":"pair","name":"x","commitment":%q}`, rawCommitment(make([]byte, 32), p.computer, own)))
		p.want("nonce")
		p.say(`{"type":"reveal","nonce":"` + hex.EncodeToString(own) + `"}`)
		if err := within(t, "the computer", c.done); err == nil {
			t.Error("paired")
		}
		nonePaired(t, s)
	})
}

// Who has seen the nonce of the computer has used the one try: by leaving and coming again
// nobody gets another one.
func TestThreatOneTry(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	c := pairingOn(t, t.Context(), s)
	first := connectRaw(t, s.addr.String())
	first.pairRaw("first")
	second := connectRaw(t, s.addr.String())
	second.say(`{"type":"pair","name":"second","commitment":"00"}`)
	if code := second.ends(); code != "busy" {
		t.Errorf("a second phone hears %q", code)
	}
	within(t, "question", c.asked)
	first.ws.CloseNow()
	if err := within(t, "the computer", c.done); err == nil || !strings.Contains(err.Error(), "left before it was paired") {
		t.Errorf("the phone left: %v", err)
	}
	third := connectRaw(t, s.addr.String())
	third.say(`{"type":"pair","name":"third","commitment":"00"}`)
	if code := third.ends(); code != "no-pairing" {
		t.Errorf("a third phone hears %q", code)
	}
	nonePaired(t, s)
}

// Five pairings that fail are enough for ten minutes, whoever asks.
func TestThreatGuessedDigits(t *testing.T) {
	clock := newFakeClock()
	dir := t.TempDir()
	s := listening(t, newBookIn(t, dir), ServerConfig{clock: clock})
	for range failLimit {
		c := pairingOn(t, t.Context(), s)
		p := connectRaw(t, s.addr.String())
		c.typed <- p.pairRaw("x") + "0"
		if err := within(t, "the computer", c.done); !errors.Is(err, ErrWrongDigits) {
			t.Fatal(err)
		}
		p.ends()
	}
	pair := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Pair(ctx, nil, nil)
		return err
	}
	if err := pair(); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if n, err := newBookIn(t, dir).failures(clock.Now()); err != nil || n != failLimit {
		t.Errorf("another program counts %d, %v", n, err)
	}
	clock.pass(failPeriod + time.Second)
	if err := pair(); !errors.Is(err, context.Canceled) {
		t.Errorf("ten minutes later: %v", err)
	}
}

// Digits are good for two minutes.
func TestThreatOldDigits(t *testing.T) {
	clock := newFakeClock()
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{clock: clock})
	c := pairingOn(t, t.Context(), s)
	p := connectRaw(t, s.addr.String())
	digits := p.pairRaw("slow")
	within(t, "question", c.asked)
	s.mu.Lock()
	candidate := s.pairing.conn
	s.mu.Unlock()
	for range 60 {
		clock.pass(2 * time.Second)
		p.say(`{"type":"pong"}`)
		eventually(t, "the pong is heard", func() bool {
			candidate.mu.Lock()
			defer candidate.mu.Unlock()
			return candidate.heard.Equal(clock.Now()) || candidate.err != nil
		})
	}
	c.typed <- digits
	if err := within(t, "the computer", c.done); !errors.Is(err, errPairLate) {
		t.Errorf("typed too late: %v", err)
	}
	p.ends()
	nonePaired(t, s)
}

// Without TLS 1.3, a key, or this very protocol there is no conversation, and none with
// browsers.
func TestThreatDowngrade(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	cert, _ := rawKey(t)
	certs := []tls.Certificate{cert}
	for name, test := range map[string]struct {
		conf   *tls.Config
		header http.Header
		proto  []string
	}{
		"TLS 1.2":               {&tls.Config{Certificates: certs, MaxVersion: tls.VersionTLS12}, nil, []string{Protocol}},
		"no certificate":        {&tls.Config{}, nil, []string{Protocol}},
		"a page in a browser":   {&tls.Config{Certificates: certs}, http.Header{"Origin": {"https://" + s.addr.String()}}, []string{Protocol}},
		"another page":          {&tls.Config{Certificates: certs}, http.Header{"Origin": {"https://example.org"}}, []string{Protocol}},
		"HTTP/2 and no version": {&tls.Config{Certificates: certs, NextProtos: []string{"h2"}}, nil, nil},
	} {
		p, err := rawDial(t, s.addr.String(), test.conf, test.header, test.proto...)
		if err == nil {
			p.say(`{"type":"hello"}`)
			if m, _, err := p.hear(); err == nil {
				t.Errorf("%s: heard %v", name, m)
			}
		}
	}
	for _, protocols := range [][]string{nil, {"desfire-phone.v0"}, {"chat"}} {
		p, err := rawDial(t, s.addr.String(), &tls.Config{Certificates: certs}, nil, protocols...)
		if err != nil {
			continue
		}
		p.say(`{"type":"hello"}`)
		if m, _, err := p.hear(); err == nil {
			t.Errorf("%v: heard %v", protocols, m)
		}
	}
	resp, err := http.Get("http://" + s.addr.String() + Path)
	if err == nil {
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusSwitchingProtocols || resp.StatusCode == http.StatusOK {
			t.Errorf("without TLS: %d %s", resp.StatusCode, b)
		}
	}
	// The phone's end: a computer that speaks TLS 1.2 only, or another protocol, is none.
	self, err := newIdentity()
	if err != nil {
		t.Fatal(err)
	}
	conf := self.tls(func(tls.ConnectionState) error { return nil })
	if conf.MinVersion != tls.VersionTLS13 || !conf.SessionTicketsDisabled {
		t.Errorf("TLS of both ends: %x, tickets off %v", conf.MinVersion, conf.SessionTicketsDisabled)
	}
}
