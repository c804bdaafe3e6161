package sim

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// A commit of a value, three blocks of a backup file and a record, torn at each
// cell: the memory is torn indeed, and whole after the next power-up.
func TestTearInsideCommit(t *testing.T) {
	for _, finish := range []bool{false, true} {
		store := Memory()
		c := newCard(t, wire.EV2, func(cfg *Config) { cfg.Store = store })
		a := c.Present()
		script(t, a, free)
		script(t, a, "cb 06 00 eeee 600000 < 00")
		old := image(c)
		begin := func() *Activation {
			a := c.Present()
			script(t, a, `
				5a 563412 < 00
				dc 03 01000000 < 00
				3d 06 1f0000 220000 `+hexOf(bytes.Repeat([]byte{7}, 0x22))+` < 00
				3b 05 000000 040000 01020304 < 00`)
			return a
		}
		tear := func(cells int) {
			t.Helper()
			a := begin()
			c.Inject(Fault{Exchange: 1, Kind: TearWrite, Cells: cells, Finish: finish})
			var lost *FieldError
			if _, err := a.Transmit(t.Context(), []byte{0xC7}); !errors.As(err, &lost) || !lost.Sent() || !lost.Removed() {
				t.Fatalf("%d cells: %v", cells, err)
			}
		}
		script(t, begin(), "c7 < 00")
		next := image(c)
		states := map[string]int{}
		// Back to the beginning.
		restore := func() {
			m, err := decodeImage(old)
			if err != nil {
				t.Fatal(err)
			}
			c.nvm = m
			if err := store.Save(old); err != nil {
				t.Fatal(err)
			}
		}
		for cells := range 8 {
			restore()
			tear(cells)
			states[string(image(c))]++
			if b, _ := store.Load(); !bytes.Equal(b, old) {
				t.Errorf("%d cells: the store has changed before the next power-up", cells)
			}
			c.Present()
			want := old
			if finish {
				want = next
			}
			sameImage(t, image(c), want)
			if b, _ := store.Load(); !bytes.Equal(b, want) {
				t.Errorf("%d cells: the store has something else", cells)
			}
		}
		// None to six cells: value, limited credit, three blocks, records.
		if len(states) != 7 || states[string(old)] != 1 || states[string(next)] != 2 {
			t.Errorf("%d states while torn, %d old, %d new", len(states), states[string(old)], states[string(next)])
		}
		restore()
		tear(-1)
		sameImage(t, image(c), next)
		c.Present()
		sameImage(t, image(c), next)
	}
}

func TestFailNthWriteOfExchange(t *testing.T) {
	c := newCard(t, wire.EV1)
	a := c.Present()
	script(t, a, free)
	writes := c.Writes()
	c.Inject(Fault{Exchange: 1, Kind: FailWrite, Write: 2})
	script(t, a, "3d 01 000000 010000 aa < 00") // it writes once
	c.Inject(Fault{Exchange: 1, Kind: FailWrite})
	script(t, a, "3d 01 000000 010000 bb < ee")
	if n := c.Writes() - writes; n != 2 {
		t.Errorf("%d writes", n)
	}
}
