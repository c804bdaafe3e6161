package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/remote/gate"
)

// agentMetrics is what those see who watch over an agent: numbers, and whether it is
// well.
type agentMetrics struct {
	*agentWork
	l        net.Listener
	health   *operations.Health
	registry *operations.Registry
}

// listen opens the address of --metrics.
func (w *agentWork) listen(ctx context.Context, cmd *cobra.Command, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return &usageError{cmd, fmt.Errorf("--metrics %q: want HOST:PORT, as 127.0.0.1:9107", address)}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return badListen(err)
	}
	m := &agentMetrics{w, l, operations.NewHealth(nil, "readers", "fleet"), operations.NewRegistry(toolVersion())}
	m.registry.Collect(m.collect)
	w.page = m
	w.log.Info("metrics", "at", "http://"+l.Addr().String()+"/metrics")
	return nil
}

// serve answers until ctx ends.
func (m *agentMetrics) serve(ctx context.Context) {
	answer := operations.Handler(m.health, m.registry, true)
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.look(); answer.ServeHTTP(w, r) }),
		ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		if err := s.Serve(m.l); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("metrics are served no more", "err", text(err))
		}
	})
	<-ctx.Done()
	m.health.Drain()
	_ = s.Close()
}

// look takes note of how the parts are.
func (m *agentMetrics) look() {
	if connected := m.conn.IsConnected(); connected {
		m.health.Set("fleet", true, "connected to "+m.conn.ConnectedUrlRedacted())
	} else {
		m.health.Set("fleet", false, "not connected: gates go on, and nobody else reaches the readers")
	}
	h := m.agent.Hello()
	m.health.Set("readers", !h.Draining, count(len(h.Readers), "reader"))
	if h.Draining {
		m.health.Drain()
	}
}

// collect gives the numbers.
func (m *agentMetrics) collect(v operations.Values) {
	m.health.Collect(v)
	cards, leases := 0, 0
	h := m.agent.Hello()
	for _, r := range h.Readers {
		if r.Card != nil {
			cards++
		}
		if r.Lease != nil {
			leases++
		}
	}
	v("desfire_readers", float64(len(h.Readers)))
	v("desfire_cards", float64(cards))
	v("desfire_leases", float64(leases))
	connected := 0.0
	if m.conn.IsConnected() {
		connected = 1
	}
	v("desfire_connected", connected)
	v("desfire_reconnects_total", float64(m.conn.Stats().Reconnects))
	if m.gate == nil {
		return
	}
	s := m.gate.out.Status()
	v("desfire_outbox_waiting", float64(s.Last-min(s.Confirmed, s.Last)))
	for kind, n := range m.gate.counts() {
		if outcome := outcomeOf[kind]; outcome != "" {
			v("desfire_orders_total", float64(n), outcome)
		}
	}
}

// outcomeOf is what a metric calls what happened at a gate.
var outcomeOf = map[gate.Kind]string{gate.Paid: "done", gate.Refused: "refused", gate.Open: "in doubt", gate.Failed: "failed"}
