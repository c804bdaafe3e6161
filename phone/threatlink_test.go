package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/go-desfire/desfire"
)

// result is what an exchange came to.
type result struct {
	answer []byte
	err    error
}

func transmit(tr *Transport, command ...byte) <-chan result {
	return transmitIn(context.Background(), tr, command...)
}

func transmitIn(ctx context.Context, tr *Transport, command ...byte) <-chan result {
	done := make(chan result, 1)
	go func() {
		a, err := tr.Transmit(ctx, command)
		done <- result{bytes.Clone(a), err}
	}()
	return done
}

func sentOf(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Sent()
}

// rawCard is a phone written a second time whose card is open.
func rawCard(t *testing.T, s *Server) (*rawPhone, *Transport, <-chan desfire.Event) {
	t.Helper()
	seen := events(t, s)
	p := rawPaired(t, s)
	next(t, seen, desfire.ReaderAdded)
	p.say(`{"type":"card","card":1,"atr":"3b8180018080"}`)
	ev := next(t, seen, desfire.CardInserted)
	done := make(chan *Transport, 1)
	go func() {
		tr, err := ev.Open(context.Background())
		if err != nil {
			t.Error(err)
			done <- nil
			return
		}
		done <- tr.(*Transport)
	}()
	m, _ := p.want("activate")
	p.say(fmt.Sprintf(`{"type":"active","n":%v}`, m["n"]))
	tr := within(t, "open card", done)
	if tr == nil {
		t.FailNow()
	}
	t.Cleanup(func() { tr.Close() })
	return p, tr, seen
}

func TestSecondPhone(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	p, tr, seen := rawCard(t, s)
	done := transmit(tr, 0x60)
	m, _ := p.want("command")
	if !bytes.Equal(m["command"].([]byte), []byte{0x60}) {
		t.Errorf("command % X", m["command"])
	}
	p.sayAnswer(m["n"].(uint64), []byte{0xAF, 1})
	if r := within(t, "answer", done); r.err != nil || !bytes.Equal(r.answer, []byte{0xAF, 1}) {
		t.Errorf("% X, %v", r.answer, r.err)
	}
	p.say(`{"type":"gone","card":1}`)
	next(t, seen, desfire.CardRemoved)
	if _, err := tr.Transmit(context.Background(), []byte{0x60}); !removed(err) || sentOf(err) {
		t.Errorf("after it has gone: %v", err)
	}
}

