package tcp

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/go-desfire/desfire"
)

// How often an absent card is looked for: soon after it left, then more calmly.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// Source is a reader whose card is a server: the card is inserted when it
// answers at the address, and removed when the connection is lost.
type Source struct {
	addr string
	cfg  Config
}

var _ desfire.Source = (*Source)(nil)

// NewSource makes a Source of HOST:PORT. A nil Config is the zero value.
func NewSource(addr string, c *Config) *Source {
	s := &Source{addr: addr}
	if c != nil {
		s.cfg = *c
	}
	return s
}

func (s *Source) String() string { return "tcp:" + s.addr }

// Events reports one reader, and its card each time it comes and goes, until
// ctx ends. The connection that found the card becomes the Transport of the
// first Open. Errors are never yielded: an absent server is an empty reader.
func (s *Source) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return s.events(ctx, func(error) bool { return true })
}

// events is Events that tells why there is no card. An error for which absent
// returns false ends it.
func (s *Source) events(ctx context.Context, absent func(error) bool) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: s.String()}, nil) {
			return
		}
		cfg := s.cfg
		for {
			c, err := s.find(ctx, &cfg, absent)
			if err != nil {
				yield(desfire.Event{Reader: s.String()}, err)
			}
			if c == nil {
				return
			}
			if c.atr != nil && cfg.ATRTimeout == 0 {
				cfg.ATRTimeout = forever // a server that is silent from now on serves another client
			}
			p := present(s.addr, cfg, c)
			stop := context.AfterFunc(ctx, func() { p.leave(ctx.Err()) })
			inserted := desfire.Event{Kind: desfire.CardInserted, Reader: s.String(), ATR: slices.Clone(c.atr), Open: p.open}
			if !yield(inserted, nil) {
				return
			}
			<-p.gone
			stop()
			removed := desfire.Event{Kind: desfire.CardRemoved, Reader: s.String(), Err: p.why}
			if ctx.Err() != nil || !yield(removed, nil) {
				return
			}
			sleep(ctx, firstRetry)
		}
	}
}

const forever = 1 << 62

// find waits for the card; nil when ctx ends.
func (s *Source) find(ctx context.Context, cfg *Config, absent func(error) bool) (*conn, error) {
	busy := func() { absent(unreachable(s.addr, ErrInUse)) }
	for retry := firstRetry; ctx.Err() == nil; retry = min(retry*2, lastRetry) {
		c, err := reach(ctx, s.addr, cfg, busy)
		if err == nil {
			return c, nil
		}
		if err := unreachable(s.addr, err); !over(ctx) && !absent(err) {
			return nil, err
		}
		sleep(ctx, retry)
	}
	return nil, nil
}

// over reports whether ctx has ended or is about to: what had to be done by its deadline
// may end a moment before.
func over(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(end)
}
