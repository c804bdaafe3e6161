package remote

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
)

// pace is how long a source waits for agents and for its own connection.
type pace struct {
	lost  time.Duration // without a word: it is gone
	ask   time.Duration // without a word: it is asked, and if it is not connected then, it is gone
	again time.Duration // between two questions, if the first is not answered
	look  time.Duration
	late  time.Duration // an answer may take so much longer than the agent's bound
}

func defaultPace() pace {
	return pace{lost: 15 * time.Second, ask: 7 * time.Second, again: 2 * time.Second, look: 500 * time.Millisecond, late: 5 * time.Second}
}

const maxWaiting = 512 // messages that wait for whoever takes events

// Source is the readers of an agent, of all agents if it is empty; one of them, all if
// reader is empty. In its events a reader is AGENT/READER. An agent that is not heard of
// for 15 s takes its readers with it; a connection that is away for so long is a lost
// service.
func (c *Client) Source(agent, reader string) desfire.Source {
	return &source{c, agent, reader}
}

type source struct {
	client        *Client
	agent, reader string
}

func (s *source) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return s.await(ctx, func(error) {})
}

// await is Events that also tells why there is no card.
func (s *source) await(ctx context.Context, why func(error)) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		w := &watching{source: s, why: why, yield: yield, agents: make(map[string]*seenAgent), connected: time.Now()}
		if err := w.run(ctx); err != nil && ctx.Err() == nil && !w.done {
			yield(desfire.Event{}, err)
		}
	}
}

// watching is one call of Events.
type watching struct {
	*source
	why       func(error)
	yield     func(desfire.Event, error) bool
	done      bool // nobody takes events any more
	agents    map[string]*seenAgent
	inbox     string
	connected time.Time // when we knew it last
	lost      bool      // and said so
}

func (w *watching) run(ctx context.Context) error {
	conn, subject := w.client.conn, w.client.subject
	agent, reader := cmp.Or(w.agent, "*"), cmp.Or(w.reader, "*")
	w.inbox = conn.NewInbox()
	messages := make(chan *nats.Msg, maxWaiting)
	for _, s := range []string{subject.Hello(agent), subject.Events(agent, reader), w.inbox + ".*"} {
		sub, err := conn.ChanSubscribe(s, messages)
		if err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	back := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(back)
	look := time.NewTicker(w.client.pace.look)
	defer look.Stop()
	w.call()
	for !w.done {
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			w.take(m)
		case <-back:
			w.look()
			w.call()
		case <-look.C:
			if conn.IsClosed() {
				return fmt.Errorf("fleet: %w", nats.ErrConnectionClosed)
			}
			w.look()
		}
	}
	return nil
}

// call asks everybody who is there.
func (w *watching) call() {
	if !w.client.conn.IsConnected() {
		return
	}
	if w.agent == "" {
		_ = w.client.conn.Publish(w.client.subject.Roll(), nil)
	} else {
		w.known(w.agent)
	}
	for _, a := range w.agents {
		a.heard = time.Now()
		w.askAgent(a)
	}
}

func (w *watching) ask(agent string) {
	_ = w.client.conn.PublishRequest(w.client.subject.Ask(agent), w.inbox+"."+agent, nil)
}

// askAgent asks an agent for the present state, now or soon.
func (w *watching) askAgent(a *seenAgent) {
	a.ask = true
	if time.Since(a.asked) < w.client.pace.again || !w.client.conn.IsConnected() {
		return
	}
	a.ask, a.asked = false, time.Now()
	w.ask(a.name)
}

// look finds out what did not come.
func (w *watching) look() {
	if !w.client.conn.IsConnected() {
		if !w.lost && time.Since(w.connected) >= w.client.pace.lost {
			w.lost = true
			for _, a := range w.agents {
				a.leave()
			}
			w.tell(desfire.Event{Kind: desfire.ServiceLost, Err: ErrNotConnected})
		}
		w.why(ErrNotConnected)
		return
	}
	away := time.Since(w.connected) > 4*w.client.pace.look
	w.connected = time.Now()
	if w.lost {
		w.lost = false
		w.tell(desfire.Event{Kind: desfire.ServiceBack})
	}
	if w.agent != "" && (w.agents[w.agent] == nil || w.agents[w.agent].boot == "") {
		w.askAgent(w.known(w.agent))
	}
	for _, a := range w.agents {
		if away {
			a.heard = time.Now() // they may have said what did not come to us
		}
		switch since := time.Since(a.heard); {
		case a.boot == "":
			if a.name != w.agent && since > w.client.pace.lost {
				delete(w.agents, a.name)
			}
		case since >= w.client.pace.lost:
			w.drop(a, ErrNoAgent)
		case since >= w.client.pace.ask || a.ask:
			w.askAgent(a)
		}
	}
}

