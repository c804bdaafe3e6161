package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// OpensConfig says who wants to know what is open. Conn stays the caller's.
type OpensConfig struct {
	Conn  *nats.Conn
	Fleet string
	Agent string
	// Memory is how many bytes of entries are kept at most; 0 is 8 MiB. Of what does not fit is known that
	// it is open, and no more.
	Memory int

	Logger *slog.Logger // nil: none
}

// Opens knows which entries of other agents are open, so that who sees such a card can settle it
// (purse.Purse.SettleOther), without the centre as well. See Run. Its methods may be called from several
// goroutines.
type Opens struct {
	conf OpensConfig
	at   remote.Subjects

	mu    sync.Mutex
	m     map[string][]byte // by key: JSON of Opened; empty: it did not fit
	size  int
	whole bool // all that the centre has was read once
}

// maxOpens is how many entries are known of at most.
const maxOpens = 100_000

// refresh is how often all are read again.
const refresh = 10 * time.Minute

// NewOpens makes one.
func NewOpens(conf OpensConfig) (*Opens, error) {
	for _, name := range []string{conf.Fleet, conf.Agent} {
		if err := remote.CheckName(name); err != nil {
			return nil, err
		}
	}
	if conf.Conn == nil {
		return nil, errors.New("ledger: no connection")
	}
	conf.Memory = cmp.Or(conf.Memory, 8<<20)
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	return &Opens{conf: conf, at: remote.Subjects{Fleet: conf.Fleet}, m: map[string][]byte{}}, nil
}

// Whole reports whether all that is open was read since Run began.
func (o *Opens) Whole() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.whole
}

// Count is how many entries are open, of all agents.
func (o *Opens) Count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.m)
}

// Of are the open entries of other agents on a card, in the order of their ids; missing is how many more there
// are that are not in memory: Ask has them. They are the caller's own. It waits for nothing.
func (o *Opens) Of(card purse.CardApp) (list []Opened, missing int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.m) == 0 {
		return nil, 0
	}
	prefix := cardKey(card) + "."
	for k, v := range o.m {
		if !strings.HasPrefix(k, prefix) {
			continue
		}
		var x Opened
		switch err := json.Unmarshal(v, &x); {
		case len(v) == 0 || err != nil:
			missing++
		case x.Agent != o.conf.Agent && x.Entry != nil:
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b Opened) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return list, missing
}

// Ask asks the centre for the open entries of other agents on a card.
func (o *Opens) Ask(ctx context.Context, card purse.CardApp) ([]Opened, error) {
	var list []Opened
	err := o.pages(ctx, &card, func(_ string, _ []byte, x Opened) {
		if x.Agent != o.conf.Agent {
			list = append(list, x)
		}
	})
	return list, err
}

// Settled forgets an entry: its outcome is on its way to the centre.
func (o *Opens) Settled(card purse.CardApp, id purse.ID) { o.set(openKey(card, id), nil) }

// pages reads all that is open, of one card if card is not nil.
func (o *Opens) pages(ctx context.Context, card *purse.CardApp, each func(key string, v []byte, x Opened)) error {
	ask := OpenedAsk{Versioned: version, Card: card}
	for range maxOpens {
		m, err := remote.Encode(ask, nil)
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, askTimeout)
		r, err := o.conf.Conn.RequestWithContext(limited, o.at.Opened(o.conf.Agent), m)
		cancel()
		if err != nil {
			return err
		}
		var page OpenedPage
		payload, err := remote.Decode(r.Data, &page)
		if err != nil {
			return err
		}
		if page.Refused != "" {
			return errors.New("the centre: " + shortened(page.Refused))
		}
		var list []json.RawMessage
		if err := json.Unmarshal(payload, &list); err != nil {
			return fmt.Errorf("%w: %w", remote.ErrMessage, err)
		}
		for _, v := range list {
			key, x, err := parseOpened(v)
			if err != nil {
				return err
			}
			if x.Entry != nil {
				each(key, v, x)
			}
		}
		if page.Next == "" || page.Next <= ask.After {
			return nil
		}
		ask.After = page.Next
	}
	return errors.New("the centre's list of what is open has no end")
}

func parseOpened(v []byte) (key string, x Opened, err error) {
	if err := json.Unmarshal(v, &x); err != nil {
		return "", x, fmt.Errorf("%w: an open entry: %w", remote.ErrMessage, err)
	}
	if len(x.UID) > 20 || len(x.App) > maxApp || x.ID.IsZero() || x.Entry != nil && (x.Entry.ID != x.ID || x.Entry.CardApp != x.CardApp) {
		return "", x, fmt.Errorf("%w: open entry %v is none", remote.ErrMessage, x.ID)
	}
	return openKey(x.CardApp, x.ID), x, nil
}

// set takes note of an entry; nil: it is open no more.
func (o *Opens) set(key string, v []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, there := o.m[key]
	o.size -= len(was)
	switch {
	case v == nil:
		delete(o.m, key)
	case !there && len(o.m) >= maxOpens:
	case o.size+len(v) > o.conf.Memory:
		o.m[key] = []byte{}
	default:
		o.m[key] = slices.Clone(v)
		o.size += len(v)
	}
}

// Run keeps what is open up to date until ctx ends, which is its error.
func (o *Opens) Run(ctx context.Context) error {
	var mu sync.Mutex
	since := map[string][]byte{} // what was told while all are read; nil: open no more
	sub, err := o.conf.Conn.Subscribe(o.at.Open(">"), func(m *nats.Msg) {
		var v remote.Versioned
		payload, err := remote.Decode(m.Data, &v)
		if err == nil {
			var x Opened
			var key string
			if key, x, err = parseOpened(payload); err == nil {
				if x.Entry == nil {
					payload = nil
				}
				mu.Lock()
				if len(since) < maxOpens {
					since[key] = slices.Clone(payload)
				}
				mu.Unlock()
				o.set(key, payload)
			}
		}
		if err != nil {
			o.conf.Logger.Warn("what is open cannot be read", "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	back := o.conf.Conn.StatusChanged(nats.CONNECTED)
	defer o.conf.Conn.RemoveStatusListener(back)
	said := "" // why they are not known
	for failures := 0; ctx.Err() == nil; {
		mu.Lock()
		clear(since)
		mu.Unlock()
		all := map[string][]byte{}
		err := o.pages(ctx, nil, func(key string, v []byte, _ Opened) { all[key] = v })
		d := refresh
		if err != nil {
			d = min(minPause<<min(failures, 10), maxPause)
			failures++
			err = remote.Unsent(o.conf.Conn, err)
			if ctx.Err() == nil && err.Error() != said {
				said = err.Error()
				o.conf.Logger.Info("what is open is not known yet", "error", err)
			}
		} else {
			failures, said = 0, ""
			mu.Lock()
			o.replace(all, since)
			mu.Unlock()
		}
		t := time.NewTimer(d)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-back:
		}
		t.Stop()
	}
	return ctx.Err()
}

// replace takes over all that was read, and what was told meanwhile.
func (o *Opens) replace(all, since map[string][]byte) {
	o.mu.Lock()
	o.m, o.size, o.whole = map[string][]byte{}, 0, true
	o.mu.Unlock()
	for k, v := range all {
		if _, told := since[k]; !told {
			o.set(k, v)
		}
	}
	for k, v := range since {
		o.set(k, v)
	}
}
