//go:build unix

package pn532

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/pn532"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends what hangs.
const patience = 2 * time.Minute

const (
	farebox   = desfire.AID(0x121314)
	valueFile = 1
)

// station is a chip on a serial line with a card in its field, and a reader at the other end.
type station struct {
	card   *simreader.Reader
	chip   *chip.Chip
	reader *pn532.Reader
	name   string // of the line
	wire   *chip.Wire
	pull   func() // ends the line

	mu     sync.Mutex
	counts map[string]int // commands by their name
}

func newStation(t testing.TB, card *sim.Card, spoil *chip.WireConfig) *station {
	t.Helper()
	s := &station{card: simreader.New("simulated", card), name: filepath.Join(t.TempDir(), "ttyUSB0"), counts: map[string]int{}}
	s.chip = chip.New(chip.Simulated(s.card, nil), &chip.Config{Observe: s.observe})
	s.plug(t, spoil)
	reader, err := pn532.Open(s.name, &pn532.Config{Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.reader = reader
	t.Cleanup(func() {
		reader.Close()
		s.pull()
	})
	return s
}

func (s *station) observe(command, _ []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(command) > 0 {
		s.counts[chip.Name(command[0])]++
	}
}

func (s *station) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[name]
}

// plug puts the chip on a new line with the station's name.
func (s *station) plug(t testing.TB, spoil *chip.WireConfig) {
	t.Helper()
	far, near, err := pty.Open()
	if err == nil {
		err = os.Symlink(near.Name(), s.name)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.wire = chip.NewWire(far, spoil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.chip.ServeHSU(context.Background(), s.wire)
	}()
	s.pull = sync.OnceFunc(func() {
		os.Remove(s.name)
		far.Close()
		io.WriteString(near, "x") // a Read under way ends only when there is something to read
		near.Close()
		<-ended
	})
}

// newCard is a card with a value file that everybody may use, and an application for files.
func newCard(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}})
	if err != nil {
		t.Fatal(err)
	}
	if !g.Has(wire.FeatureClassic) {
		return card
	}
	ctx := t.Context()
	c, err := desfire.Connect(ctx, card.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Never}
	if err := errors.Join(
		c.CreateApplication(ctx, &wire.CreateApplication{AID: farebox, KS1: 0x0F, KS2: 1}),
		c.SelectApplication(ctx, farebox),
		c.CreateFile(ctx, &wire.CreateValueFile{File: valueFile, Access: free, Upper: 100_000, Value: 100_000}),
		c.Close(),
	); err != nil {
		t.Fatal(err)
	}
	return card
}

// credit is what the card holds, read from its memory.
func credit(t testing.TB, card *sim.Card) int {
	t.Helper()
	for _, a := range card.Image().Applications {
		for _, f := range a.Files {
			if a.AID == farebox && f.No == valueFile {
				return int(f.Value.Value)
			}
		}
	}
	t.Fatal("the card has no purse")
	return 0
}

func newDrain(debits int) *purse.Drain {
	find := &purse.Discovery{
		Place: wire.Place{AID: farebox}, File: valueFile, ValueOnly: true,
		Policy: purse.Accidents, Others: purse.OthersNothing, Journal: purse.Memory(nil),
	}
	return &purse.Drain{Find: find.Open, Amount: 1, Debits: debits}
}

// with gives the card that lies there to a job.
func (s *station) with(t testing.TB, job func(ctx context.Context, card *desfire.Card) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for card, err := range desfire.Cards(ctx, s.reader, nil) {
		if err == nil {
			err = job(ctx, card)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("no card")
}

// zero is the factory's key of a card's applications.
func zero() key.Key { return key.Zero(key.TypeDES) }