// An answer that was held back is never taken for that of another command; one that nobody
// waits for, or that comes twice, ends the connection.
func TestThreatHeldBackAnswer(t *testing.T) {
	t.Run("held back", func(t *testing.T) {
		s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
		p, tr, _ := rawCard(t, s)
		ctx, cancel := context.WithCancel(context.Background())
		first := transmitIn(ctx, tr, 0x6C, 1)
		old, _ := p.want("command")
		cancel()
		if r := within(t, "given up", first); !errors.Is(r.err, context.Canceled) || !sentOf(r.err) {
			t.Fatal(r.err)
		}
		p.want("release")
		again := make(chan error, 1)
		go func() { again <- tr.Reconnect(context.Background()) }()
		m, _ := p.want("activate")
		p.sayAnswer(old["n"].(uint64), []byte("old"))
		p.say(fmt.Sprintf(`{"type":"active","n":%v}`, m["n"]))
		if err := within(t, "reconnect", again); err != nil {
			t.Fatal(err)
		}
		second := transmit(tr, 0x6C, 2)
		m, _ = p.want("command")
		p.sayAnswer(m["n"].(uint64), []byte("new"))
		if r := within(t, "answer", second); string(r.answer) != "new" {
			t.Errorf("answer %q, %v", r.answer, r.err)
		}
	})
	for name, say := range map[string]func(p *rawPhone, n uint64){
		"twice":             func(p *rawPhone, n uint64) { p.sayAnswer(n, []byte("a")); p.sayAnswer(n, []byte("b")) },
		"from before":       func(p *rawPhone, n uint64) { p.sayAnswer(n-1, []byte("a")) },
		"not yet asked for": func(p *rawPhone, n uint64) { p.sayAnswer(n+1, []byte("a")) },
		"of another kind":   func(p *rawPhone, n uint64) { p.say(fmt.Sprintf(`{"type":"active","n":%d}`, n)) },
		"to nothing":        func(p *rawPhone, n uint64) { p.say(`{"type":"failed"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
			p, tr, _ := rawCard(t, s)
			done := transmit(tr, 0x60)
			m, _ := p.want("command")
			say(p, m["n"].(uint64))
			if code := p.ends(); code != "protocol" {
				t.Errorf("ended with %q", code)
			}
			if r := within(t, "exchange", done); name != "twice" && (r.err == nil || !sentOf(r.err) || !removed(r.err)) {
				t.Errorf("% X, %v", r.answer, r.err)
			}
			if _, err := tr.Transmit(context.Background(), []byte{1}); err == nil || sentOf(err) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// What a phone says of a command that it was given proves nothing: whether the card had it
// is open, and it is never sent a second time.
func TestThreatUnknownOutcome(t *testing.T) {
	for name, say := range map[string]func(p *rawPhone, n uint64){
		"failed": func(p *rawPhone, n uint64) {
			p.say(fmt.Sprintf(`{"type":"failed","n":%d,"sent":false,"text":"nothing was sent, honestly"}`, n))
		},
		"card gone":      func(p *rawPhone, n uint64) { p.say(`{"type":"gone","card":1}`) },
		"failed, gone":   func(p *rawPhone, n uint64) { p.say(fmt.Sprintf(`{"type":"failed","n":%d,"removed":true}`, n)) },
		"says goodbye":   func(p *rawPhone, n uint64) { p.say(`{"type":"bye","code":"going-away"}`) },
		"leaves":         func(p *rawPhone, n uint64) { p.ws.CloseNow() },
		"closes":         func(p *rawPhone, n uint64) { p.ws.Close(websocket.StatusNormalClosure, "") },
		"breaks the law": func(p *rawPhone, n uint64) { p.say(`{`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
			p, tr, _ := rawCard(t, s)
			done := transmit(tr, 0x0C, 1, 2, 3)
			m, _ := p.want("command")
			say(p, m["n"].(uint64))
			r := within(t, "exchange", done)
			if r.err == nil || !sentOf(r.err) {
				t.Errorf("% X, %v", r.answer, r.err)
			}
			if _, err := tr.Transmit(context.Background(), []byte{0x0C, 1, 2, 3}); err == nil || sentOf(err) {
				t.Errorf("a second one: %v", err)
			}
			tr.Close()
			for {
				m, _, err := p.hear()
				if err != nil || m["type"] == "release" || m["type"] == "bye" {
					break
				}
				if m["type"] == "command" {
					t.Errorf("it was sent again: %v", m)
				}
			}
		})
	}
}

// A phone that says nothing is noticed within seconds, and one that answers is not taken
// for it.
func TestThreatSilentPhone(t *testing.T) {
	clock := newFakeClock()
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{clock: clock})
	seen := events(t, s)
	p := rawPaired(t, s)
	next(t, seen, desfire.ReaderAdded)
	s.mu.Lock()
	l := s.links[Fingerprint(p.key)]
	s.mu.Unlock()
	for range 30 { // a minute
		clock.pass(pingEvery)
		p.say(`{"type":"pong"}`)
		eventually(t, "the pong is heard", func() bool {
			l.conn.mu.Lock()
			defer l.conn.mu.Unlock()
			return l.heard.Equal(clock.Now())
		})
	}
	if err := l.ended(); err != nil {
		t.Fatal(err)
	}
	began := clock.Now()
	eventually(t, "the phone is dead", func() bool { clock.pass(beat / 2); return l.ended() != nil })
	if !errors.Is(l.ended(), ErrSilent) {
		t.Error(l.ended())
	}
	ev := next(t, seen, desfire.ReaderRemoved)
	if !errors.Is(ev.Err, ErrSilent) {
		t.Error(ev.Err)
	}
	t.Logf("noticed after %v", clock.Now().Sub(began))
}

// Whatever a phone sends costs at most its own connection.
func TestThreatGarbage(t *testing.T) {
	for name, say := range map[string]func(p *rawPhone){
		"no JSON":      func(p *rawPhone) { p.say("hello") },
		"another type": func(p *rawPhone) { p.say(`{"type":"welcome"}`) },
		"a list":       func(p *rawPhone) { p.say(`[1]`) },
		"deep":         func(p *rawPhone) { p.say(strings.Repeat("[", 4000)) },
		"long text":    func(p *rawPhone) { p.say(`{"type":"` + strings.Repeat("x", 5000) + `"}`) },
		"card twice":   func(p *rawPhone) { p.say(`{"type":"card","card":2}`); p.say(`{"type":"card","card":3}`) },
		"card from before": func(p *rawPhone) {
			p.say(`{"type":"card","card":2}`)
			p.say(`{"type":"gone","card":2}`)
			p.say(`{"type":"card","card":2}`)
		},
		"no card and gone":    func(p *rawPhone) { p.say(`{"type":"gone","card":1}`) },
		"card without number": func(p *rawPhone) { p.say(`{"type":"card"}`) },
		"long ATR":            func(p *rawPhone) { p.say(`{"type":"card","card":1,"atr":"` + strings.Repeat("00", 65) + `"}`) },
		"ATR of half a byte":  func(p *rawPhone) { p.say(`{"type":"card","card":1,"atr":"3"}`) },
		"negative number":     func(p *rawPhone) { p.say(`{"type":"card","card":-1}`) },
		"pings":               func(p *rawPhone) { p.say(`{"type":"ping"}`) },
		"hello again":         func(p *rawPhone) { p.say(`{"type":"hello"}`) },
		"pairs in between":    func(p *rawPhone) { p.say(`{"type":"pair","name":"x"}`) },
		"empty binary":        func(p *rawPhone) { _ = p.ws.Write(p.Context(), websocket.MessageBinary, nil) },
		"binary of no kind":   func(p *rawPhone) { _ = p.ws.Write(p.Context(), websocket.MessageBinary, bytes.Repeat([]byte{9}, 20)) },
		"a command": func(p *rawPhone) {
			_ = p.ws.Write(p.Context(), websocket.MessageBinary, encodeCommand(1, 1, []byte{1}))
		},
		"a longest answer": func(p *rawPhone) { p.sayAnswer(1, make([]byte, MaxFrame)) },
		"one byte more":    func(p *rawPhone) { p.sayAnswer(1, make([]byte, MaxFrame+1)) },
		"a megabyte":       func(p *rawPhone) { p.sayAnswer(1, make([]byte, 1<<20)) },
		"cards without number": func(p *rawPhone) {
			for i := 1; i < 2*cardLimit; i++ {
				p.say(fmt.Sprintf(`{"type":"card","card":%d}`, i))
				p.say(fmt.Sprintf(`{"type":"gone","card":%d}`, i))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
			p := rawPaired(t, s)
			other := linked(t, paired(t, s, "other"))
			say(p)
			p.ends()
			eventually(t, "the connection ends", func() bool { return strings.Join(s.Connected(), ",") == "other" })
			if err := other.Err(); err != nil {
				t.Errorf("another phone: %v", err)
			}
		})
	}
}

// A phone that leaves request after request unanswered is left alone.
func TestThreatUnanswered(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	p, tr, _ := rawCard(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range maxOpen + 2 {
		tr.busy.Store(false)
		_, _, _, err := tr.l.call(ctx, tr.card, func(uint64) bool { return true }, false, nil)
		if err == nil {
			t.Fatal("answered")
		}
	}
	if err := tr.l.ended(); !errors.Is(err, errStuck) {
		t.Errorf("the connection: %v", err)
	}
	p.ends()
}

// The credential for one computer is of no use at another, and each has a key of its own.
func TestThreatTwoComputers(t *testing.T) {
	one, two := listening(t, newBookIn(t, t.TempDir()), ServerConfig{}), listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	a := attemptPair(t, one, "phone", asShown, true)
	b := attemptPair(t, two, "phone", asShown, true)
	if a.client != nil || b.client != nil {
		t.Fatal(a.client, b.client)
	}
	if a.credential.Key() == b.credential.Key() || a.credential.ComputerKey() == b.credential.ComputerKey() {
		t.Error("two computers, one key")
	}
	// The other computer at the address: it learns nothing, since it has another key.
	astray := *a.credential
	astray.addresses = []string{two.addr.String()}
	if _, err := Dial(t.Context(), &astray, nil); !errors.Is(err, ErrOtherComputer) {
		t.Errorf("led to the other computer: %v", err)
	}
	// A phone that believes the other computer's key: that one does not know it.
	astray.peer = two.book.Key()
	if _, err := Dial(t.Context(), &astray, nil); !errors.Is(err, &ByeError{Code: NotPaired}) {
		t.Errorf("at the other computer: %v", err)
	}
	linked(t, a.credential)
	linked(t, b.credential)
}

// A phone that pairs again is a second phone, and the old credential goes on until it is
// revoked; with the key that it had it takes its own place.
func TestThreatPairsTwice(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	a := attemptPair(t, s, "Phone", asShown, true)
	b := attemptPair(t, s, "phone", asShown, true)
	if a.client != nil || b.client != nil || a.phone.Name != "Phone" || b.phone.Name != "phone 2" || b.credential.Name() != "phone 2" {
		t.Fatal(a.client, b.client, a.phone, b.phone)
	}
	if _, err := s.book.Revoke("phone"); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), a.credential, nil); !errors.Is(err, &ByeError{Code: NotPaired}) {
		t.Errorf("revoked: %v", err)
	}
	linked(t, b.credential)
	if p, err := s.book.add(Phone{Name: "new name", Key: b.credential.Key()}); err != nil || p.Name != "new name" {
		t.Fatal(p, err)
	}
	if all, err := s.book.Phones(); err != nil || len(all) != 1 || all[0].Name != "new name" {
		t.Errorf("%v, %v", all, err)
	}
}

// Somebody has the credential: both ends notice, since only one of the two is connected,
// and revoking puts both out.
func TestThreatStolenCredential(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	c := paired(t, s, "phone")
	owner := linked(t, c)
	thief := linked(t, c)
	<-owner.Done()
	if err := owner.Err(); !errors.Is(err, &ByeError{Code: Replaced}) {
		t.Errorf("the owner hears %v", err)
	}
	if _, err := s.book.Revoke("phone"); err != nil {
		t.Fatal(err)
	}
	<-thief.Done()
	if err := thief.Err(); !errors.Is(err, &ByeError{Code: NotPaired}) {
		t.Errorf("the thief hears %v", err)
	}
	if _, err := Dial(t.Context(), c, nil); !errors.Is(err, &ByeError{Code: NotPaired}) {
		t.Errorf("afterwards: %v", err)
	}
}

// What lies at the computer makes nobody a phone, and what lies at either end is for its
// owner alone.
func TestThreatStolenFiles(t *testing.T) {
	dir := t.TempDir()
	s := listening(t, newBookIn(t, dir), ServerConfig{})
	c := paired(t, s, "phone")
	pretender := &Credential{"x", "phone", s.book.Key(), []string{s.addr.String()}, s.book.self}
	if _, err := Dial(t.Context(), pretender, nil); !errors.Is(err, &ByeError{Code: NotPaired}) {
		t.Errorf("with the computer's own key: %v", err)
	}
	file := filepath.Join(dir, "sub", "computer.json")
	if err := c.Write(file); err != nil {
		t.Fatal(err)
	}
	key, err := c.self.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		shown := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, any(c))
		if strings.Contains(shown, fmt.Sprint(c.self.key.D)) || strings.Contains(shown, fmt.Sprintf("%x", key[len(key)-40:])) { //nolint:staticcheck // D, to look for it
			t.Errorf("%s shows the key", verb)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, name := range []string{file, s.book.Path()} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
		if err := os.Chmod(name, 0o644); err != nil { //nolint:gosec // that is what is tested
			t.Fatal(err)
		}
	}
	if _, err := ReadCredential(file); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a credential that others can read: %v", err)
	}
	if _, err := OpenBook(s.book.Path()); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a book that others can read: %v", err)
	}
}

// Revocation, also by another program, ends what is open at once: no exchange begins any
// more, even before the program that serves has looked.
func TestThreatRevoked(t *testing.T) {
	dir := t.TempDir()
	clock := newFakeClock() // which stands: the book is looked at by exchanges alone
	s := listening(t, newBookIn(t, dir), ServerConfig{clock: clock})
	p, tr, seen := rawCard(t, s)
	done := transmit(tr, 0x60)
	m, _ := p.want("command")
	p.sayAnswer(m["n"].(uint64), []byte{0})
	if r := within(t, "answer", done); r.err != nil {
		t.Fatal(r.err)
	}
	if _, err := newBookIn(t, dir).Revoke("raw"); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Transmit(t.Context(), []byte{0x60}); err == nil || sentOf(err) || !removed(err) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("after it was revoked: %v", err)
	}
	if code := p.ends(); code != "not-paired" {
		t.Errorf("the phone hears %q", code)
	}
	next(t, seen, desfire.CardRemoved)
	next(t, seen, desfire.ReaderRemoved)
}

// One that is only connected is ended when the book is looked at, every 200 ms; an exchange
// under way ends with it. A book that cannot be read lets nobody stay.
func TestThreatRevokedIdle(t *testing.T) {
	for name, revoke := range map[string]func(t *testing.T, b *Book){
		"revoked": func(t *testing.T, b *Book) {
			if _, err := b.Revoke("raw"); err != nil {
				t.Fatal(err)
			}
		},
		"damaged": func(t *testing.T, b *Book) {
			if err := os.WriteFile(b.Path(), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, b *Book) {
			if err := os.Remove(b.Path()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			clock := newFakeClock()
			s := listening(t, newBookIn(t, dir), ServerConfig{clock: clock})
			p, tr, seen := rawCard(t, s)
			done := transmit(tr, 0x60)
			p.want("command")
			revoke(t, newBookIn(t, dir))
			clock.pass(bookEvery)
			if r := within(t, "exchange", done); r.err == nil || !sentOf(r.err) || !removed(r.err) {
				t.Errorf("an exchange under way: %v", r.err)
			}
			p.ends()
			next(t, seen, desfire.CardRemoved)
			next(t, seen, desfire.ReaderRemoved)
		})
	}
}

// Strangers that connect and say nothing keep nobody out for long, and phones that are
// connected not at all.
func TestThreatStrangers(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	phone := linked(t, paired(t, s, "phone"))
	var silent []interface{ Close() error }
	for range maxStrangersFrom {
		c, err := dialTCP(s.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	turned, err := dialTCP(s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer turned.Close()
	turned.SetReadDeadline(time.Now().Add(patience))
	if n, err := turned.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("one more was let in: %d, %v", n, err)
	}
	if phone.Err() != nil {
		t.Error(phone.Err())
	}
	for _, c := range silent {
		c.Close()
	}
	other := paired(t, s, "other")
	eventually(t, "there is room again", func() bool {
		l, err := Dial(t.Context(), other, nil)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
}

// What a phone calls itself, and what it says, reaches nobody's terminal as it is.
func TestThreatHostileWords(t *testing.T) {
	for name, want := range map[string]string{
		"\x1b[2Jgone": "2Jgone", "a\nb": "ab", "  Anna's   phone ": "Annas phone", "": "phone", "\u202e\u200b": "phone", "../../x": "....x",
		strings.Repeat("x", 99): strings.Repeat("x", 32), "\xff\xfe": "phone", "日本 ١": "日本 ١", "a:b\"c": "abc", "--yes": "--yes",
	} {
		if got := CleanName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	p, tr, _ := rawCard(t, s)
	done := transmit(tr, 0x60)
	m, _ := p.want("command")
	p.say(fmt.Sprintf(`{"type":"failed","n":%v,"text":"\u001b[2J%s"}`, m["n"], strings.Repeat("x", 1000)))
	if r := within(t, "exchange", done); r.err == nil || strings.ContainsRune(r.err.Error(), 0x1b) || len(r.err.Error()) > 400 {
		t.Errorf("the phone's words: %q", r.err)
	}
}
