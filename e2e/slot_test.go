package e2e

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/vpcd"
	"github.com/go-desfire/desfire/wire"
)

const patience = 2 * time.Minute

// holder has a card and puts it into a virtual reader.
type holder struct {
	*vpcd.Client
	picc   *sim.Card
	reader string

	mu       sync.Mutex
	commands int
	before   func(n int) // called with the number of each command, before the card has it
	after    func(n int) // and when the card has executed it, before its answer leaves
}

// put keeps a card in a slot until the test ends.
func put(t testing.TB, stack *pcsctest.Stack, slot int, picc *sim.Card) *holder {
	t.Helper()
	h := &holder{picc: picc, reader: stack.Reader(slot)}
	h.Client = vpcd.New(stack.Slot(slot), h.present, &vpcd.Config{Retry: 50 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("vpcd: %v", err)
		}
	})
	awaitCard(t, h.reader)
	return h
}

// hook calls functions before and after each command from now on, numbered from 1.
func (h *holder) hook(before, after func(n int)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands, h.before, h.after = 0, before, after
}

func (h *holder) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.commands
}

// activation is the card between power-on and power-off, with the holder's hand on it.
type activation struct {
	*sim.Activation
	h *holder
}

func (h *holder) present(context.Context) (vpcd.Card, error) {
	return &activation{h.picc.Present(), h}, nil
}

var errPulled = errors.New("pulled away before the command was executed")

func (a *activation) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	a.h.mu.Lock()
	a.h.commands++
	n, before, after := a.h.commands, a.h.before, a.h.after
	a.h.mu.Unlock()
	if before != nil {
		before(n)
	}
	if ctx.Err() != nil {
		return nil, errPulled
	}
	response, err := a.Activation.Transmit(ctx, command)
	if after != nil {
		after(n)
	}
	return response, err
}

const (
	farebox   desfire.AID    = 0x121314
	valueFile desfire.FileNo = 1
)

// transitCard has a purse that is free to all.
func transitCard(t testing.TB, g desfire.Generation, uid byte, credit int32) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, uid}})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Never}
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: farebox, KS1: 0x0F, KS2: 1}),
		card.SelectApplication(ctx, farebox),
		card.CreateFile(ctx, &wire.CreateValueFile{File: valueFile, Access: free, Upper: 1000, Value: credit}),
		card.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return picc
}

// credit is what the purse holds, read from the card's memory.
func credit(t testing.TB, picc *sim.Card) int32 {
	t.Helper()
	for _, a := range picc.Image().Applications {
		for _, f := range a.Files {
			if a.AID == farebox && f.No == int(valueFile) && f.Value != nil {
				return f.Value.Value
			}
		}
	}
	t.Fatal("the card has no purse")
	panic("not reached")
}

// readers is the PC/SC source of the readers with a part of a name.
func readers(t testing.TB, part string) *pcsc.Readers {
	t.Helper()
	r, err := pcsc.Open(&pcsc.Config{Reader: part})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// connect opens the card in a virtual reader.
func connect(t testing.TB, reader string) *pcsc.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := readers(t, reader).Connect(ctx, reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// newDrain is a drain that ends after a number of debits.
func newDrain(debits int) *purse.Drain {
	find := &purse.Discovery{
		Place: wire.Place{AID: farebox}, File: valueFile, ValueOnly: true,
		Policy: purse.Accidents, Others: purse.OthersNothing, Journal: purse.Memory(nil),
	}
	return &purse.Drain{Find: find.Open, Amount: 1, Debits: debits}
}

// open is how many commits had no answer at first.
func open(s *purse.Summary) int { return s.Resolved + s.NotDone + s.Unknown }

func debit(ctx context.Context, card *desfire.Card) error {
	if err := card.SelectApplication(ctx, farebox); err != nil {
		return err
	}
	if _, err := card.Value(ctx, valueFile); err != nil {
		return err
	}
	_, err := card.Transact(ctx, func() error { return card.Debit(ctx, valueFile, 1) })
	return err
}

// check compares the card with the ledger: what was reported has happened, and
// nothing else.
func check(t testing.TB, picc *sim.Card, start int32, s *purse.Summary) {
	t.Helper()
	if v := credit(t, picc); v != start-int32(s.Debits) || s.Unknown != 0 {
		t.Errorf("the card holds %d of %d after %+v", v, start, *s)
	}
}
