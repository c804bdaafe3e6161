package phone

import (
	"context"
	"errors"
	"sync"

	"github.com/go-desfire/desfire"
)

// RunEvent is what happens while Run goes on.
type RunEvent struct {
	Kind   RunKind
	Err    error  // why, for Disconnected and Unoffered
	Reader string // Offered and Unoffered
	// Credential is that of the connection, for Connected: to keep if it is not Equal to
	// what was kept.
	Credential *Credential
}

// RunKind is what happened.
type RunKind uint8

// Kinds of events.
const (
	Connected    RunKind = iota + 1 // to the computer
	Disconnected                    // or not to be reached; it is tried again
	Offered                         // a card is offered
	Unoffered                       // it is offered no more
)

func (k RunKind) String() string {
	names := [...]string{"", "connected", "disconnected", "offered", "unoffered"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// RunConfig says how Run works. The zero value, and nil, are sensible.
type RunConfig struct {
	Config
	// Observe is told what happens, if not nil. Calls do not overlap.
	Observe func(RunEvent)
}

// Run offers the cards of a source to a computer, one at a time, and connects again when
// the connection is lost or nobody listens there, after at most two seconds. It ends with
// ctx, with the source, or with a *ByeError when the computer has revoked the phone or
// another uses the same credential.
func Run(ctx context.Context, c *Credential, source desfire.Source, conf *RunConfig) error {
	r := &runner{credential: c, changed: make(chan struct{})}
	if conf != nil {
		r.conf = *conf
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	ended := make(chan error, 1)
	watching.Go(func() { ended <- r.watch(ctx, source) })
	linked := make(chan error, 1)
	watching.Go(func() { linked <- r.connect(ctx) })
	select {
	case err := <-ended:
		cancel()
		<-linked
		return err
	case err := <-linked:
		return err
	}
}

type runner struct {
	conf       RunConfig
	credential *Credential

	telling sync.Mutex
	mu      sync.Mutex
	lying   []*insertion
	changed chan struct{} // closed and made anew when lying changes
}

// insertion is a card on a reader, until it is removed.
type insertion struct {
	event desfire.Event
	ctx   context.Context //nolint:containedctx // ends when it is removed
	end   context.CancelFunc
	done  bool // not to be offered any more
}

func (r *runner) tell(e RunEvent) {
	if r.conf.Observe != nil {
		r.telling.Lock()
		defer r.telling.Unlock()
		r.conf.Observe(e)
	}
}

// watch keeps the list of cards that lie there.
func (r *runner) watch(ctx context.Context, source desfire.Source) error {
	for ev, err := range source.Events(ctx) {
		if err != nil {
			return err
		}
		r.mu.Lock()
		switch ev.Kind {
		case desfire.CardInserted, desfire.CardRemoved, desfire.ReaderRemoved, desfire.ServiceLost:
			kept := r.lying[:0]
			for _, i := range r.lying {
				if ev.Kind == desfire.ServiceLost || i.event.Reader == ev.Reader {
					i.end()
					continue
				}
				kept = append(kept, i)
			}
			r.lying = kept
			if ev.Kind == desfire.CardInserted && ev.Ignored == "" && ev.Open != nil {
				in, end := context.WithCancel(ctx)
				r.lying = append(r.lying, &insertion{event: ev, ctx: in, end: end})
			}
			close(r.changed)
			r.changed = make(chan struct{})
		}
		r.mu.Unlock()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("the source of cards has ended")
}

// connect keeps connected.
func (r *runner) connect(ctx context.Context) error {
	clock := r.conf.time()
	for retry := firstRetry; ; {
		l, err := Dial(ctx, r.credential, &r.conf.Config)
		if err == nil {
			r.credential = l.Credential()
			r.tell(RunEvent{Kind: Connected, Credential: r.credential})
			began := clock.Now()
			err = r.serve(ctx, l)
			_ = l.Close()
			if clock.Now().Sub(began) > deadAfter || errors.Is(err, &ByeError{Code: GoingAway}) {
				retry = firstRetry
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.tell(RunEvent{Kind: Disconnected, Err: err})
		var bye *ByeError
		if errors.As(err, &bye) && (bye.Code == NotPaired || bye.Code == Replaced) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-clock.After(retry):
		}
		retry = min(2*retry, lastRetry)
	}
}

// serve offers cards on a link until it ends.
func (r *runner) serve(ctx context.Context, l *Link) error {
	for {
		r.mu.Lock()
		changed := r.changed
		var card *insertion
		for _, i := range r.lying {
			if !i.done {
				card = i
				break
			}
		}
		r.mu.Unlock()
		if card == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-l.Done():
				return l.Err()
			case <-changed:
			}
			continue
		}
		r.tell(RunEvent{Kind: Offered, Reader: card.event.Reader})
		err := l.OfferCard(card.ctx, Card{ATR: card.event.ATR, Open: card.event.Open})
		r.tell(RunEvent{Kind: Unoffered, Reader: card.event.Reader, Err: err})
		if err := l.Err(); err != nil {
			return err
		}
		r.mu.Lock()
		card.done = true // gone, or it will be told to be
		r.mu.Unlock()
	}
}
