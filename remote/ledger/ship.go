package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

const (
	askTimeout = 10 * time.Second
	minPause   = time.Second / 4
	maxPause   = 30 * time.Second
	idle       = 30 * time.Second // after which the centre is asked how far it is
	unsynced   = time.Second      // as well, while it has more than survives a loss of power
	forgetting = time.Hour        // between two looks for what may be forgotten
	markName   = "ledger-outbox"
)

// mark is what the journal remembers of its outbox. Losing it ships again.
type mark struct {
	Generation purse.Generation `json:"generation"`
	Epoch      string           `json:"epoch"`
	Sent       uint64           `json:"sent"`      // the centre had up to this number
	Confirmed  uint64           `json:"confirmed"` // synced
	Since      confirmations    `json:"since"`
}

// shipping is one run of an Outbox.
type shipping struct {
	*Outbox
	back     chan nats.Status // the connection is there again
	mark     mark
	asked    bool // the centre was asked how far it is, since the last failure
	again    bool // it has changes that the journal does not know to have been shipped
	mark0    mark // as the journal has it
	failures int
	stuck    uint64 // the first change that cannot be shipped; 0: none
	forgot   time.Time
	unsynced bool
	clock    time.Time // the centre's
}

// remember takes what the journal knows of earlier runs.
func (s *shipping) remember(ctx context.Context) error {
	b, err := s.log.Marked(ctx, markName)
	if err != nil {
		return &journalError{err}
	}
	var m mark
	if len(b) > 0 && json.Unmarshal(b, &m) == nil && m.Generation == s.log.Generation() {
		s.mark = m
	}
	s.mark.Generation = s.log.Generation()
	s.mark0 = s.mark
	return nil
}

// keep writes the mark, if it is another one.
func (s *shipping) keep(ctx context.Context) error {
	if s.mark == s.mark0 {
		return nil
	}
	b, err := json.Marshal(&s.mark)
	if err == nil {
		err = s.log.Mark(ctx, markName, b)
	}
	if err != nil {
		return &journalError{err}
	}
	s.mark0 = s.mark
	return nil
}

// ship ships all that there is.
func (s *shipping) ship(ctx context.Context) error {
	at, err := s.begin(ctx)
	if err != nil {
		return err
	}
	for {
		b := &Batch{Versioned: version, Generation: s.mark.Generation, After: at, Again: s.again}
		if b.Last, err = s.log.LastChange(ctx); err != nil {
			return &journalError{err}
		}
		s.say(func(x *OutboxStatus) { x.Last = b.Last })
		payload, to, err := s.next(ctx, at)
		if err != nil {
			return err
		}
		if payload == nil {
			return s.forget(ctx)
		}
		w, err := s.ask(ctx, b, payload)
		if err != nil {
			s.asked = false
			return err
		}
		switch {
		case w.Seq < to:
			s.asked = false
			return fmt.Errorf("the centre has changes up to %d, and those up to %d were sent: it lost some, and gets them again", w.Seq, to)
		}
		at, s.again = to, w.Seq > to
		s.mark.Sent, s.mark.Confirmed = to, min(w.Synced, to)
		if err := s.keep(ctx); err != nil {
			return err
		}
	}
}

// begin finds where to go on.
func (s *shipping) begin(ctx context.Context) (at uint64, err error) {
	if s.asked && !s.unsynced {
		return s.mark.Sent, nil
	}
	last, err := s.log.LastChange(ctx)
	if err != nil {
		return 0, &journalError{err}
	}
	w, err := s.ask(ctx, &Batch{Versioned: version, Generation: s.mark.Generation, After: s.mark.Sent, Last: last}, nil)
	if err != nil {
		return 0, err
	}
	s.asked = true
	// Shipped, and forgotten here: what has those numbers may be something else now.
	s.again = w.Seq > s.mark.Sent
	if w.Seq < s.mark.Sent {
		s.conf.Logger.Info("the centre has lost changes, or is a new one: they are shipped again", "from", w.Seq, "up to", s.mark.Sent, "epoch", w.Epoch)
		s.mark.Sent = w.Seq
		s.mark.Since.lost(w.Seq)
	}
	s.mark.Confirmed = min(w.Synced, s.mark.Sent)
	return s.mark.Sent, nil
}

// next is the next batch, and the number of its last change; nil if there is nothing.
func (s *shipping) next(ctx context.Context, at uint64) (payload []byte, to uint64, err error) {
	for {
		changes, err := s.log.Changes(ctx, at, maxBatch)
		if err != nil {
			return nil, 0, &journalError{err}
		}
		if len(changes) == 0 {
			return nil, 0, nil
		}
		var list []json.RawMessage
		size := 2
		for _, c := range changes {
			b, err := fitting(c)
			if err != nil {
				return nil, 0, err
			}
			if b == nil {
				s.cannot(c)
				at = c.Seq
				continue
			}
			if size+len(b)+1 > maxChanges {
				break
			}
			list = append(list, b)
			size += len(b) + 1
			to = c.Seq
		}
		if len(list) > 0 {
			payload, err = json.Marshal(list)
			return payload, to, err
		}
	}
}

