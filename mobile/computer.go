package mobile

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/phone"
)

// TagOpener opens a tag, as often as the computer wants the card activated anew. The app implements it.
type TagOpener interface {
	// Open activates the tag and gives it: close and connect of IsoDep. What was opened before is closed by then.
	Open() (Transceiver, error)
}

// TagOpener7816 opens a tag that takes the fields of APDUs. The app implements it.
type TagOpener7816 interface {
	// Open activates the tag and gives it: connect of the session. What was opened before is closed by then.
	Open() (Transceiver7816, error)
}

// States that a ComputerWatcher is told.
const (
	StateConnected    = "connected"    // to the computer
	StateDisconnected = "disconnected" // or not to be reached: it is tried again
	StateOffered      = "offered"      // the computer has the card
	StateUnoffered    = "unoffered"    // and has it no more
	StateEnded        = "ended"        // it is not tried again: revoked, replaced or closed
)

// ComputerWatcher is told how a Computer is. The app implements it; calls do not overlap, and none may call the Computer.
type ComputerWatcher interface {
	// Changed tells the state, and why in words, where that is known.
	Changed(state, why string)
}

// Computer is a computer that uses this phone as a reader. It keeps connected, and connects again, until Close, or until
// the computer revokes the phone.
type Computer struct {
	watcher ComputerWatcher
	events  chan desfire.Event
	ctx     context.Context //nolint:containedctx // ends with Close
	end     context.CancelFunc
	over    chan struct{}

	offer sync.Mutex // held while a card is offered

	mu         sync.Mutex
	credential *phone.Credential
	err        error
}

// ConnectComputer connects to the computer of a credential, and returns at once. watcher may be nil.
func ConnectComputer(credential string, watcher ComputerWatcher) (*Computer, error) {
	parsed, err := phone.ParseCredential([]byte(credential))
	if err != nil {
		return nil, coded(CodeInput, err)
	}
	c := &Computer{watcher: watcher, credential: parsed, events: make(chan desfire.Event), over: make(chan struct{})}
	c.ctx, c.end = context.WithCancel(context.Background())
	go func() {
		defer close(c.over)
		err := phone.Run(c.ctx, parsed, tags{c}, &phone.RunConfig{Observe: c.observe})
		if c.ctx.Err() != nil {
			err = nil
		}
		c.end()
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		c.tell(StateEnded, err)
	}()
	return c, nil
}

func (c *Computer) observe(e phone.RunEvent) {
	switch e.Kind {
	case phone.Connected:
		c.mu.Lock()
		c.credential = e.Credential
		c.mu.Unlock()
		c.tell(StateConnected, nil)
	case phone.Disconnected:
		c.tell(StateDisconnected, e.Err)
	case phone.Offered:
		c.tell(StateOffered, nil)
	case phone.Unoffered:
		c.tell(StateUnoffered, e.Err)
	}
}

func (c *Computer) tell(state string, err error) {
	if c.watcher == nil {
		return
	}
	why := ""
	if err != nil {
		why = explain(err).What
	}
	c.watcher.Changed(state, why)
}

// Name is what the computer calls itself.
func (c *Computer) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credential == nil {
		return ""
	}
	return c.credential.Computer()
}

// Credential is the credential as it is by now, with where the computer says to be: keep it in place of the old one.
func (c *Computer) Credential() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credential == nil {
		return "", errNoComputer()
	}
	text, err := c.credential.Encode()
	return string(text), failed(err)
}

// Close ends the connection, and an offer with it.
func (c *Computer) Close() {
	if c.end == nil {
		return
	}
	c.end()
	<-c.over
}

func errNoComputer() error {
	return usage("there is no computer: ConnectComputer connects to one")
}

// Offer offers a card that takes frames, until it leaves or the Computer ends. It returns without an error when the card
// has left. conf may be nil.
func (c *Computer) Offer(tag TagOpener, conf *Config) error {
	if tag == nil {
		return usage("there is no tag")
	}
	name := orUsual(conf).Reader
	return c.offered(name, opening(tag.Open, func(t Transceiver) *link { return newLink(name, t) }))
}

// Offer7816 is Offer for a card that takes the fields of APDUs.
func (c *Computer) Offer7816(tag TagOpener7816, conf *Config) error {
	if tag == nil {
		return usage("there is no tag")
	}
	name := orUsual(conf).Reader
	return c.offered(name, opening(tag.Open, func(t Transceiver7816) *link { return newLink7816(name, t) }))
}

// opening has the app open its tag, and links to it.
func opening[T comparable](open func() (T, error), join func(T) *link) func() (*link, error) {
	return func() (*link, error) {
		t, err := open()
		var none T
		if err == nil && t == none {
			err = errNoTag
		}
		if err != nil {
			return nil, err
		}
		return join(t), nil
	}
}

var errNoTag = errors.New("the app opened no tag")

// looking is how often it is asked whether a card is still there.
const looking = 250 * time.Millisecond

// offered offers a card until it leaves.
func (c *Computer) offered(name string, open func() (*link, error)) error {
	switch {
	case c.end == nil:
		return errNoComputer()
	case !c.offer.TryLock():
		return busy("the computer")
	}
	defer c.offer.Unlock()
	tag := &openTag{open: open}
	if err := tag.activate(c.ctx); err != nil {
		return coded(CodeNoCard, err)
	}
	defer tag.close()
	if !c.send(desfire.Event{Kind: desfire.CardInserted, Reader: name, Open: tag.Open}) {
		return c.why()
	}
	defer c.send(desfire.Event{Kind: desfire.CardRemoved, Reader: name})
	every := time.NewTicker(looking)
	defer every.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return c.why()
		case <-every.C:
			if tag.left(c.ctx) {
				return nil
			}
		}
	}
}

func (c *Computer) send(e desfire.Event) bool {
	select {
	case c.events <- e:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// why is why it has ended.
func (c *Computer) why() error {
	<-c.over
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return coded(CodeRefused, c.err)
	}
	return failed(errCancelled)
}

// tags are the cards that are offered, as a Source.
type tags struct{ c *Computer }

// Events implements desfire.Source.
func (s tags) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for {
			select {
			case e := <-s.c.events:
				if !yield(e, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// openTag is a tag that is activated several times, one after the other. In between it is activated once more, so that its
// leaving is noticed.
type openTag struct {
	open func() (*link, error)

	turn  sync.Mutex
	last  *link
	ready bool // last is activated, and nobody has it yet
	gone  bool
}

// activate opens the tag, after what was opened before has ended.
func (t *openTag) activate(ctx context.Context) error {
	if t.last != nil {
		_ = t.last.Close()
		select {
		case <-t.last.shut:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l, err := t.open()
	if err != nil {
		t.gone = true
		return &linkError{err: err, removed: true}
	}
	t.last, t.ready = l, true
	return nil
}

// Open is that of an event: a new activation.
func (t *openTag) Open(ctx context.Context) (desfire.Transport, error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	if !t.ready {
		if err := t.activate(ctx); err != nil {
			return nil, err
		}
	}
	t.ready = false
	return t.last, nil
}

// left reports whether the card has left.
func (t *openTag) left(ctx context.Context) bool {
	if !t.turn.TryLock() {
		return false // it is being opened
	}
	defer t.turn.Unlock()
	if t.gone {
		return true
	}
	over, gone := t.last.state()
	switch {
	case gone:
		return true
	case over:
		return t.activate(ctx) != nil
	}
	return !t.last.present()
}

func (t *openTag) close() {
	t.turn.Lock()
	defer t.turn.Unlock()
	if t.last != nil {
		_ = t.last.Close()
		<-t.last.shut
	}
}
