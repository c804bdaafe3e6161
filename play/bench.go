package play

import (
	"context"
	"crypto/rand"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
)

// ReaderName is what the reader of a Bench is called.
const ReaderName = "Simulated card"

// Config says how a Bench works. The zero value, and nil, is one that begins with
// the card that [Default] says.
type Config struct {
	// First is the card that lies there in the beginning; nil is Default.
	First *Recipe
	// Rand gives identifiers and random numbers of cards, and which bit is bent;
	// crypto/rand if nil. It is read by one goroutine at a time.
	Rand io.Reader
	// Now is the time of what happened; time.Now if nil.
	Now func() time.Time
	// Latency is how long exchanges take, as [sim.ReaderLatency] says of readers; nil:
	// no time.
	Latency *sim.Latency
}

// Bench is a reader with one simulated card, a [desfire.Source]. Its methods may be
// called from any goroutine, also while somebody works with the card.
type Bench struct {
	rand    io.Reader
	now     func() time.Time
	latency *sim.Latency

	masters *masters
	change  sync.Mutex // one at a time puts a card there, or lifts it

	mu      sync.Mutex // never held while a card or reader is asked
	lying   *lying
	log     []Happening
	changed chan struct{} // closed with the next change of State
}

// lying is the card that lies on the reader or was lifted off it, until another
// takes its place.
type lying struct {
	card   *sim.Card
	reader *simreader.Reader
	made   Card
	names  keyNames
	gone   context.Context // ends when another card takes its place
	leave  context.CancelFunc

	away  bool
	torn  bool // it lost its power in an exchange, and was not put back since
	plans plans
}

var _ desfire.Source = (*Bench)(nil)

// New makes a Bench with a card on it. The error is that of [Bench.Make].
func New(conf *Config) (*Bench, error) {
	if conf == nil {
		conf = &Config{}
	}
	b := &Bench{rand: conf.Rand, now: conf.Now, latency: conf.Latency, masters: newMasters(), changed: make(chan struct{})}
	if b.rand == nil {
		b.rand = rand.Reader
	} else {
		b.rand = &oneReader{r: b.rand}
	}
	if b.now == nil {
		b.now = time.Now
	}
	first := Default()
	if conf.First != nil {
		first = *conf.First
	}
	if err := b.Make(context.Background(), first); err != nil {
		return nil, err
	}
	return b, nil
}

// oneReader lets one goroutine at a time read.
type oneReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (o *oneReader) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.r.Read(p)
}

// here is the card that lies there, or was lifted.
func (b *Bench) here() *lying {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lying
}

// put puts a card in the place of the one that is there.
func (b *Bench) put(card *sim.Card, made Card, names keyNames, words string) {
	next := &lying{card: card, made: made, names: names}
	next.gone, next.leave = context.WithCancel(context.Background())
	next.reader = &simreader.Reader{Card: card, Name: ReaderName, Relay: &sim.Relay{}}
	next.reader.Relay.Meet = func(ctx context.Context, x *sim.Exchange) ([]byte, error) { return b.meet(ctx, next, x) }
	if old := b.here(); old != nil {
		old.reader.Lift()
		defer old.leave()
	}
	_ = next.reader.Return() // it has no store that could be locked
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lying = next
	b.happened(Made, words)
}

// Lift takes the card off the reader, as a hand would between two exchanges. It does
// nothing if the card is away.
func (b *Bench) Lift() {
	b.change.Lock()
	defer b.change.Unlock()
	l := b.here()
	b.mu.Lock()
	was := l.away
	l.away = true
	b.mu.Unlock()
	if was {
		return
	}
	l.reader.Lift()
	b.say(Lifted, "The card is lifted off the reader.")
}

// Return puts the card back, with its memory as it was left. It does nothing if the
// card lies there.
func (b *Bench) Return() {
	b.change.Lock()
	defer b.change.Unlock()
	l := b.here()
	b.mu.Lock()
	if !l.away {
		b.mu.Unlock()
		return
	}
	l.away, l.torn = false, false
	b.happened(Returned, "The card is put back.")
	b.mu.Unlock()
	_ = l.reader.Return()
}

// Events implements desfire.Source: the one reader, and whatever card lies there.
func (b *Bench) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: ReaderName}, nil) {
			return
		}
		for ctx.Err() == nil {
			if !b.here().events(ctx, yield) {
				return
			}
		}
	}
}

// events reports one card until another takes its place; false ends the report.
func (l *lying) events(ctx context.Context, yield func(desfire.Event, error) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.gone, cancel)()
	there := false
	for ev, err := range l.reader.Events(ctx) {
		if ev.Kind == desfire.ReaderAdded {
			continue
		}
		if !yield(ev, err) {
			return false
		}
		there = ev.Kind == desfire.CardInserted
	}
	if there && l.gone.Err() != nil {
		return yield(desfire.Event{Kind: desfire.CardRemoved, Reader: ReaderName}, nil)
	}
	return true
}
