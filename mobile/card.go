package mobile

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// Card is a card that is held to the phone. It is for one tap: a card that was taken away is a new
// Card when it is back.
type Card struct {
	card *desfire.Card
	conf Config
	end  time.Time // of the phone's session; zero: it does not end

	unprotected bool // something went less protected than the session could

	job    sync.Mutex // held by the job under way
	mu     sync.Mutex
	cancel context.CancelCauseFunc // of the job under way
}

// OpenCard finds out which card a tag is that takes frames. conf may be nil. The tag is closed with the Card, and
// when this fails.
func OpenCard(t Transceiver, conf *Config) (*Card, error) {
	if t == nil {
		return nil, usage("there is no tag")
	}
	conf = orUsual(conf)
	return open(newLink(conf.Reader, t), conf)
}

// OpenCard7816 finds out which card a tag is that takes the fields of APDUs. conf may be nil. The tag is closed with
// the Card, and when this fails.
func OpenCard7816(t Transceiver7816, conf *Config) (*Card, error) {
	if t == nil {
		return nil, usage("there is no tag")
	}
	conf = orUsual(conf)
	return open(newLink7816(conf.Reader, t), conf)
}

func orUsual(conf *Config) *Config {
	if conf == nil {
		return NewConfig()
	}
	return conf
}

func open(l *link, conf *Config) (*Card, error) {
	c := &Card{conf: *conf}
	if _, err := conf.readerID(); err != nil {
		_ = l.Close()
		return nil, err
	}
	if session := millis(conf.SessionTimeout); session > 0 {
		c.end = time.Now().Add(session)
	}
	ctx, done := c.context()
	defer done()
	own := &desfire.Config{Reader: conf.Reader, ExchangeTimeout: millis(conf.ExchangeTimeout), Observe: func(x *desfire.Exchange) {
		if x.Unprotected {
			c.unprotected = true
		}
	}}
	if conf.RequireEV2 {
		own.Weakest = key.MethodEV2First
	}
	card, err := desfire.Connect(ctx, l, own)
	if err == nil && card.Generation().Has(wire.FeatureApplications) {
		// Phones select an application before the app gets the tag.
		err = card.SelectApplication(ctx, wire.PICC)
	}
	if err != nil {
		_ = l.Close()
		return nil, failed(err)
	}
	c.card = card
	return c, nil
}

// Close lets go of the tag, and ends the job under way. A second call does nothing.
func (c *Card) Close() {
	if c.card != nil {
		_ = c.card.Close()
	}
	c.Cancel()
}

// Cancel ends the job under way, from any thread; without one it does nothing. The job returns at once, but for a change
// of a purse, which is made sure of first if it was begun.
func (c *Card) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel(errCancelled)
	}
}

// UID is the identifier of the card in hexadecimal; empty if it is random or not told.
func (c *Card) UID() string { return c.of().UID.String() }

// Product is what the card says it is, such as "DESFire EV3 4K". Nothing proves it.
func (c *Card) Product() string { return c.of().Product }

var (
	errCancelled = errors.New("cancelled")
	errSession   = errors.New("the phone's session with the card ends before this job could be sure of its end: present the card again")
)

// context is that of a job.
func (c *Card) context() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := func() { cancel(context.Canceled) }
	bound := millis(c.conf.JobTimeout)
	var end time.Time
	if bound > 0 {
		end = time.Now().Add(bound)
	}
	if !c.end.IsZero() && (end.IsZero() || c.end.Before(end)) {
		end = c.end
	}
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	if end.IsZero() {
		return ctx, stop
	}
	ctx, release := context.WithDeadline(ctx, end)
	return ctx, func() { release(); stop() }
}

// do runs a job, one at a time, and gives its result as JSON.
func (c *Card) do(f func(ctx context.Context, card *desfire.Card) (any, error)) (string, error) {
	if c.card == nil {
		return "", usage("the card is not open: OpenCard opens it")
	}
	if !c.job.TryLock() {
		return "", busy("the card")
	}
	defer c.job.Unlock()
	if !c.end.IsZero() && !time.Now().Before(c.end) {
		return "", failed(&linkError{err: errSession})
	}
	c.unprotected = false
	ctx, done := c.context()
	defer done()
	v, err := f(ctx, c.card)
	if err != nil {
		return "", failed(err)
	}
	return encode(v)
}

// on opens sessions on the card with the keys of an app.
func (c *Card) on(card *desfire.Card, keys *Keys) *unlock.OnCard {
	o := &unlock.Opener{Store: keys.store(), Plain: keys == nil}
	return o.On(card, keys.refs())
}
