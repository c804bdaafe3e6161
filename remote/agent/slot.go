package agent

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
)

// slot is a reader. The agent's lock guards it.
type slot struct {
	id, name string
	here     bool // the reader is plugged in
	ignored  string
	seq      uint64 // of its last event

	card    *insertion // that lies there
	lease   *lease     // of it, or of an earlier one that is being reset
	counter uint64     // of the last lease
	over    *lease     // the last one that has ended
	waiting int
	seen    []string // ids of the last requests
}

// maxSeen is how many requests for leases are remembered, so that none is granted twice.
const maxSeen = 64

// insertion is a card from when it comes until it leaves.
type insertion struct {
	number  uint64
	since   time.Time
	trace   string
	atr     []byte
	ignored string
	open    func(context.Context) (desfire.Transport, error)
}

// event takes note of what the source reports.
func (a *Agent) event(ev desfire.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	why := ""
	if ev.Err != nil {
		why = text(ev.Err.Error())
	}
	switch ev.Kind {
	case desfire.ReaderAdded:
		if s := a.slot(ev.Reader); s != nil {
			s.ignored = text(ev.Ignored)
			a.tell(s, remote.Event{Kind: ev.Kind.String(), Ignored: s.ignored})
		}
	case desfire.ReaderRemoved:
		a.remove(ev.Reader, why)
	case desfire.CardInserted:
		if s := a.slot(ev.Reader); s != nil {
			a.lift(s, "another card")
			a.insert(s, ev)
		}
	case desfire.CardRemoved:
		if s := a.known(ev.Reader); s != nil {
			a.lift(s, why)
		}
	case desfire.ServiceLost:
		a.log.Warn("the smart card service is gone", "error", ev.Err)
		for _, id := range slices.Clone(a.order) {
			a.remove(a.slots[id].name, why)
		}
	case desfire.ServiceBack:
		a.log.Info("the smart card service is back")
	}
}

// known is the reader of that name, nil if there is none now.
func (a *Agent) known(name string) *slot {
	if s := a.slots[a.ids[name]]; s != nil && s.here {
		return s
	}
	return nil
}

// slot is the reader of that name, new if need be; nil if there are too many. One that
// comes back goes on with its numbers.
func (a *Agent) slot(name string) *slot {
	if s := a.known(name); s != nil {
		return s
	}
	if len(a.order) >= remote.MaxReaders {
		a.log.Error("too many readers: this one is left out", "reader", text(name), "limit", remote.MaxReaders)
		return nil
	}
	if len(a.ids) > 4*remote.MaxReaders { // names of readers that come and go
		for name, id := range a.ids {
			if s := a.slots[id]; s == nil || !s.here && s.lease == nil {
				delete(a.ids, name)
				delete(a.slots, id)
			}
		}
	}
	id := a.id(name)
	s := a.slots[id]
	if s == nil {
		s = &slot{id: id, name: name}
		a.slots[id] = s
	}
	s.here = true
	a.order = append(a.order, id)
	return s
}

func (a *Agent) insert(s *slot, ev desfire.Event) {
	a.cards++
	c := &insertion{number: a.cards, since: a.conf.Now(), trace: random(8), ignored: text(ev.Ignored), open: ev.Open}
	if len(ev.ATR) <= 64 {
		c.atr = slices.Clone(ev.ATR)
	}
	if c.open == nil && c.ignored == "" {
		c.ignored = "it cannot be opened"
	}
	s.card = c
	a.log.Info("card", "reader", s.id, "trace", c.trace, "card", c.number, "ignored", c.ignored)
	a.tell(s, remote.Event{Kind: desfire.CardInserted.String(), Card: c.describe()})
}

// lift ends the stay of a card, if one lies there.
func (a *Agent) lift(s *slot, why string) {
	if s.card == nil {
		return
	}
	a.log.Info("card removed", "reader", s.id, "trace", s.card.trace, "why", why)
	s.card = nil
	if s.lease != nil {
		s.lease.end(overRemoved)
	}
	a.tell(s, remote.Event{Kind: desfire.CardRemoved.String(), Why: why})
}

func (a *Agent) remove(name, why string) {
	s := a.known(name)
	if s == nil {
		return
	}
	a.lift(s, why)
	a.tell(s, remote.Event{Kind: desfire.ReaderRemoved.String(), Why: why})
	s.here = false
	a.order = slices.DeleteFunc(a.order, func(id string) bool { return id == s.id })
}

// tell publishes an event of a reader.
func (a *Agent) tell(s *slot, ev remote.Event) {
	s.seq++
	ev.Boot, ev.Seq, ev.Name = a.boot, s.seq, text(s.name)
	switch ev.Kind { // of the others events are enough
	case desfire.ReaderAdded.String(), desfire.ReaderRemoved.String():
		a.changed = true
	}
	a.publish(a.subject.Events(a.conf.Name, s.id), &ev)
	for w := range a.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (s *slot) describe() remote.Reader {
	r := remote.Reader{ID: s.id, Name: text(s.name), Seq: s.seq, Ignored: s.ignored}
	if s.card != nil {
		r.Card = s.card.describe()
	}
	if s.lease != nil && s.lease.granted {
		r.Lease = s.lease.describe()
	}
	return r
}

func (c *insertion) describe() *remote.Card {
	return &remote.Card{Number: c.number, Since: c.since.UTC().Round(0), Trace: c.trace, ATR: hex.EncodeToString(c.atr), Ignored: c.ignored}
}

// text is what may be in a message: valid, and not too long.
func text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > remote.MaxText {
		s = strings.ToValidUTF8(s[:remote.MaxText], "")
	}
	return s
}
