package mobile

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/phone"
	"github.com/go-desfire/desfire/sim"
)

const patience = time.Minute

func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("not reached")
	}
}

// person types at the computer what the phone shows, and looks.
type person struct {
	digits chan string
	agrees bool
}

func (p *person) ShowDigits(digits string) { p.digits <- digits }
func (p *person) Confirm(string) bool      { return p.agrees }

// watcher is told how a computer is.
type watcher struct{ states chan string }

func (w *watcher) Changed(state, why string) { w.states <- state }

func (w *watcher) wait(t *testing.T, state string) {
	t.Helper()
	for {
		if within(t, "state "+state, w.states) == state {
			return
		}
	}
}

// androidTag and iosTag are tags that a person holds to a phone, and takes away.
type heldTag struct {
	mu    sync.Mutex
	picc  *sim.Card
	last  *air
	away  bool
	opens int
	t     testing.TB
}

func (h *heldTag) open() (*air, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opens++
	switch {
	case h.away:
		return nil, errTagLost
	case h.last != nil && h.last.Present():
		return nil, errors.New("it was not closed before it was opened again")
	}
	h.last = tap(h.t, h.picc)
	return h.last, nil
}

func (h *heldTag) takeAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = true
	h.last.mu.Lock()
	h.last.gone = true
	h.last.mu.Unlock()
	h.last.leave()
}

type androidTag struct{ *heldTag }

func (a androidTag) Open() (Transceiver, error) {
	air, err := a.open()
	if err != nil {
		return nil, err
	}
	return &isoDep{air: air, max: 261, connected: true}, nil
}

type iosTag struct{ *heldTag }

func (a iosTag) Open() (Transceiver7816, error) {
	air, err := a.open()
	if err != nil {
		return nil, err
	}
	return &tag7816{air: air}, nil
}

// computerAt is a computer that waits for phones, and its book.
func computerAt(t *testing.T) (*phone.Server, *phone.Book) {
	t.Helper()
	book, err := phone.OpenBook(filepath.Join(t.TempDir(), "phones.json"))
	must(t, err)
	s, err := phone.Listen(book, &phone.ServerConfig{Listen: "127.0.0.1:0"})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s, book
}

// pair pairs, with a person at both ends.
func pair(t *testing.T, s *phone.Server, agrees bool) (credential string, failure error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	who := &person{digits: make(chan string, 1), agrees: agrees}
	done := make(chan error, 1)
	go func() {
		_, err := s.Pair(ctx, func(context.Context, string) (string, error) { return <-who.digits, nil }, nil)
		done <- err
	}()
	for {
		credential, failure = NewPairing(who).Pair(s.Addr().String(), "my phone")
		if failure == nil || !errors.Is(failure, &phone.ByeError{Code: phone.NoPairing}) {
			break // else the computer does not pair yet
		}
	}
	if err := within(t, "end of the pairing", done); (err == nil) != (failure == nil) {
		t.Errorf("the computer says %v, the phone %v", err, failure)
	}
	return credential, failure
}

// TestComputer lets a computer use both kinds of phones as readers, with cards that come, are activated several times,
// and go.
func TestComputer(t *testing.T) {
	s, book := computerAt(t)
	credential, err := pair(t, s, true)
	must(t, err)
	told := &watcher{states: make(chan string, 100)}
	computer, err := ConnectComputer(credential, told)
	must(t, err)
	defer computer.Close()
	told.wait(t, StateConnected)
	if computer.Name() == "" {
		t.Error("the computer has no name")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events := make(chan desfire.Event, 100)
	go func() {
		for e, err := range s.Events(ctx) {
			if err == nil {
				events <- e
			}
		}
	}()
	for _, kind := range []string{"android", "iphone"} {
		held := &heldTag{picc: newPurseCard(t), t: t}
		offered := make(chan error, 1)
		go func() {
			if kind == "android" {
				offered <- computer.Offer(androidTag{held}, nil)
				return
			}
			offered <- computer.Offer7816(iosTag{held}, nil)
		}()
		var in desfire.Event
		for in.Kind != desfire.CardInserted {
			in = within(t, "card at the computer", events)
		}
		for range 3 { // three programs, one after the other
			transport, err := in.Open(ctx)
			must(t, err)
			card, err := desfire.Connect(ctx, transport, nil)
			must(t, err)
			if err := card.SelectApplication(ctx, 0xF48121); err != nil {
				t.Fatal(err)
			}
			must(t, card.Authenticate(ctx, 1, aes(t, moverKey, 7)))
			if v, err := card.Value(ctx, 1); err != nil || v != 100 {
				t.Errorf("%s: value %d, %v", kind, v, err)
			}
			card.Close()
		}
		if err := computer.Offer(androidTag{held}, nil); err == nil || Explain(err).Code != CodeNoCard {
			t.Errorf("%s: a second offer: %v", kind, err)
		}
		held.takeAway()
		if err := within(t, "end of the offer", offered); err != nil {
			t.Errorf("%s: the card left: %v", kind, err)
		}
		var out desfire.Event
		for out.Kind != desfire.CardRemoved {
			out = within(t, "removal at the computer", events)
		}
	}
	if kept, err := computer.Credential(); err != nil || !strings.Contains(kept, "{") {
		t.Errorf("the credential: %v", err)
	}
	if _, err := book.Revoke("my phone"); err != nil {
		t.Fatal(err)
	}
	told.wait(t, StateEnded)
	if err := computer.Offer(androidTag{&heldTag{picc: newPurseCard(t), t: t}}, nil); err == nil || Explain(err).Code != CodeRefused {
		t.Errorf("an offer of a phone that was revoked: %v", err)
	}
}

// TestPairingDenied: a person who does not see the computer say so keeps nothing, and one who gives up neither.
func TestPairingDenied(t *testing.T) {
	s, _ := computerAt(t)
	credential, err := pair(t, s, false)
	if credential != "" || err == nil || Explain(err).Code != CodeRefused {
		t.Errorf("%q, %v", credential, err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections and says nothing
	must(t, err)
	defer silent.Close()
	p := NewPairing(&person{digits: make(chan string, 1)})
	done := make(chan error, 1)
	go func() {
		_, err := p.Pair(silent.Addr().String(), "my phone")
		done <- err
	}()
	conn, err := silent.Accept()
	must(t, err)
	defer conn.Close()
	p.Cancel()
	if err := within(t, "end of the pairing", done); Explain(err).Code != CodeInterrupted {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := p.Pair("127.0.0.1:1", "my phone"); err == nil || Explain(err).Code != CodeUsage {
		t.Errorf("a pairing used twice: %v", err)
	}
	if _, err := ConnectComputer("{}", nil); err == nil || Explain(err).Code != CodeInput {
		t.Errorf("a credential that is none: %v", err)
	}
}
