package gate

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
)

// Config says what a gate works with.
type Config struct {
	// Source is where cards are presented. A card that another program has is tried
	// again for as long as it lies there.
	Source desfire.Source
	// Purse is what is moved, with its Keys and its Journal, which outlive the gate.
	Purse purse.Config
	// Card is that of each card; nil is its zero value.
	Card *desfire.Config

	// Debit is what each card pays that is presented; 0: nothing without an order.
	Debit int32
	// Every is how long after a debit the next one follows while the card lies there;
	// 0: there is one for each presentation.
	Every time.Duration
	// Again is how long after a debit the same card, presented again, does not pay: a card
	// in a weak field leaves and comes back. 0 is none.
	Again time.Duration

	// Wait is how long an order waits for its card; 0 is 30 s.
	Wait time.Duration

	// Foreign settles what other gates left open on a card, before it is debited, and
	// returns what it found out; see Elsewhere. It may be nil. What it cannot settle does not
	// keep the card from paying. Cards that do not tell their UID in clear are not looked at.
	Foreign func(ctx context.Context, card *desfire.Card, p *purse.Purse, at purse.CardApp) ([]*purse.Receipt, error)

	// OnEvent is told what happens, one event at a time. It may be nil.
	OnEvent func(Event)

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now

	after func(time.Duration) <-chan time.Time // tests: of desfire.Keep
}

const defaultWait = 30 * time.Second

// Gate debits cards. Its methods may be called from several goroutines.
type Gate struct {
	conf    Config
	readers *readers
	telling sync.Mutex

	mu      sync.Mutex
	flights map[string]*flight   // orders under way, by their ID
	waiting map[string]int       // orders that wait for a card, by reader; "" of any
	paid    map[string]time.Time // cards that do not pay again yet, by UID
}

// New makes a gate. A *purse.ConfigError says what could not prove anything.
func New(conf Config) (*Gate, error) {
	if err := conf.Purse.Check(); err != nil {
		return nil, err
	}
	if conf.Wait <= 0 {
		conf.Wait = defaultWait
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	return &Gate{
		conf: conf, readers: &readers{source: conf.Source, held: map[string]chan struct{}{}},
		flights: map[string]*flight{}, waiting: map[string]int{}, paid: map[string]time.Time{},
	}, nil
}

// Run debits cards as they come until ctx ends, which is no error: the debit that is
// under way is ended first. An error is that of the source. Without a Debit it only
// waits.
func (g *Gate) Run(ctx context.Context) error {
	if g.conf.Debit <= 0 {
		<-ctx.Done()
		return nil
	}
	var passing sync.WaitGroup
	defer passing.Wait()
	lying := map[string]*presentation{}
	for ev, err := range g.readers.Events(ctx) {
		if err != nil {
			return err
		}
		switch ev.Kind {
		case desfire.CardInserted, desfire.CardRemoved, desfire.ReaderRemoved:
			if p := lying[ev.Reader]; p != nil {
				close(p.gone)
				delete(lying, ev.Reader)
			}
		case desfire.ServiceLost:
			for reader, p := range lying {
				close(p.gone)
				delete(lying, reader)
			}
		}
		if ev.Kind == desfire.CardInserted && ev.Ignored == "" && ev.Open != nil && ctx.Err() == nil {
			p := &presentation{ev, make(chan struct{})}
			lying[ev.Reader] = p
			passing.Go(func() { g.pass(ctx, p) })
		}
	}
	return nil
}
