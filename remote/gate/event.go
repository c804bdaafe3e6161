package gate

import (
	"time"

	"github.com/go-desfire/desfire/purse"
)

// Kind is a kind of event.
type Kind string

// Kinds of events.
const (
	Paid    Kind = "paid"    // it happened: now, or before and nobody had heard of it
	Refused Kind = "refused" // it did not happen: too little value, or the card is blocked
	Open    Kind = "open"    // whether it happened is found out when the card is back
	Left    Kind = "left"    // the card left before anything was begun
	Again   Kind = "again"   // the card has just paid, and does not pay again yet
	Settled Kind = "settled" // what an earlier change of this or another gate became
	Failed  Kind = "failed"  // the gate could not work: keys, journal, a card that is no DESFire card
)

// Event is something that happened at a gate. A gate opens on Paid and on nothing
// else.
type Event struct {
	Time    time.Time
	Kind    Kind
	Reader  string
	Trace   string         // of the presentation, where the reader has one
	Request string         // the name of the change
	UID     string         // of the card, as it told it or, with a Receipt, as it was proved
	Receipt *purse.Receipt // of Paid, Open and Settled, and of Refused where it was begun
	Err     error          // why, of Refused, Open, Left and Failed
}

func (g *Gate) tell(e Event) {
	if e.Receipt != nil && e.Receipt.Entry.UID != "" {
		e.UID, e.Request = e.Receipt.Entry.UID, e.Receipt.Entry.Request
	}
	e.Time = g.conf.Now()
	g.telling.Lock()
	defer g.telling.Unlock()
	g.log(&e)
	if g.conf.OnEvent != nil {
		g.conf.OnEvent(e)
	}
}

// log is the event as a line, with the trace of the presentation.
func (g *Gate) log(e *Event) {
	attrs := []any{"reader", e.Reader}
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, name, value)
		}
	}
	add("trace", e.Trace)
	add("uid", e.UID)
	add("request", e.Request)
	if r := e.Receipt; r != nil {
		attrs = append(attrs, "id", r.Entry.ID.String(), "decision", r.Decision().String(), "rule", string(r.Rule()))
		if len(r.After) > 0 {
			attrs = append(attrs, "left", r.After[0].Value)
		}
	}
	if e.Err != nil {
		attrs = append(attrs, "err", e.Err.Error())
	}
	switch e.Kind {
	case Failed, Open:
		g.conf.Logger.Warn(string(e.Kind), attrs...)
	default:
		g.conf.Logger.Info(string(e.Kind), attrs...)
	}
}
