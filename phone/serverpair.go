package phone

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Errors of Server.Pair.
var (
	ErrWrongDigits = errors.New("these are not the digits that the phone shows: nothing was paired; if they were typed right, somebody stands between the two")
	ErrPairing     = errors.New("another pairing is under way")
	ErrTooMany     = errors.New("too many pairings have failed: wait ten minutes")
	ErrUnconfirmed = errors.New("the phone's person did not confirm: nothing was paired")
	errPairLate    = errors.New("it took longer than two minutes")
)

// pairing is a Pair under way, in which one phone may take part.
type pairing struct {
	taken bool
	conn  *conn // of the phone that takes part
	phone chan *candidate
}

// candidate is a phone that wants to be paired.
type candidate struct {
	*talk
	name   string
	key    Fingerprint
	first  *message
	digits string
	over   chan struct{} // closed when Pair is done with it
}

// Pair waits for one phone that wants to be paired, and asks for the digits that it shows:
// ask is given what the phone calls itself, and ends with its context, when the phone has
// left or two minutes are over. What it returns may have blanks in it. There is one try.
// With the right digits the phone is in the book when told, if not nil, is called, which
// says so to the person: until then the phone does not ask for that.
//
// Pair returns when the phone has confirmed. If it does not, the phone is taken out again
// where it says so, and stays if it only left.
func (s *Server) Pair(ctx context.Context, ask func(ctx context.Context, name string) (digits string, err error), told func(Phone)) (Phone, error) {
	now := s.clock.Now()
	failed, err := s.book.failures(now)
	if err != nil {
		return Phone{}, err
	}
	if failed >= failLimit {
		return Phone{}, ErrTooMany
	}
	p := &pairing{phone: make(chan *candidate)}
	s.mu.Lock()
	switch {
	case s.closing:
		err = ErrServerClosed
	case s.pairing != nil:
		err = ErrPairing
	default:
		s.pairing = p
	}
	s.mu.Unlock()
	if err != nil {
		return Phone{}, err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pairing = nil
	}()
	var c *candidate
	select {
	case c = <-p.phone:
	case <-ctx.Done():
		return Phone{}, ctx.Err()
	case <-s.ended:
		return Phone{}, ErrServerClosed
	}
	defer close(c.over)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := s.clock.After(pairLimit)
	finished := make(chan struct{})
	var watching sync.WaitGroup
	defer watching.Wait()
	defer close(finished)
	watching.Go(func() {
		select {
		case <-late:
			cancel(errPairLate)
		case <-s.ended:
			cancel(ErrServerClosed)
		case <-finished:
		}
	})
	phone, err := s.pair(ctx, c, ask, told)
	if err != nil {
		if note := s.book.fail(s.clock.Now()); note != nil {
			err = errors.Join(err, note)
		}
	}
	return phone, err
}

// pair asks for the digits, and takes the phone in.
func (s *Server) pair(ctx context.Context, c *candidate, ask func(context.Context, string) (string, error), told func(Phone)) (Phone, error) {
	if err := s.commit(ctx, c); err != nil {
		return Phone{}, err
	}
	asking, stop := c.bound(ctx)
	typed, err := ask(asking, c.name)
	cause := context.Cause(asking)
	stop()
	switch {
	case cause != nil && c.ended() == nil:
		code := Late
		if !errors.Is(cause, errPairLate) {
			code = Given
		}
		c.end(cause, code)
		return Phone{}, cause
	case cause != nil:
		return Phone{}, left(cause)
	case err != nil:
		c.end(err, Given)
		return Phone{}, err
	}
	if !sameDigits(typed, c.digits) {
		c.end(ErrWrongDigits, WrongCode)
		return Phone{}, ErrWrongDigits
	}
	phone, err := s.book.add(Phone{Name: c.name, Key: c.key, Paired: s.clock.Now().UTC().Truncate(time.Second)})
	if err != nil {
		c.end(err, NotAllowed)
		return Phone{}, err
	}
	if told != nil {
		told(phone)
	}
	c.say(&message{Type: typePaired, Name: s.book.Name(), As: phone.Name, Addresses: s.addresses()})
	m, err := c.hear(ctx, typeConfirmed, typeDenied)
	if err == nil && m.Type == typeDenied {
		err = ErrUnconfirmed
		if e := s.book.remove(c.key); e != nil {
			err = errors.Join(err, e)
		}
	} else if err != nil {
		err = fmt.Errorf("%s is paired, but it left before it confirmed: if it does not connect, revoke it and pair anew: %w", phone.Name, err)
	}
	return phone, err
}

// left says that the phone has left while it paired.
func left(why error) error {
	return fmt.Errorf("the phone left before it was paired: %w", why)
}

// sameDigits compares what was typed with what should have been.
func sameDigits(typed, want string) bool {
	typed = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' || r == '\t' {
			return -1
		}
		return r
	}, typed)
	return subtle.ConstantTimeCompare([]byte(typed), []byte(want)) == 1
}

// commit exchanges the nonces. From its first message on the one try is used.
func (s *Server) commit(ctx context.Context, c *candidate) error {
	first := c.first
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		c.end(err, NotAllowed)
		return err
	}
	second := (&message{Type: typeNonce, Name: s.book.Name(), Nonce: nonce}).encode()
	c.send(websocket.MessageText, second)
	m, err := c.hear(ctx, typeReveal)
	if err != nil {
		return left(err)
	}
	if len(m.Nonce) != nonceSize || !bytes.Equal(commitment(c.key, s.book.Key(), m.Nonce), first.Commitment) {
		return c.wrong("the nonce is not the one that the phone had committed to")
	}
	c.digits = pairingDigits(c.key, s.book.Key(), first.raw, second, m.Nonce, nonce)
	return nil
}

// candidate is the connection of somebody who wants to be paired.
func (s *Server) candidate(l *link, raw *stranger, first *message) {
	s.mu.Lock()
	p := s.pairing
	code := Code("")
	switch {
	case p == nil:
		code = NoPairing
	case p.taken:
		code = Busy
	default:
		p.taken, p.conn = true, l.conn
	}
	s.mu.Unlock()
	if code != "" {
		l.end(&ByeError{Code: code}, code)
		return
	}
	heard := make(chan *message, 1)
	l.mu.Lock()
	l.pairing = heard
	l.mu.Unlock()
	raw.known() // which bounds itself from here on
	c := &candidate{talk: &talk{l.conn, heard}, name: CleanName(first.Name), key: l.key, first: first, over: make(chan struct{})}
	select {
	case p.phone <- c:
		<-c.over
	case <-s.ended:
	}
	c.end(ErrServerClosed, GoingAway)
}

// failures counts the pairings that have failed of late.
func (b *Book) failures(now time.Time) (int, error) {
	if err := b.refresh(); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(recent(b.data.Failed, now)), nil
}

// fail takes note of a pairing that failed.
func (b *Book) fail(now time.Time) error {
	return b.change(func(d *bookData) error {
		d.Failed = append(recent(d.Failed, now), now.UTC())
		return nil
	})
}

func recent(all []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(all), func(t time.Time) bool {
		return now.Sub(t) > failPeriod || t.After(now) // a clock that was set back
	})
}
