package sim

import (
	"bytes"
	"slices"

	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/wire"
)

// disturbance is what happens to one write to the memory.
type disturbance struct {
	kind   FaultKind // FailWrite, TearWrite or nothing
	cells  int
	finish bool
}

// disturb says what happens to the write that is about to be made.
func (c *Card) disturb() disturbance {
	c.writes++
	c.writesNow++
	var d disturbance
	if f := &c.fault; (f.Kind == FailWrite || f.Kind == TearWrite) && c.writesNow == max(f.Write, 1) {
		d = disturbance{f.Kind, f.Cells, f.Finish}
	}
	if d.kind == 0 && c.atWrite != nil {
		d = c.atWrite()
	}
	return d
}

// tear loses the power in a write to the memory. A card writes a before-image, its
// cells, and a mark that makes the before-image void: whoever finds it valid at
// power-up restores it.
func (c *Card) tear(next *memory, d disturbance) wire.Status {
	c.torn = true
	if d.cells < 0 {
		return c.save(next)
	}
	steps := cells(c.nvm, next)
	mixed := c.nvm.edit()
	n := min(d.cells, len(steps))
	if d.cells == halfCells {
		n = (len(steps) + 1) / 2
	}
	for _, write := range steps[:n] {
		write(mixed)
	}
	c.before = c.nvm
	if d.finish {
		c.after = next
	}
	c.nvm = mixed
	return wire.StatusEEPROMError // nobody hears it
}

// recover is what a card does first at power-up. Until then the store has the old
// memory.
func (c *Card) recover() {
	if c.before == nil {
		return
	}
	next := c.after
	c.nvm, c.before, c.after = c.before, nil, nil
	if next != nil {
		_ = c.save(next) // a store that fails keeps the old one
	}
}

// Writes is how many times the card has written to its memory, or tried to, since
// it was made or loaded.
func (c *Card) Writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// cells are the writes that make next of m, in order: of each file that changes
// its value, its limited-credit amount, each block of its data, its records, its
// transaction MAC; last what remains.
func cells(m, next *memory) []func(*memory) {
	var all []func(*memory)
	for _, a := range next.apps {
		old := m.app(a.aid)
		if old == nil || old == a {
			continue
		}
		for _, f := range a.files {
			if was := old.file(f.no); was != nil && was != f {
				for _, change := range fileCells(was, f) {
					all = append(all, func(m *memory) { change(m.editApp(a.aid).editFile(f.no)) })
				}
			}
		}
	}
	reached := m.edit()
	for _, write := range all {
		write(reached)
	}
	if !bytes.Equal(encodeImage(reached), encodeImage(next)) {
		all = append(all, func(m *memory) { *m = *next.edit() })
	}
	return all
}

func fileCells(was, f *file) (all []func(*file)) {
	if f.value != was.value {
		all = append(all, func(x *file) { x.value = f.value })
	}
	if f.limited != was.limited {
		all = append(all, func(x *file) { x.limited = f.limited })
	}
	if len(f.data) == len(was.data) {
		for at := 0; at < len(f.data); at += blocks.Size {
			end := min(at+blocks.Size, len(f.data))
			if !bytes.Equal(f.data[at:end], was.data[at:end]) {
				all = append(all, func(x *file) {
					x.data = slices.Clone(x.data)
					copy(x.data[at:end], f.data[at:end])
				})
			}
		}
	}
	if !slices.EqualFunc(f.records, was.records, bytes.Equal) {
		all = append(all, func(x *file) { x.records = f.records })
	}
	if f.tmac != was.tmac {
		all = append(all, func(x *file) { x.tmac = f.tmac })
	}
	return all
}
