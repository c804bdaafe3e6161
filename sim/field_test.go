package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// The card is torn at every exchange of select, get, debit, commit, on both
// sides of execution: the value is what it was, or after the commit was
// executed, the new one.
func TestTearEveryExchange(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, free)
		job := []string{"5a563412", "6c03", "dc0301000000", "c7"}
		value := 100
		for n := range job {
			for _, tear := range []struct {
				name string
				plan func(int)
				done bool
			}{
				{"before", c.TearBefore, false},
				{"after", c.TearAfter, n == len(job)-1},
			} {
				a := c.Present()
				tear.plan(n + 1)
				var err error
				for _, cmd := range job {
					if _, err = a.Transmit(t.Context(), unhex(t, cmd)); err != nil {
						break
					}
				}
				var lost *FieldError
				if !errors.As(err, &lost) || !lost.Sent() {
					t.Fatalf("torn %s exchange %d: %v", tear.name, n+1, err)
				}
				if _, err := a.Transmit(t.Context(), unhex(t, "6c03")); !errors.As(err, &lost) || lost.Sent() {
					t.Fatalf("exchange after the tear: %v", err)
				}
				if tear.done {
					value--
				}
				if err := a.Reconnect(t.Context()); err != nil {
					t.Fatal(err)
				}
				script(t, a, fmt.Sprintf(`
					c7 < 9d               # back at PICC level, nothing pending
					5a 563412 < 00
					c7 < 0c
					6c 03 < 00 %02x000000`, value))
			}
		}
	})
}

func TestTornChainedWriteLeavesPart(t *testing.T) {
	c := newCard(t, wire.EV1)
	a := c.Present()
	script(t, a, free+`
		3d 01 000000 200000 `+strings.Repeat("aa", 8)+` < af
		af `+strings.Repeat("bb", 8)+` < af`)
	c.TearBefore(1)
	if _, err := a.Transmit(t.Context(), unhex(t, "af cc")); err == nil {
		t.Fatal("the power is gone and the card answers")
	}
	a = c.Present()
	script(t, a, `
		5a 563412 < 00
		bd 01 000000 000000 < 00 `+strings.Repeat("aa", 8)+strings.Repeat("bb", 8)+strings.Repeat("00", 16))
}

func TestLiftAndReturn(t *testing.T) {
	c := newCard(t, wire.EV2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan bool)
	go func() {
		defer close(seen)
		for present := range c.Presence(ctx) {
			seen <- present
		}
	}()
	if <-seen {
		t.Fatal("in the field before it was presented")
	}
	a := c.Present()
	if !<-seen {
		t.Fatal("presented and not in the field")
	}
	script(t, a, "5a 000000 < 00")
	c.Lift()
	if <-seen {
		t.Fatal("lifted and in the field")
	}
	if _, err := a.Transmit(t.Context(), []byte{0x60}); err == nil {
		t.Fatal("a lifted card answers")
	}
	if err := a.Reconnect(t.Context()); err == nil {
		t.Fatal("a lifted card is activated")
	}
	c.Return()
	if !<-seen {
		t.Fatal("returned and not in the field")
	}
	if err := a.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	script(t, a, "5a 000000 < 00")
	cancel()
	for range seen {
	}
}

func TestActivationsEndEachOther(t *testing.T) {
	c := newCard(t, wire.EV2)
	first := c.Present()
	second := c.Present()
	if _, err := first.Transmit(t.Context(), []byte{0x60}); err == nil {
		t.Fatal("an activation outlives the next")
	}
	script(t, second, "5a 000000 < 00")
	second.Close()
	second.Close()
	if _, err := second.Transmit(t.Context(), []byte{0x60}); err == nil {
		t.Fatal("a closed activation answers")
	}
	if err := second.Reconnect(t.Context()); err == nil {
		t.Fatal("a closed activation reconnects")
	}
}

func TestFaults(t *testing.T) {
	c := newCard(t, wire.EV2)
	a := c.Present()
	script(t, a, free)
	c.Inject(
		Fault{Exchange: 1, Kind: LoseAnswer},
		Fault{Exchange: 2, Kind: CutCommand},
		Fault{Exchange: 4, Kind: CutAnswer},
		Fault{Exchange: 5, Kind: FlipAnswerBit, Bit: 8},
		Fault{Exchange: 7, Kind: FailWrite},
	)
	fails := func(cmd string) {
		t.Helper()
		if _, err := a.Transmit(t.Context(), unhex(t, cmd)); err == nil {
			t.Fatalf("%s: answered", cmd)
		}
	}
	fails("dc 03 01000000") // executed
	fails("dc 03 01000000") // never seen
	script(t, a, `
		c7 < 00
		6c 03 < 00 630000
		6c 03 < 00 e3000000
		3d 01 000000 010000 aa < 00
		3d 01 000000 010000 bb < ee
		bd 01 000000 010000 < 00 aa
		3d 01 000000 010000 bb < 00`)
}

func TestContextEndsAnExchange(t *testing.T) {
	c := newCard(t, wire.EV2)
	a := c.Present()
	c.SetLatency(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := a.Transmit(ctx, []byte{0x60}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c.SetLatency(0)
	if _, err := a.Transmit(t.Context(), []byte{0x60}); err == nil {
		t.Fatal("the connection goes on after its context ended")
	}
	c.SetLatency(time.Hour)
	if err := a.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	go a.Close()
	if _, err := a.Transmit(t.Context(), []byte{0x60}); err == nil {
		t.Fatal("answered in spite of Close")
	}
}

// Lifting the card, and presenting it again, ends an exchange that takes long.
func TestLiftEndsAnExchange(t *testing.T) {
	c := newCard(t, wire.EV2)
	for _, end := range []func(){c.Lift, func() { c.Present() }} {
		a := c.Present()
		c.SetLatency(time.Hour)
		go end()
		var lost *FieldError
		if _, err := a.Transmit(t.Context(), []byte{0x60}); !errors.As(err, &lost) {
			t.Fatal(err)
		}
		c.SetLatency(0)
	}
}

// An answer is its reader's until that reader's next command, whoever activates the
// card meanwhile.
func TestAnswerIsItsReaders(t *testing.T) {
	card, err := New(&Config{Generation: wire.EV1})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := card.Present().Transmit(t.Context(), []byte{0x60})
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(answer)
	if _, err := card.Present().Transmit(t.Context(), []byte{0x6A}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(answer, before) {
		t.Errorf("the answer became % X, it was % X", answer, before)
	}
}