// fitting is a change as it is shipped. One that is too large goes without what people wrote into it; nil: and
// still does not fit.
func fitting(c purse.Logged) ([]byte, error) {
	b, err := json.Marshal(&c)
	if err != nil || len(b)+2 <= maxChanges {
		return b, err
	}
	if c.Entry == nil {
		return nil, nil
	}
	e := *c.Entry
	e.Meta = nil
	b, err = json.Marshal(&purse.Logged{Seq: c.Seq, Entry: &e})
	if err != nil || len(b)+2 <= maxChanges {
		return b, err
	}
	return nil, nil
}

// cannot takes note of what no message can carry.
func (s *shipping) cannot(c purse.Logged) {
	if s.stuck == 0 || c.Seq < s.stuck {
		s.stuck = c.Seq
	}
	id := purse.ID{}
	if c.Entry != nil {
		id = c.Entry.ID
	}
	s.say(func(x *OutboxStatus) {
		for _, known := range x.TooLarge {
			if known == id {
				return
			}
		}
		if len(x.TooLarge) < 100 {
			x.TooLarge = append(x.TooLarge, id)
		}
	})
	s.conf.Logger.Error("an entry is too large for any message, and stays in the journal", "id", id, "change", c.Seq)
}

// ask sends a batch and returns how far the centre is.
func (s *shipping) ask(ctx context.Context, b *Batch, payload []byte) (*Watermark, error) {
	m, err := remote.Encode(b, payload)
	if err != nil {
		return nil, err
	}
	r, err := s.request(ctx, m)
	if err != nil {
		return nil, err
	}
	w := new(Watermark)
	if _, err := remote.Decode(r.Data, w); err != nil {
		return nil, err
	}
	switch {
	case w.Refused != "":
		return nil, errors.New("the centre: " + shortened(w.Refused))
	case w.Synced > w.Seq:
		return nil, fmt.Errorf("the centre says that it has changes up to %d, and safely up to %d", w.Seq, w.Synced)
	}
	s.unsynced = w.Synced < w.Seq
	s.mark.Epoch = w.Epoch
	s.say(func(x *OutboxStatus) {
		x.Epoch, x.Shipped, x.Confirmed, x.Answered = w.Epoch, w.Seq, w.Synced, s.conf.Now()
	})
	s.clock = w.Time
	return w, nil
}

// request asks. A connection that was lost and is there again ends the waiting: the answer went elsewhere.
func (s *shipping) request(ctx context.Context, m []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked, over := context.WithCancelCause(ctx)
	defer over(nil)
	ended := make(chan struct{})
	defer func() { <-ended }()
	defer over(nil)
	go func() {
		defer close(ended)
		select {
		case <-s.back:
			over(errReconnected)
		case <-asked.Done():
		}
	}()
	r, err := s.conf.Conn.RequestWithContext(asked, s.at.Outbox(s.conf.Agent), m)
	if err != nil && errors.Is(context.Cause(asked), errReconnected) {
		s.failures = 0
		err = errReconnected
	}
	return r, err
}

var errReconnected = errors.New("the connection was lost, and is there again")

// forget lets the journal forget what was confirmed long ago, by both clocks.
func (s *shipping) forget(ctx context.Context) error {
	now := s.conf.Now()
	if err := s.keep(ctx); err != nil || s.conf.Keep < 0 || s.clock.IsZero() {
		return err
	}
	if age := now.Sub(s.forgot); !s.forgot.IsZero() && age >= 0 && age < forgetting {
		return nil
	}
	s.forgot = now
	upTo := min(s.mark.Since.see(s.mark.Confirmed, now, s.clock, s.conf.Keep), s.mark.Confirmed)
	if err := s.keep(ctx); err != nil {
		return err
	}
	if s.stuck > 0 {
		upTo = min(upTo, s.stuck-1)
	}
	n, err := s.log.Forget(ctx, upTo, purse.At(endOfTime))
	if err != nil {
		return &journalError{err}
	}
	if n > 0 {
		s.conf.Logger.Info("the journal has forgotten what the centre confirmed long ago", "entries", n)
	}
	return nil
}

// endOfTime is later than what any clock says that made an entry.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// wait waits for something to do.
func (s *shipping) wait(ctx context.Context, wake <-chan struct{}) {
	d := idle
	if s.unsynced {
		d = unsynced
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
		s.asked = false
	case <-s.back:
		s.asked = false
	case <-wake:
		sleep(ctx, s.conf.Linger)
	}
}

// pause waits after a failure.
func (s *shipping) pause(ctx context.Context) {
	d := min(minPause<<min(s.failures, 10), maxPause)
	s.failures++
	s.asked = false
	t := time.NewTimer(d/2 + rand.N(d)) //nolint:gosec // no secret
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-s.back:
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
