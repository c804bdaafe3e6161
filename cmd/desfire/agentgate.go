package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/remote/gate"
	books "github.com/go-desfire/desfire/remote/ledger"
)

// agentGate is the purse of an agent whose readers are gates.
type agentGate struct {
	file  *purseFile
	gate  *gate.Gate
	out   *books.Outbox // to the ledger of the centre
	opens *books.Opens  // what others left open

	mu    sync.Mutex
	count map[gate.Kind]int
}

// amount is what each card pays; 0 without --debit.
func (f *agentFlags) amount(cmd *cobra.Command) (int32, error) {
	switch {
	case f.debit == "":
		return 0, nil
	case f.journal == "":
		return 0, &usageError{cmd, errDebitAlone}
	}
	return parseAmount(cmd, f.debit)
}

// openGate opens the purse. Keys that are elsewhere are not asked for: their service may
// be away.
func (w *agentWork) openGate(cmd *cobra.Command, path string, amount int32, again time.Duration) error {
	file, err := w.openPurse(cmd, path, false)
	if err != nil {
		return err
	}
	g := &agentGate{file: file, count: map[gate.Kind]int{}}
	if _, err := file.open(w.app); err != nil {
		return file.close(err)
	}
	conf := *file.conf
	if !conf.NoKey {
		conf.Keys = w.purseKeys(nil)
	}
	log := w.log.With("agent", w.file.Name)
	g.out, err = books.NewOutbox(books.OutboxConfig{Conn: w.conn, Fleet: w.file.Fleet, Agent: w.file.Name, Journal: file.journal, Logger: log})
	if err == nil {
		g.opens, err = books.NewOpens(books.OpensConfig{Conn: w.conn, Fleet: w.file.Fleet, Agent: w.file.Name, Logger: log})
	}
	if err != nil {
		return file.close(err)
	}
	g.gate, err = gate.New(gate.Config{
		Source: w.agent.Source("gate of " + w.file.Name), Purse: conf, Card: w.cardConfig(nil), Debit: amount, Again: again,
		Foreign: gate.Elsewhere(g.opens, g.out), OnEvent: g.event, Logger: log,
	})
	if err != nil {
		return file.close(refusedConfig(err))
	}
	w.gate = g
	return nil
}

func (w *agentWork) closeGate() {
	if err := w.gate.file.close(nil); err != nil {
		w.log.Error("the journal could not be closed", "err", text(err))
	}
}

// runGate debits cards until ctx ends.
func (w *agentWork) runGate(ctx context.Context) error {
	g := w.gate
	if g == nil {
		return nil
	}
	var running sync.WaitGroup
	defer running.Wait()
	// What became of the last change is shipped as well, if that is possible at once.
	shipping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	running.Go(func() {
		if err := g.out.Run(shipping); err != nil && !errors.Is(err, context.Canceled) {
			w.log.Error("changes are not shipped to the ledger", "err", text(err))
		}
	})
	running.Go(func() {
		if err := g.opens.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			w.log.Warn("what others left open is not known here", "err", text(err))
		}
	})
	running.Go(func() {
		err := g.gate.Serve(ctx, gate.ServeConfig{Conn: w.conn, Fleet: w.file.Fleet, Agent: w.file.Name, Reader: w.reader})
		if err != nil {
			w.log.Error("no orders can be taken", "err", text(err))
		}
	})
	return g.gate.Run(ctx)
}

// reader is the reader of an id, which is its name in the agent.
func (w *agentWork) reader(id string) (string, bool) {
	for _, r := range w.agent.Hello().Readers {
		if r.ID == id {
			return id, true
		}
	}
	return "", false
}

func (g *agentGate) event(e gate.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count[e.Kind]++
}

// counts are how often what happened.
func (g *agentGate) counts() map[gate.Kind]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make(map[gate.Kind]int, len(g.count))
	for k, n := range g.count {
		out[k] = n
	}
	return out
}
