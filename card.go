package desfire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// Card is a DESFire card in the field of a reader. It belongs to one goroutine
// at a time; using it from two at once is detected and reported as ErrBusy.
// Close may be called from any goroutine.
type Card struct {
	t        Transport
	conf     Config
	link     frame.Link
	version  *wire.Version
	hardware []byte // what GetVersion told before it was refused in the middle
	gen      Generation
	cardUID  []byte // that GetCardUID told in a session with MACs
	showsOld bool   // SetConfiguration changed what shows at the next activation only
	reader   string // where the card was presented, if known
	state    state
	busy     atomic.Bool
	closed   atomic.Bool

	// What the transport carries, bytes of a frame; 0 if it does not say.
	commandLimit, answerLimit int

	known    map[place]map[FileNo]*fileFacts // for as long as the Card lives
	held     securemsg.Channel               // whose keys are in memory
	watchers []*watcher

	nested  atomic.Bool // inside Transact
	dirty   atomic.Bool // something was authenticated or pending since the last activation
	removed bool        // the transport said that the card left
	sent    atomic.Uint64

	noScripts bool          // the transport said that it carries none
	spent     time.Duration // on a script whose commands are run now, until the first is told

	// Kept between exchanges, so that they do not allocate.
	coder  wire.Coder
	clock  deadline
	tx, rx []byte // sealed command, opened answer
	seen   Exchange
}

// Connect finds out what lies behind a transport and returns it as a Card,
// which owns the transport from then on. At PICC level, not authenticated.
//
// Unless the generation is given, it asks for the version, wrapped first, then
// native. One that refuses in the middle, twice, is taken by what it told until
// then; it has no KnownVersion. A card that understands neither gets an ISO SELECT of the DESFire
// name, as phones and Java cards want it, and is else a *NotDESFireError. conf is
// copied, and may be nil.
func Connect(ctx context.Context, t Transport, conf *Config) (*Card, error) {
	c := &Card{t: t}
	if conf != nil {
		c.conf = *conf
	}
	if c.conf.Observe != nil {
		c.watchers = append(c.watchers, &watcher{tell: c.conf.Observe})
	}
	if c.conf.Logger == nil {
		c.conf.Logger = slog.New(slog.DiscardHandler)
	}
	c.link = frame.Link{T: t, Framing: c.conf.Framing, MaxCommand: c.conf.MaxCommand}
	if l, ok := frame.Ability[limiter](t); ok {
		var framing Framing
		c.commandLimit, c.answerLimit, framing = l.Limits()
		if c.link.Framing == FramingAuto {
			c.link.Framing = framing
		}
		if c.link.MaxCommand == 0 && c.commandLimit > 0 {
			c.link.MaxCommand = min(c.commandLimit, frame.MaxFrame)
		}
	}
	c.gen, c.reader = c.conf.Generation, c.conf.Reader
	free := c.link.Framing == FramingAuto
	if free {
		c.link.Framing = FramingWrapped
	}
	if c.gen == wire.UnknownGeneration {
		if err := c.identify(ctx, free); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if s, ok := frame.Ability[sharer](t); ok && s.Shared() && c.gen.Has(wire.FeatureApplications) {
		// Another program may have left an application selected.
		if err := c.SelectApplication(ctx, wire.PICC); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// identify asks for the version in every way that cards understand. Statuses
// prove nothing here: whatever answers may be no DESFire card at all.
func (c *Card) identify(ctx context.Context, mayChange bool) error {
	first := c.askVersion(ctx)
	if errors.Is(first, wire.StatusCommandAborted) || c.hardware != nil {
		first = c.askVersion(ctx) // a chain that was left open earlier, or another program in between
	}
	if first == nil || lostCard(first) {
		return first
	}
	if !errors.Is(first, wire.StatusPICCDisabled) && !errors.Is(first, wire.StatusPICCIntegrityError) && c.takeHardware() {
		return nil
	}
	if c.link.Framing == FramingWrapped {
		if _, err := Do(ctx, c, &wire.ISOSelect{By: wire.SelectByName, Name: wire.PICCName[:], P2: wire.SelectNoData}); err == nil {
			if err = c.askVersion(ctx); err == nil {
				return nil
			}
		} else if lostCard(err) {
			return err
		}
	}
	var refused *CommandError
	if errors.As(first, &refused) && refused.Status.IsNative() {
		// It speaks DESFire, and wrapped.
		refused.Hint = "the card speaks DESFire, yet does not tell its version"
		return first
	}
	if mayChange {
		// Old cards latch the first framing they see, hence a new activation.
		switch err := reconnect(ctx, c.t); {
		case err == nil:
			c.link.Framing = FramingNative
			if err := c.askVersion(ctx); err == nil || lostCard(err) {
				return err
			}
			c.link.Framing = FramingWrapped
		case !errors.Is(err, errors.ErrUnsupported):
			return &TransportError{"reconnect", err, c.state.changed}
		}
	}
	var no *NotDESFireError
	if errors.As(first, &no) {
		return first
	}
	return &NotDESFireError{ATR: c.ATR(), Reason: first.Error()}
}

// takeHardware makes do with the first part of the version, where the card refuses
// the rest: it tells the generation.
func (c *Card) takeHardware() bool {
	if len(c.hardware) < 7 {
		return false
	}
	b := c.hardware
	v := wire.Version{Hardware: wire.ChipVersion{Vendor: b[0], Type: b[1], SubType: b[2], Major: b[3], Minor: b[4], Storage: b[5], Protocol: b[6]}}
	if !v.IsDESFire() {
		return false
	}
	c.gen, _ = v.Generation()
	c.conf.Logger.Info("the card refuses GetVersion in the middle; its UID is not known", "product", v.Product(), "as", c.gen)
	return true
}

// askVersion is Version where the card may not be a DESFire card.
func (c *Card) askVersion(ctx context.Context) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	c.state.broken, c.hardware = "", nil // there is nothing that could be confused
	_, err := c.askWhat(ctx, request{cmd: new(wire.GetVersion), rsp: new(wire.Version), trial: true})
	return err
}

// Reconnect activates the card anew: the session, the selection and whatever
// was pending are gone. The error says so if the transport cannot do it.
func (c *Card) Reconnect(ctx context.Context) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	err := reconnect(ctx, c.t)
	if errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("desfire: %v cannot reconnect: present the card again: %w", c.t, err)
	}
	c.state.forget("the card's activation ended")
	c.link.Open, c.cardUID, c.showsOld = false, nil, false // who comes back is not known
	if err != nil {
		return &TransportError{"reconnect", err, c.state.changed}
	}
	c.state.broken = ""
	c.dirty.Store(false)
	return nil
}

