package phone

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/coder/websocket"
)

// Pairing is what a phone asks of its person. Both are needed.
type Pairing struct {
	// Show shows the six digits, which the person types at the computer. They are good
	// once, for two minutes. It returns soon; what it showed stays until Pair returns.
	Show func(digits string)
	// Confirm asks whether the computer says that it is paired with this phone. Only a
	// person who looked at the computer can tell: somebody who stands between the two
	// can make the phone believe so, and then the computer says that the digits are wrong.
	Confirm func(ctx context.Context, computer string) (bool, error)
}

// ErrDenied is the error of Pair if the person does not confirm.
var ErrDenied = errors.New("the computer does not say that it is paired: nothing is kept")

// Pair pairs with the computer at an address, HOST or HOST:PORT, which has to be pairing
// (desfire phone pair). name is what the phone calls itself, for people. The Credential is
// the caller's to keep: it holds a new private key, for this computer alone. Pair ends
// with ctx.
func Pair(ctx context.Context, address, name string, p *Pairing) (*Credential, error) {
	if p == nil || p.Show == nil || p.Confirm == nil {
		return nil, errors.New("pair: want somebody to show the digits to and to confirm: Show and Confirm")
	}
	address, err := Address(address)
	if err != nil {
		return nil, fmt.Errorf("pair: %w", err)
	}
	self, err := newIdentity()
	if err != nil {
		return nil, fmt.Errorf("pair: %w", err)
	}
	c, err := pair(ctx, address, CleanName(name), self, p)
	if err != nil {
		return nil, fmt.Errorf("pair with %s: %w", address, err)
	}
	return c, nil
}

func pair(ctx context.Context, address, name string, self *identity, p *Pairing) (*Credential, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pairLimit+helloLimit, errors.New("it took longer than two minutes"))
	defer cancel()
	var peer Fingerprint
	ws, raw, err := connect(ctx, address, self, func(got Fingerprint) error { peer = got; return nil })
	if err != nil {
		return nil, err
	}
	t := newTalk(ws, raw, systemClock{}, false)
	defer t.leave()

	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	first := (&message{Type: typePair, Name: name, Commitment: commitment(self.id, peer, nonce)}).encode()
	t.send(websocket.MessageText, first)
	answer, err := t.hear(ctx, typeNonce)
	if err != nil {
		return nil, err
	}
	if len(answer.Nonce) != nonceSize {
		return nil, t.wrong("a nonce of %d bytes, want %d", len(answer.Nonce), nonceSize)
	}
	t.say(&message{Type: typeReveal, Nonce: nonce})
	p.Show(pairingDigits(self.id, peer, first, answer.raw, nonce, answer.Nonce))

	paired, err := t.hear(ctx, typePaired)
	if err != nil {
		return nil, err
	}
	computer := CleanName(answer.Name)
	confirming, stop := t.bound(ctx)
	defer stop()
	yes, err := p.Confirm(confirming, computer)
	switch {
	case err == nil && confirming.Err() != nil:
		err = context.Cause(confirming)
	case err == nil && !yes:
		err = ErrDenied
	}
	if err != nil {
		t.say(&message{Type: typeDenied})
		t.end(err, Given)
		return nil, err
	}
	c := &Credential{computer, CleanName(paired.As), peer, nil, self}
	c = c.at(address, paired.Addresses)
	t.say(&message{Type: typeConfirmed})
	t.end(ErrServerClosed, GoingAway) // after it has left
	return c, nil
}

// Config says how a phone is connected. The zero value is sensible.
type Config struct {
	clock clock // nil is the system's
}

func (c *Config) time() clock {
	if c == nil || c.clock == nil {
		return systemClock{}
	}
	return c.clock
}

// Link is a phone's connection to a computer that it is paired with.
type Link struct {
	*conn
	credential *Credential

	mu    sync.Mutex
	cards uint64   // offered so far
	offer *offered // the card that lies there
}

// Dial connects to the computer of a credential, at one of its addresses after the other.
// An error that is a *ByeError says that the computer does not want this phone; any other
// passes, as that nobody listens there.
func Dial(ctx context.Context, c *Credential, conf *Config) (*Link, error) {
	if c == nil {
		return nil, errors.New("connect: no credential")
	}
	var first error
	for _, address := range c.addresses {
		l, err := dial(ctx, c, address, conf.time())
		if err == nil {
			return l, nil
		}
		err = fmt.Errorf("connect to %s at %s: %w", c.computer, address, err)
		if errors.As(err, new(*ByeError)) {
			return nil, err
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// ErrOtherComputer says that what listens at an address is not the computer that the phone
// is paired with.
var ErrOtherComputer = errors.New("what listens there has another key than the computer that this phone is paired with")

func dial(ctx context.Context, c *Credential, address string, clock clock) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	ws, raw, err := connect(ctx, address, c.self, func(got Fingerprint) error {
		if got != c.peer {
			return ErrOtherComputer
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l := &Link{conn: newConn(ws, raw, clock, false)}
	welcome := make(chan *message, 1)
	l.start(func(m *message) error { return l.message(m, welcome) }, l.command)
	l.say(&message{Type: typeHello})
	select {
	case m := <-welcome:
		l.credential = c.at(address, m.Addresses)
		return l, nil
	case <-l.lost:
		<-l.done
		return nil, l.ended()
	case <-ctx.Done():
		l.Close()
		return nil, ctx.Err()
	}
}

// Credential is the credential as it is by now: with where the computer says to be. Keep
// it if it is not Equal to what was kept.
func (l *Link) Credential() *Credential { return l.credential }

// Done is closed when the connection has ended.
func (l *Link) Done() <-chan struct{} { return l.lost }

// Err is why it has ended; nil as long as it has not.
func (l *Link) Err() error { return l.ended() }

// Close ends the connection, and returns when nothing of it runs any more. The card that
// is offered is gone for the computer.
func (l *Link) Close() error {
	l.end(ErrServerClosed, GoingAway)
	<-l.done
	return nil
}

// connect makes a WebSocket to an address. check is asked of the key that is there.
func connect(ctx context.Context, address string, self *identity, check func(Fingerprint) error) (*websocket.Conn, net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	ws, err := upgrade(ctx, raw, self, check)
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	return ws, raw, nil
}

// upgrade makes a WebSocket of a connection.
func upgrade(ctx context.Context, raw net.Conn, self *identity, check func(Fingerprint) error) (*websocket.Conn, error) {
	tc := tls.Client(raw, self.tls(func(state tls.ConnectionState) error {
		got, err := peerOf(&state)
		if err != nil {
			return err
		}
		return check(got)
	}))
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return tc, nil },
		MaxResponseHeaderBytes: maxText,
		DisableKeepAlives:      true,
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ws, _, err := websocket.Dial(ctx, (&url.URL{Scheme: "wss", Host: "computer", Path: Path}).String(), &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{Protocol}})
	if err != nil {
		return nil, fmt.Errorf("what listens there does not speak %s: %s", Protocol, bounded(err.Error()))
	}
	if ws.Subprotocol() != Protocol {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("what listens there does not speak %s", Protocol)
	}
	return ws, nil
}
