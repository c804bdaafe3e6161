package web

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// reader is one reader and what lies on it.
type reader struct {
	id, name  string
	simulated bool // it is that of the bench
	now       func() time.Time
	traffic   *traffic
	asked     atomic.Bool // somebody looked at it

	mu       sync.Mutex
	present  bool
	ignored  string   // why it, or what lies on it, takes no part
	contact  string   // the same, of the reader alone
	lies     *arrival // the card that lies there
	stay     *stay
	job      *job // who works with the card
	starting int  // jobs that wait for the page's own reading to make way
	wants    bool // the page wants to read the card, when it may
	follow   map[*follower]bool
}

// arrival is one insertion of a card. Its context ends when the card leaves.
type arrival struct {
	ev   desfire.Event
	ctx  context.Context
	gone context.CancelCauseFunc

	tries int // readings that failed, guarded by the reader
}

// stay is what is known of a card that lies on a reader.
type stay struct {
	since   time.Time
	uid     []byte
	random  bool // the card shows a random one; uid is the real one, if it is known
	product string
	gen     wire.Generation
	card    *inspect.Card // nil: not read yet
	err     error         // why it could not be read, or not all of it
	keys    []trouble     // keys that did not fit
	extra   *report.Extra // nil: not asked for
	reading bool          // the page reads it, and card is not yet all
	whole   bool          // all was read that can be
}

// Trouble is why the card could not be read, for templates; nil if it could.
func (s *stay) Trouble() *trouble {
	if s.err == nil {
		return nil
	}
	t := explain(s.err)
	return &t
}

// Keys are those that did not fit, for templates.
func (s *stay) Keys() []trouble { return s.keys }

// look is a reader as it is at one moment. What it points to does not change.
type look struct {
	present bool
	stay    *stay
	ignored string
	job     *job
	wants   bool
}

func (r *reader) look() look {
	r.mu.Lock()
	defer r.mu.Unlock()
	return look{r.present, r.stay, r.ignored, r.job, r.wants}
}

// For templates.
func (l look) Card() bool      { return l.stay != nil }
func (l look) UID() []byte     { return l.stay.uid }
func (l look) Product() string { return l.stay.product }
func (l look) Trouble() bool   { return l.stay.err != nil }
func (l look) Ignored() string { return l.ignored }
func (l look) Reading() bool   { return l.job != nil && l.job.own }

// Unread reports whether a card lies there that nobody reads, has read, or tried to read.
func (l look) Unread() bool {
	return l.stay != nil && l.job == nil && !l.wants && l.stay.card == nil && l.stay.err == nil
}

// Working is the job of somebody that works with the card.
func (l look) Working() *jobView {
	if l.job == nil || l.job.own {
		return nil
	}
	v := l.job.view()
	return &v
}

// happened takes an event of this reader, and gives it to the jobs that follow it.
func (r *reader) happened(ev desfire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ev.Kind {
	case desfire.ReaderAdded:
		r.present, r.contact, r.ignored = true, ev.Ignored, ev.Ignored
	case desfire.CardInserted:
		r.present = true
		r.left(errCardLeft)
		if ev.Ignored != "" || ev.Open == nil {
			if r.ignored = ev.Ignored; r.ignored == "" {
				r.ignored = "it cannot be opened"
			}
			break
		}
		a := &arrival{ev: ev}
		a.ctx, a.gone = context.WithCancelCause(context.Background())
		r.lies, r.stay = a, &stay{since: r.now()}
	case desfire.CardRemoved:
		r.left(errCardLeft)
	case desfire.ReaderRemoved:
		r.present = false
		r.left(errReaderLeft)
	case desfire.ServiceLost:
		r.present = false
		r.left(errServiceLost)
	}
	for f := range r.follow {
		f.put(ev, r.lies)
	}
}

// left ends the stay of a card.
func (r *reader) left(why error) {
	if r.lies != nil {
		r.lies.gone(why)
	}
	r.lies, r.stay, r.ignored, r.wants = nil, nil, r.contact, false
}

type arrivalKey struct{}

// arrivalOf is the card that a job began with; nil if it waits for cards itself.
func arrivalOf(ctx context.Context) *arrival {
	a, _ := ctx.Value(arrivalKey{}).(*arrival)
	return a
}

// update changes what is known of the card of an arrival, if that is still there; a
// nil one is whatever lies there.
func (r *reader) update(a *arrival, change func(*stay)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a != nil && r.lies != a || r.stay == nil {
		return
	}
	now := *r.stay
	change(&now)
	r.stay = &now
}

// open connects to the card of an event, through the tap of the page.
func (r *reader) open(ctx context.Context, ev desfire.Event) (desfire.Transport, error) {
	t, err := ev.Open(ctx)
	if err != nil {
		return nil, err
	}
	return r.traffic.wrap(t), nil
}

// follower is a job that waits for what happens at its reader.
type follower struct {
	mu   sync.Mutex
	evs  []desfire.Event
	more chan struct{}
}

// mostBehind is how many events a follower may lag behind. Then it learns what is,
// and not all that was.
const mostBehind = 64

func (f *follower) put(ev desfire.Event, lies *arrival) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.evs = append(f.evs, ev); len(f.evs) > mostBehind {
		f.evs = []desfire.Event{{Kind: desfire.CardRemoved, Reader: ev.Reader}}
		if lies != nil {
			f.evs = append(f.evs, lies.ev)
		}
	}
	select {
	case f.more <- struct{}{}:
	default:
	}
}

func (f *follower) take() []desfire.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	evs := f.evs
	f.evs = nil
	return evs
}

// Events are those of this reader alone, for jobs that wait for a lost card. It is
// a desfire.Source.
func (r *reader) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		f := &follower{more: make(chan struct{}, 1)}
		r.mu.Lock()
		if r.follow == nil {
			r.follow = map[*follower]bool{}
		}
		r.follow[f] = true
		f.put(desfire.Event{Kind: desfire.ReaderAdded, Reader: r.name}, nil)
		if r.lies != nil {
			f.put(r.lies.ev, nil)
		}
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			delete(r.follow, f)
			r.mu.Unlock()
		}()
		for {
			for _, ev := range f.take() {
				if ev.Open != nil {
					at := ev
					ev.Open = func(ctx context.Context) (desfire.Transport, error) { return r.open(ctx, at) }
				}
				if !yield(ev, nil) {
					return
				}
			}
			select {
			case <-f.more:
			case <-ctx.Done():
				return
			}
		}
	}
}
