package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/wire"
)

// MandateConfig says who wants to move which values alone. Conn stays the caller's.
type MandateConfig struct {
	Conn  *nats.Conn
	Fleet string
	Agent string
	Place wire.Place // the application of the purse

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
}

// Mandate is the right to move the values of cards alone, granted by the centre for a
// short time and renewed. It is a purse.Lease, for a purse whose Others are OthersNothing. Its epoch is another
// one whenever the right was not held without a gap: it ends by the clock here
// before it ends by the centre's, as long as the two run at the same speed but for 6 percent.
type Mandate struct {
	conf MandateConfig
	at   remote.Subjects

	mu   sync.Mutex
	held map[string]*holding // by UID
	ring bell
}

// HeldError says that a mandate is not granted now.
type HeldError struct {
	UID  string
	Why  string
	Wait time.Duration // before asking again; 0: unknown
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("ledger: the mandate of card %s is not granted: %s", e.UID, e.Why)
}

// NewMandate makes one. Run has to run, so that mandates are renewed.
func NewMandate(conf MandateConfig) (*Mandate, error) {
	for _, name := range []string{conf.Fleet, conf.Agent} {
		if err := remote.CheckName(name); err != nil {
			return nil, err
		}
	}
	if conf.Conn == nil {
		return nil, errors.New("ledger: no connection")
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	return &Mandate{conf: conf, at: remote.Subjects{Fleet: conf.Fleet}, held: map[string]*holding{}, ring: newBell()}, nil
}

// holding is one mandate as its holder sees it.
type holding struct {
	nonce string
	epoch string // empty: not granted
	asked time.Time
	until time.Duration // after asked
	ttl   time.Duration
	tried time.Time // to renew it
}

// elapsed is how long ago it was, by the clock that ran further: one of them stands still where the machine sleeps.
func elapsed(now, then time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// is reports whether it is held.
func (h *holding) is(now time.Time) bool {
	return h.epoch != "" && elapsed(now, h.asked) < h.until && now.Sub(h.asked) >= 0
}

// granted takes over an answer to what was asked for at a time. false: it came too late, or in between the
// mandate was not held.
func (h *holding) granted(asked, now time.Time, a *MandateAnswer) bool {
	until := a.For - a.For/8
	switch {
	case a.Refused != "" || a.Epoch == "" || a.For <= 0 || a.For > time.Hour || len(a.Epoch) > 100:
		return false
	case h.epoch != "" && (h.epoch != a.Epoch || !h.is(now)):
		return false // it was lost
	case elapsed(now, asked) >= until:
		return false
	}
	h.epoch, h.asked, h.until, h.ttl = a.Epoch, asked, until, a.For
	return true
}

// Epoch implements purse.Lease.
func (m *Mandate) Epoch(uid []byte) (epoch string, held bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := m.card(uid).UID
	h := m.held[key]
	if h == nil {
		return "", false
	}
	if !h.is(m.conf.Now()) {
		if h.epoch != "" {
			delete(m.held, key)
		}
		return "", false
	}
	return h.epoch, true
}

func (m *Mandate) card(uid []byte) purse.CardApp {
	return purse.CardApp{UID: strings.ToUpper(hex.EncodeToString(uid)), App: m.conf.Place.String()}
}

// Hold asks for the mandate of a card, which is renewed from then on, until Release. It fails with *HeldError if
// it is not granted. Holding what is held does nothing.
func (m *Mandate) Hold(ctx context.Context, uid []byte) error {
	if _, held := m.Epoch(uid); held {
		return nil
	}
	card := m.card(uid)
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := &holding{nonce: hex.EncodeToString(b[:])}
	for failures := 0; ; failures++ {
		asked := m.conf.Now()
		a, err := m.ask(ctx, opAcquire, card, h.nonce)
		if err != nil {
			if failures < 2 && ctx.Err() == nil && !errors.Is(err, nats.ErrNoResponders) {
				continue // the same nonce is the same mandate
			}
			return err
		}
		if a.Refused != "" {
			return &HeldError{card.UID, shortened(a.Refused), a.Wait}
		}
		m.mu.Lock()
		ok := h.granted(asked, m.conf.Now(), a)
		if ok {
			m.held[card.UID] = h
		}
		m.mu.Unlock()
		if ok {
			m.ring.ring()
			return nil
		}
		if failures >= 2 {
			return &HeldError{card.UID, "its answers come too late", 0}
		}
	}
}

// Release gives the mandate of a card up. Where the centre does not hear of it, it lapses there.
func (m *Mandate) Release(ctx context.Context, uid []byte) error {
	card := m.card(uid)
	m.mu.Lock()
	h := m.held[card.UID]
	delete(m.held, card.UID) // first of all
	m.mu.Unlock()
	if h == nil {
		return nil
	}
	_, err := m.ask(ctx, opRelease, card, h.nonce)
	return err
}

func (m *Mandate) ask(ctx context.Context, op string, card purse.CardApp, nonce string) (*MandateAnswer, error) {
	b, err := remote.Encode(MandateAsk{version, op, card, nonce}, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := m.conf.Conn.RequestWithContext(ctx, m.at.Mandate(m.conf.Agent), b)
	if err != nil {
		return nil, fmt.Errorf("ledger: the mandate of card %s: %w", card.UID, err)
	}
	a := new(MandateAnswer)
	if _, err := remote.Decode(r.Data, a); err != nil {
		return nil, fmt.Errorf("ledger: the mandate of card %s: %w", card.UID, err)
	}
	return a, nil
}

// Run renews what is held until ctx ends, which is its error.
func (m *Mandate) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		due, next := m.due()
		for uid, h := range due {
			m.renew(ctx, uid, h)
		}
		if len(due) == 0 {
			m.ring.wait(ctx, next)
		}
	}
	return ctx.Err()
}

// due are the mandates to be renewed now, and when the next is.
func (m *Mandate) due() (due map[string]*holding, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.conf.Now()
	next = time.Second
	for uid, h := range m.held {
		if !h.is(now) {
			delete(m.held, uid)
			m.conf.Logger.Warn("a mandate was lost", "uid", uid)
			continue
		}
		left := h.ttl/3 - elapsed(now, h.asked)
		if !h.tried.IsZero() {
			left = max(left, h.ttl/20-elapsed(now, h.tried))
		}
		switch {
		case left <= 0 && len(due) < 100:
			if due == nil {
				due = map[string]*holding{}
			}
			due[uid], h.tried = h, now
		case left > 0:
			next = min(next, left)
		}
	}
	return due, next
}

func (m *Mandate) renew(ctx context.Context, uid string, h *holding) {
	asked := m.conf.Now()
	limited, cancel := context.WithTimeout(ctx, max(cmp.Or(h.ttl, time.Second)/4, time.Second/10))
	defer cancel()
	a, err := m.ask(limited, opRenew, purse.CardApp{UID: uid, App: m.conf.Place.String()}, h.nonce)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[uid] != h {
		return // released meanwhile
	}
	switch {
	case err != nil:
		m.conf.Logger.Info("a mandate is not renewed yet", "uid", uid, "error", err)
	case a.Refused != "":
		delete(m.held, uid)
		m.conf.Logger.Warn("a mandate was lost", "uid", uid, "why", shortened(a.Refused))
		return
	}
	if err == nil {
		h.granted(asked, m.conf.Now(), a)
	}
}
