package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/remote"
)

func (a *app) fleetWatchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch [AGENT]",
		Short: "Report what happens on the readers of the fleet",
		Long: `Report what happens on the readers of the fleet, or of one agent, until Ctrl-C: agents,
readers and cards as they come and go, and who works with a card. Reports are log
lines on stderr; with --json they are objects on stdout, one a line.`,
		Args: cobra.MaximumNArgs(1),
		Example: `  desfire fleet watch
  desfire fleet watch gate7 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			agent := "*"
			if len(args) == 1 {
				agent = args[0]
				if err := checkAgent(cmd, agent); err != nil {
					return err
				}
			}
			conn, f, err := a.joinFleet(cmd.Context(), watchers)
			if err != nil {
				return err
			}
			ctx, cancel := a.endless(cmd.Context())
			defer cancel()
			w := &fleetWatcher{app: a, heard: map[string]*heardAgent{}}
			return w.watch(ctx, conn, f.Subjects(), agent)
		},
	}
}

// fleetEvent is one line of fleet watch --json.
type fleetEvent struct {
	Time   time.Time `json:"time"`
	Event  string    `json:"event"` // agent-here, agent-away, agent-draining, reader-added, inserted, leased, freed, removed, ...
	Agent  string    `json:"agent"`
	Place  string    `json:"place"`  // of readers
	Reader string    `json:"reader"` // as its driver calls it
	ATR    hexBytes  `json:"atr"`
	Trace  string    `json:"trace"`
	Holder string    `json:"holder"`
	Reason string    `json:"reason"`
}

// heardAgent is an agent as it was heard last.
type heardAgent struct {
	at             time.Time
	boot           string
	away, draining bool
}

// maxHeard bounds how many agents are kept in mind.
const maxHeard = 1 << 14

// fleetWatcher reports what agents say.
type fleetWatcher struct {
	*app
	heard map[string]*heardAgent
}

// waitingEvents is how many messages may wait to be printed.
const waitingEvents = 4096

func (w *fleetWatcher) watch(ctx context.Context, conn *nats.Conn, s remote.Subjects, agent string) error {
	messages := make(chan *nats.Msg, waitingEvents)
	for _, subject := range []string{s.Hello(agent), s.Events(agent, "*")} {
		sub, err := conn.ChanSubscribe(subject, messages)
		if err != nil {
			return err
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	if !w.json {
		w.log.Info("Watching fleet "+s.Fleet+"; Ctrl-C ends.", "agents", strings.Replace(agent, "*", "all", 1))
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	connected := true
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			w.message(m)
		case now := <-tick.C:
			if is := conn.IsConnected(); is != connected {
				connected = is
				w.tell(fleetEvent{Event: map[bool]string{true: "fleet-back", false: "fleet-lost"}[is]})
			}
			if connected {
				w.silent(now)
			}
		}
	}
}

// message reports one message. What cannot be read is left out.
func (w *fleetWatcher) message(m *nats.Msg) {
	parts := strings.Split(m.Subject, ".")
	switch {
	case len(parts) == 5 && parts[4] == "hello":
		if h, err := remote.DecodeHello(m.Data); err == nil && remote.CheckName(parts[3]) == nil {
			w.hello(parts[3], h)
		}
	case len(parts) == 6 && parts[5] == "events":
		if e, err := remote.DecodeEvent(m.Data); err == nil && remote.CheckName(parts[3]) == nil && remote.CheckName(parts[4]) == nil {
			w.event(parts[3], parts[4], e)
		}
	}
}

// hello reports an agent that came, went, or began to end.
func (w *fleetWatcher) hello(name string, h *remote.Hello) {
	k := w.heard[name]
	if k == nil {
		if len(w.heard) >= maxHeard {
			return
		}
		k = &heardAgent{away: true}
		w.heard[name] = k
	}
	k.at = time.Now()
	switch {
	case h.Bye:
		if !k.away {
			w.tell(fleetEvent{Event: "agent-away", Agent: name, Reason: "it ended"})
		}
		k.away = true
	case k.away:
		w.tell(fleetEvent{Event: "agent-here", Agent: name, Reason: fmt.Sprintf("%d readers", len(h.Readers))})
		k.away, k.draining = false, false
	case k.boot != h.Boot:
		w.tell(fleetEvent{Event: "agent-here", Agent: name, Reason: "it was started anew"})
		k.draining = false
	}
	if h.Draining && !h.Bye && !k.draining {
		w.tell(fleetEvent{Event: "agent-draining", Agent: name})
	}
	k.boot, k.draining = h.Boot, h.Draining
}

// silent reports agents that are heard no more.
func (w *fleetWatcher) silent(now time.Time) {
	for name, k := range w.heard {
		if !k.away && now.Sub(k.at) >= fleet.AwayAfter {
			k.away = true
			w.tell(fleetEvent{Event: "agent-away", Agent: name, Reason: "it is silent"})
		}
	}
}

func (w *fleetWatcher) event(agent, reader string, e *remote.Event) {
	out := fleetEvent{Event: e.Kind, Agent: agent, Place: "nats:" + agent + "/" + reader, Reader: e.Name, Reason: e.Why}
	if e.Ignored != "" {
		out.Reason = "left out: " + e.Ignored
	}
	if c := e.Card; c != nil {
		out.ATR, out.Trace = unhex(c.ATR), c.Trace
	}
	if e.Lease != nil {
		out.Holder = e.Lease.Holder
	}
	w.tell(out)
}

// eventWords are events as people read them.
var eventWords = map[string]string{
	"agent-here": "+ Agent", "agent-away": "- Agent", "agent-draining": "  Agent ends what it does",
	desfire.ReaderAdded.String(): "+ Reader", desfire.ReaderRemoved.String(): "- Reader", desfire.CardInserted.String(): "+ Card", desfire.CardRemoved.String(): "- Card",
	remote.Leased: "  In use", remote.Freed: "  Free", "fleet-lost": "- Not connected to the fleet", "fleet-back": "+ Connected to the fleet again",
}

func (w *fleetWatcher) tell(e fleetEvent) {
	e.Time = time.Now()
	if w.json {
		_ = w.emit(e)
		return
	}
	words := eventWords[e.Event]
	if words == "" {
		words = "  " + visible.Text(e.Event)
	}
	at := e.Place
	if at == "" {
		at = e.Agent
	}
	if at != "" {
		words += " " + at
	}
	var attrs []any
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, name, visible.Text(value))
		}
	}
	add("by", e.Holder)
	if len(e.ATR) > 0 {
		add("atr", spaced(e.ATR))
	}
	add("trace", e.Trace)
	add("why", e.Reason)
	w.log.Info(words, attrs...)
}
