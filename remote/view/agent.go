package view

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
)

// agent is what is known of one.
type agent struct {
	hello   *remote.Hello
	heard   time.Time // long ago after its good bye
	said    time.Time // when it said the last hello
	began   time.Time
	skew    float64
	readers map[string]*reader
}

type reader struct {
	remote.Reader
	problem string
	last    time.Time
}

// of are the parts of a subject from which an agent is named on.
func (v *View) of(subject string, skip int) []string {
	parts := strings.Split(subject, ".")
	if len(parts) < skip+1 {
		return nil
	}
	return parts[skip:]
}

// hello takes what an agent says it is. Its name is that of the subject, under which
// nobody else may say anything.
func (v *View) hello(m *nats.Msg) {
	name := v.of(m.Subject, 3)[0]
	if remote.CheckName(name) != nil {
		return
	}
	h, err := remote.DecodeHello(m.Data)
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.conf.Now()
	if err != nil {
		v.misheard(name, now, err)
		return
	}
	delete(v.refused, name)
	a := v.agents[name]
	switch {
	case a == nil && len(v.agents) >= mostAgents:
		return
	case a == nil:
		a = &agent{}
		v.agents[name] = a
	case a.hello.Boot == h.Boot && h.Number <= a.hello.Number:
		return // from before
	}
	if a.hello == nil || a.hello.Boot != h.Boot || fleet.StateAt(now, a.heard) == fleet.Away {
		a.began = now
	}
	known := a.readers
	if a.hello == nil || a.hello.Boot != h.Boot {
		known = nil
	}
	different := a.differs(h) || fleet.StateAt(now, a.heard) != fleet.Here
	a.readers = make(map[string]*reader, len(h.Readers))
	for _, r := range h.Readers {
		old := known[r.ID]
		n := &reader{Reader: r}
		if old != nil {
			n.last, n.problem = old.last, old.problem
			if old.Seq > r.Seq { // it has said more since
				n = old
			}
		}
		a.readers[r.ID] = n
	}
	a.hello, a.heard, a.said, a.skew = h, now, now, h.Clock.Sub(now).Seconds()
	if h.Bye {
		a.heard = now.Add(-fleet.AwayAfter)
	}
	if different {
		v.touch()
	}
}

// differs reports whether a hello says something that the last one did not.
func (a *agent) differs(h *remote.Hello) bool {
	o := a.hello
	if o == nil || o.Boot != h.Boot || o.Build != h.Build || o.Draining != h.Draining || h.Bye || len(h.Readers) != len(a.readers) {
		return true
	}
	for _, r := range h.Readers {
		if k := a.readers[r.ID]; k == nil || k.Seq != r.Seq {
			return true
		}
		if k := a.readers[r.ID]; (k.Lease == nil) != (r.Lease == nil) || k.Lease != nil && *k.Lease != *r.Lease {
			return true
		}
	}
	return false
}

// misheard notes an agent whose messages are not understood.
func (v *View) misheard(name string, now time.Time, err error) {
	if v.refused[name] != nil || len(v.refused) >= mostAgents {
		return
	}
	alarm := &fleet.Alarm{ID: "hello." + name, At: now, Severity: fleet.Bad, Agent: name, What: fmt.Sprintf("What %s says is not understood: %v.", name, err), Next: "Look at the program that runs there."}
	var version *remote.VersionError
	if errors.As(err, &version) {
		alarm.Next = "Both sides have to be of versions that know each other."
	}
	v.refused[name] = alarm
	v.log.Warn("an agent is not understood", "agent", name, "err", err)
	v.touch()
}

// event takes what happens at a reader.
func (v *View) event(m *nats.Msg) {
	parts := v.of(m.Subject, 3)
	if len(parts) < 2 {
		return
	}
	e, err := remote.DecodeEvent(m.Data)
	if err != nil {
		return // its hello is not understood either, and tells
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.agents[parts[0]]
	if a == nil || a.hello.Boot != e.Boot {
		return // its hello comes
	}
	r := a.readers[parts[1]]
	switch {
	case r == nil && len(a.readers) < remote.MaxReaders && remote.CheckName(parts[1]) == nil:
		r = &reader{Reader: remote.Reader{ID: parts[1], Name: e.Name}}
		a.readers[parts[1]] = r
	case r == nil, e.Seq <= r.Seq:
		return
	}
	r.Seq, r.last = e.Seq, v.conf.Now()
	switch e.Kind {
	case desfire.ReaderAdded.String():
		r.Ignored, r.problem = e.Ignored, ""
	case desfire.ReaderRemoved.String():
		delete(a.readers, parts[1])
	case desfire.CardInserted.String():
		r.Card, r.Lease = e.Card, nil
	case desfire.CardRemoved.String():
		r.Card, r.Lease = nil, nil
	case desfire.ServiceLost.String():
		r.Card, r.Lease, r.problem = nil, nil, "the service of the readers is gone"
		if e.Why != "" {
			r.problem += ": " + e.Why
		}
	case desfire.ServiceBack.String():
		r.problem = ""
	case remote.Leased:
		r.Lease = e.Lease
	case remote.Freed:
		r.Lease = nil
	}
	v.touch()
}

// value is an agent for people.
func (a *agent) value(name string, now time.Time) fleet.Agent {
	f := fleet.Agent{
		Name: name, Build: a.hello.Build, Boot: a.hello.Boot, State: fleet.StateAt(now, a.heard), Seen: a.heard, Began: a.began,
		Skew: a.skew, Draining: a.hello.Draining,
	}
	for _, id := range slices.Sorted(maps.Keys(a.readers)) {
		f.Readers = append(f.Readers, a.readers[id].value(name, a.hello.Boot))
	}
	return f
}

func (r *reader) value(agent, boot string) fleet.Reader {
	f := fleet.Reader{Agent: agent, ID: r.ID, Name: r.Name, Ignored: r.Ignored, Problem: r.problem, Last: r.last}
	if c := r.Card; c != nil {
		f.Card = &fleet.Card{Number: c.Number, Since: c.Since, Trace: c.Trace, ATR: c.ATR, Ignored: c.Ignored}
		if f.Last.IsZero() {
			f.Last = c.Since
		}
	}
	if l := r.Lease; l != nil {
		f.Lease = &fleet.Lease{Holder: l.Holder, Boot: boot, Number: l.Number, Since: l.Since, Until: l.Until}
	}
	f.State = f.Words()
	return f
}
