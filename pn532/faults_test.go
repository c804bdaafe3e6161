package pn532

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

const credit = 1_000_000

// purseCard is a card with a value file that everybody may debit, in plain: the
// hardest for a transport, for nothing but the transport tells one answer from
// another.
func purseCard(t testing.TB) *simreader.Reader {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		t.Fatal(err)
	}
	r := simreader.New("simulated", picc)
	ctx := context.Background()
	tr, err := r.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	if err := errors.Join(
		card.CreateApplication(ctx, &wire.CreateApplication{AID: 0x121314, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(ctx, 0x121314),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Access: free, Upper: credit, Value: credit}),
		card.Close(),
	); err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	selectApp = []byte{0x90, 0x5A, 0, 0, 3, 0x14, 0x13, 0x12, 0}
	getValue  = []byte{0x90, 0x6C, 0, 0, 1, 1, 0}
	debitOne  = []byte{0x90, 0xDC, 0, 0, 5, 1, 1, 0, 0, 0, 0}
	commit    = []byte{0x90, 0xC7, 0, 0, 0}
	done      = []byte{0x91, 0}
)

// value reads the value from the card itself, past chip and line.
func value(t testing.TB, r *simreader.Reader) int {
	t.Helper()
	ctx := context.Background()
	tr, err := r.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Transmit(ctx, selectApp); err != nil {
		t.Fatal(err)
	}
	answer, err := tr.Transmit(ctx, getValue)
	if err != nil || len(answer) != 6 {
		t.Fatalf("GetValue: %X, %v", answer, err)
	}
	return int(int32(binary.LittleEndian.Uint32(answer)))
}

// again brings a finished connection back, or makes one of the next insertion.
func again(t *testing.T, r *Reader, c *Conn) *Conn {
	t.Helper()
	for {
		err := c.Reconnect(t.Context())
		var e *Error
		switch {
		case err == nil:
			return c
		case !errors.As(err, &e):
			t.Fatalf("not an *Error: %v", err)
		case e.Removed():
			c.Close()
			return openCard(t, r)
		}
		time.Sleep(time.Second)
	}
}

// TestSumsExact makes 10,000 exchanges over a line on which bytes are lost,
// doubled, cut, wrong and made up. What is reported done is done once, what is
// reported unknown once or never, and nothing is done twice.
func TestSumsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := purseCard(t)
		wire := &chip.WireConfig{Seed: 14, ToEnd: 0.02, Back: 0.02} // of every kind
		p := newPort(chip.New(chip.Simulated(card, nil), nil), wire)
		r := p.reader(t, nil)
		counts := sumsExact(t, card, r, 10_000)
		if counts.happened < 3000 || counts.unknown < 20 || counts.resolved == 0 || counts.resolved == counts.unknown {
			t.Errorf("%v: the faults test nothing", counts)
		}
		t.Logf("%v; the line was opened %d times", counts, p.opened)
	})
}

// sums is what came of debits over a line with faults.
type sums struct{ exchanges, happened, unknown, resolved int }

func (n sums) String() string {
	return fmt.Sprintf("%d exchanges, %d debits done, %d unknown of which %d happened", n.exchanges, n.happened, n.unknown, n.resolved)
}

// sumsExact, in a bubble of synctest, debits a card of purseCard until there were so many exchanges, and
// compares with the card whenever an outcome is unknown, and at the end.
func sumsExact(t *testing.T, card *simreader.Reader, r *Reader, exchanges int) (n sums) {
	t.Helper()
	c := openCard(t, r)
	defer func() { c.Close() }()
	selected := false
	do := func(command []byte) bool {
		n.exchanges++
		answer, err := c.Transmit(t.Context(), command)
		if err == nil {
			return bytes.HasSuffix(answer, done)
		}
		if bytes.Equal(command, commit) {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("not an *Error: %v", err)
			}
			if e.Sent() {
				n.unknown++
			}
		}
		c, selected = again(t, r, c), false
		return false
	}
	for n.exchanges < exchanges {
		if !selected && !do(selectApp) {
			continue
		}
		selected = true
		if !do(debitOne) {
			continue
		}
		before := n.unknown
		if do(commit) {
			n.happened++
		}
		if n.unknown > before {
			// What became of it is read from the card.
			c.Close()
			switch left := value(t, card); left {
			case credit - n.happened - n.resolved:
			case credit - n.happened - n.resolved - 1:
				n.resolved++
			default:
				t.Fatalf("the card has %d after %v", left, n)
			}
			c = openCard(t, r)
			selected = false
		}
	}
	c.Close()
	time.Sleep(time.Minute) // the line ends after the connection
	if left := value(t, card); left != credit-n.happened-n.resolved {
		t.Errorf("the card has %d of %d after %v", left, credit, n)
	}
	return n
}

func lyingCard(t *testing.T) *simreader.Reader {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	return simreader.New("simulated", card)
}