// take looks at one message.
func (w *watching) take(m *nats.Msg) {
	parts := strings.Split(m.Subject, ".")
	switch n := len(parts); {
	case strings.HasPrefix(m.Subject, w.inbox+"."):
		agent := parts[n-1]
		if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
			w.silent(agent)
			return
		}
		w.hello(agent, m.Data)
	case n == 5 && parts[4] == "hello":
		w.hello(parts[3], m.Data)
	case n == 6 && parts[5] == "events":
		w.event(parts[3], parts[4], m.Data)
	}
}

// silent takes note that an agent was asked and is not connected.
func (w *watching) silent(name string) {
	if name == w.agent {
		w.why(ErrNoAgent)
	}
	a := w.agents[name]
	if a != nil {
		a.asked = time.Time{} // that is answered
	}
	switch {
	case a == nil || a.boot == "":
	case time.Since(a.heard) >= w.client.pace.ask:
		w.drop(a, ErrNoAgent)
	default:
		a.ask = true // its connection may be on the way back, as ours was
	}
}

func (w *watching) hello(name string, data []byte) {
	h, err := DecodeHello(data)
	if err != nil || CheckName(name) != nil {
		if err != nil {
			w.why(fmt.Errorf("agent %s: %w", name, err))
		}
		return
	}
	a := w.known(name)
	switch {
	case a == nil || slices.Contains(a.former, h.Boot):
		return
	case a.left == h.Boot && h.Number <= a.number:
		return // from before it left
	case a.boot != h.Boot:
		w.drop(a, errRestarted)
		a.begin(h.Boot)
	}
	if h.Number <= a.number {
		return // an old one
	}
	a.number, a.heard, a.ask, a.asked = h.Number, time.Now(), false, time.Time{}
	if h.Bye {
		w.drop(a, ErrNoAgent)
		a.begin("") // it does not come back
		return
	}
	w.state(a, h)
}

// state makes what is known what the agent says.
func (w *watching) state(a *seenAgent, h *Hello) {
	there := make(map[string]bool, len(h.Readers))
	for _, r := range h.Readers {
		there[r.ID] = true
	}
	for id, k := range a.readers {
		if !there[id] {
			w.remove(a, k, nil)
		}
	}
	for _, r := range h.Readers {
		if w.reader != "" && r.ID != w.reader {
			continue
		}
		k := a.readers[r.ID]
		if k == nil {
			k = w.add(a, r.ID, r.Name, r.Ignored)
		} else if r.Seq <= k.seq {
			continue
		}
		k.seq = r.Seq
		switch {
		case r.Card == nil:
			w.lift(a, k, nil)
		case k.card != r.Card.Number:
			w.lift(a, k, nil)
			w.insert(a, k, r.Card)
		}
	}
	if w.reader != "" && !there[w.reader] {
		var ids []string
		for _, r := range h.Readers {
			ids = append(ids, r.ID)
		}
		w.why(&NoReaderError{a.name, w.reader, ids})
	}
}

// event takes one change; what does not follow what is known is asked for.
func (w *watching) event(name, id string, data []byte) {
	e, err := DecodeEvent(data)
	if err != nil || CheckName(name) != nil || CheckName(id) != nil {
		return
	}
	a := w.known(name)
	if a == nil || slices.Contains(a.former, e.Boot) {
		return
	}
	if a.boot != e.Boot {
		w.askAgent(a)
		return
	}
	k := a.readers[id]
	added := e.Kind == desfire.ReaderAdded.String()
	switch {
	case k == nil && added && len(a.readers) < MaxReaders:
		k = w.add(a, id, e.Name, e.Ignored)
	case k == nil:
		w.askAgent(a)
		return
	case e.Seq <= k.seq:
		return
	case e.Seq != k.seq+1:
		w.askAgent(a)
		return
	}
	k.seq = e.Seq
	switch e.Kind {
	case desfire.CardInserted.String():
		w.lift(a, k, nil)
		w.insert(a, k, e.Card)
	case desfire.CardRemoved.String():
		w.lift(a, k, cause(e.Why))
	case desfire.ReaderRemoved.String():
		w.remove(a, k, cause(e.Why))
	}
}

// tell yields an event.
func (w *watching) tell(ev desfire.Event) {
	if !w.done && !w.yield(ev, nil) {
		w.done = true
	}
}
