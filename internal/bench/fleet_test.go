package bench_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// fleet is a source of many readers, each with its card.
type fleet []*sim.Card

func (f fleet) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for i, picc := range f {
			name := fmt.Sprint("reader ", i)
			open := func(context.Context) (desfire.Transport, error) { return picc.Present(), nil }
			if !yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: name}, nil) ||
				!yield(desfire.Event{Kind: desfire.CardInserted, Reader: name, ATR: picc.ATR(), Open: open}, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

// fleets are many cards that are served at once.
func fleets(t testing.TB, s size) (rows []row) {
	for _, c := range s.cards {
		rows = append(rows, served(t, s, c.n, c.latency))
	}
	return rows
}

// memory is what lives on heap and stacks.
func memory() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func served(t testing.TB, s size, n int, latency time.Duration) row {
	w := ways[4]
	empty, routines := memory(), runtime.NumGoroutine()
	var cards fleet
	for range n {
		picc, err := sim.New(&sim.Config{Generation: w.g})
		must(t, err)
		must(t, personalise(t.Context(), picc, w.typ))
		cards = append(cards, picc)
	}
	lying := memory()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ready, finished sync.WaitGroup
	ready.Add(n)
	finished.Add(n)
	begin, stop := make(chan struct{}), atomic.Bool{}
	counts, slots := make([]int, n), atomic.Int64{}
	go desfire.Serve(ctx, cards, nil, func(ctx context.Context, card *desfire.Card) {
		defer finished.Done()
		slot := slots.Add(1) - 1
		err := card.SelectApplication(ctx, application)
		if err == nil {
			err = card.AuthenticateWith(ctx, w.method, keyNo, key.Zero(w.typ))
		}
		cmd, rsp := &wire.ReadData{File: 2, Length: 32}, new(wire.Data)
		if err == nil {
			err = card.Run(ctx, cmd, rsp)
		}
		ready.Done()
		<-begin
		for err == nil && !stop.Load() {
			if err = card.Run(ctx, cmd, rsp); err == nil {
				counts[slot]++
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
	ready.Wait()
	open, running := memory(), runtime.NumGoroutine()
	for _, picc := range cards {
		picc.SetLatency(latency)
	}
	began := time.Now()
	close(begin)
	time.Sleep(s.fleet)
	stop.Store(true)
	finished.Wait()
	took := time.Since(began)

	total := 0
	for _, c := range counts {
		total += c
	}
	mean := float64(total) / float64(n)
	r := newRow(fmt.Sprintf("cards in sessions (%s), served at once by Serve", w.name), fmt.Sprintf("%d that take %v", n, latency))
	r.each = float64(took.Nanoseconds()) / float64(total)
	r.more = fmt.Sprintf("%.1f KiB and %.1f goroutines a reader, %.1f KiB a card; %.0f %% of what the latency allows; slowest %.2f, fastest %.2f of the mean",
		(open-lying)/float64(n)/1024, float64(running-routines)/float64(n), (lying-empty)/float64(n)/1024,
		100*mean*float64(latency)/float64(took), float64(slices.Min(counts))/mean, float64(slices.Max(counts))/mean)
	return r
}
