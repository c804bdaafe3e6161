package phone

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// attempt is one pairing, both ends of it.
type attempt struct {
	phone      Phone
	credential *Credential
	computer   error // of the computer's end
	client     error // of the phone's
	told       bool
}

// attemptPair pairs; typed makes what is typed at the computer of the digits shown.
func attemptPair(t *testing.T, s *Server, name string, typed func(string) string, confirm bool) (a attempt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	shown := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.phone, a.computer = s.Pair(ctx, func(_ context.Context, who string) (string, error) {
			if who != CleanName(name) {
				t.Errorf("the computer is told of %q, not of %q", who, name)
			}
			return typed(within(t, "digits", shown)), nil
		}, func(Phone) { a.told = true })
	}()
	waitPairing(t, s)
	a.credential, a.client = Pair(ctx, s.addr.String(), name, &Pairing{
		Show:    func(digits string) { shown <- digits },
		Confirm: func(context.Context, string) (bool, error) { return confirm, nil },
	})
	within(t, "the computer's end", done)
	return a
}

// waitPairing waits until the computer pairs.
func waitPairing(t *testing.T, s *Server) {
	t.Helper()
	eventually(t, "the computer pairs", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.pairing != nil
	})
}

func asShown(digits string) string { return digits }

func TestPair(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	a := attemptPair(t, s, "Anna's phone", func(d string) string { return " " + d[:3] + " " + d[3:] + " " }, true)
	if a.computer != nil || a.client != nil || !a.told {
		t.Fatalf("computer %v, phone %v, told %v", a.computer, a.client, a.told)
	}
	if a.phone.Name != "Annas phone" || a.credential.Name() != a.phone.Name || a.credential.Computer() != s.book.Name() {
		t.Errorf("phone %+v, %v", a.phone, a.credential)
	}
	text, err := a.credential.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseCredential(text)
	if err != nil || !again.Equal(a.credential) {
		t.Fatalf("%v, %v", again, err)
	}
	linked(t, again)
	if s.Connected()[0] != "Annas phone" {
		t.Errorf("connected: %q", s.Connected())
	}
	if !strings.Contains(again.String(), "Annas phone") {
		t.Error(again)
	}
}

// One wrong digit is the end of it, at both ends.
func TestPairWrongDigits(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	a := attemptPair(t, s, "phone", func(d string) string { return d[:5] + string('0'+(d[5]-'0'+1)%10) }, true)
	if !errors.Is(a.computer, ErrWrongDigits) || !errors.Is(a.client, &ByeError{Code: WrongCode}) || a.told || a.credential != nil {
		t.Errorf("computer %v, phone %v, told %v", a.computer, a.client, a.told)
	}
	if all, err := s.book.Phones(); err != nil || len(all) != 0 {
		t.Errorf("paired: %v, %v", all, err)
	}
}

// A person who does not see the computer say so has paired nothing.
func TestPairDenied(t *testing.T) {
	s := listening(t, newBookIn(t, t.TempDir()), ServerConfig{})
	a := attemptPair(t, s, "phone", asShown, false)
	if !errors.Is(a.computer, ErrUnconfirmed) || !errors.Is(a.client, ErrDenied) || a.credential != nil {
		t.Errorf("computer %v, phone %v", a.computer, a.client)
	}
	if all, err := s.book.Phones(); err != nil || len(all) != 0 {
		t.Errorf("paired: %v, %v", all, err)
	}
}