// Close ends the connection. It never waits for an exchange.
func (c *Card) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return nil
	}
	if c.busy.CompareAndSwap(false, true) { // no exchange is under way
		c.clock.release()
		c.state.drop("the card was closed")
		c.release()
	}
	if c.dirty.Load() {
		if r, ok := frame.Ability[resetter](c.t); ok {
			r.ResetOnClose(true) // never leave an authenticated card to the next program
		}
	}
	if cl, ok := frame.Ability[io.Closer](c.t); ok {
		return cl.Close()
	}
	return nil
}

// Transport is what carries the frames. It stays the Card's: use it only while the
// Card is not used, and leave no session behind.
func (c *Card) Transport() Transport { return c.t }

// Reader is the name of the reader the card was presented to, if known.
func (c *Card) Reader() string { return c.reader }

// ATR is what the reader reports about the card, nil if it does not. It is a copy,
// as Transport says.
func (c *Card) ATR() []byte {
	if a, ok := frame.Ability[atrHolder](c.t); ok {
		return a.ATR()
	}
	return nil
}

// Generation is what GetVersion or the configuration says.
func (c *Card) Generation() Generation { return c.gen }

// Sent is how many commands, parts of handshakes included, were sent so far: who
// finds it unchanged knows that nobody else used the Card meanwhile.
func (c *Card) Sent() uint64 { return c.sent.Load() }

// Framing is how commands travel.
func (c *Card) Framing() Framing { return c.link.Framing }

// Application is the selected application, PICC for the card level.
func (c *Card) Application() AID { return c.state.app }

// UID is the identifier that GetVersion told, 7 bytes, the caller's own; nil if
// it was not asked or the card has a random one. See CardUID and ProvenUID.
func (c *Card) UID() []byte {
	if c.version == nil || c.version.UID.IsZero() {
		return nil
	}
	return bytes.Clone(c.version.UID[:])
}

// ProvenUID is the card's real identifier as CardUID told it in an EV1, EV2 or
// LRP session of this activation: from a card that has the key, with a MAC. Nil if
// it did not. It is the caller's own.
func (c *Card) ProvenUID() []byte { return bytes.Clone(c.cardUID) }

// String names the card by product and UID.
func (c *Card) String() string {
	if c.version == nil {
		return fmt.Sprintf("DESFire %v", c.gen)
	}
	if uid := c.UID(); uid != nil {
		return fmt.Sprintf("%s %X", c.version.Product(), uid)
	}
	return c.version.Product() + " (random ID)"
}
