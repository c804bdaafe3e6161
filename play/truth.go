package play

import (
	"bytes"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Held is what a card holds: what only a simulator can tell.
type Held struct {
	Session sim.Truth // what the card itself believes of the conversation
	Used    int       // bytes of its memory, also by what was deleted
	Storage int       // nominal bytes
	Files   []HeldFile
}

// HeldFile is a file as it stands in the card's memory, changes that wait for a
// commit not in it. Which members are there depends on the type.
type HeldFile struct {
	Place wire.Place
	No    wire.FileNo
	Type  string // as in images: standard, backup, value, linear, cyclic or tmac
	Size  int    // bytes, of standard and backup files and of a record

	Value   *sim.ImageValue
	TMAC    *sim.ImageTMAC
	Data    []byte   // without the zeros at the end
	Records [][]byte // oldest first
}

// Holds is what the card holds now.
func (b *Bench) Holds() Held {
	l := b.here()
	i := l.card.Image()
	h := Held{Session: l.card.Truth(), Used: i.Used, Storage: i.Storage}
	for _, a := range i.Applications {
		for _, f := range a.Files {
			x := HeldFile{Place: placeOf(i, &a), No: wire.FileNo(f.No), Type: f.Type, Size: f.Size, Value: f.Value, TMAC: f.TMAC, Data: bytes.TrimRight(f.Data, "\x00")}
			if f.RecordSize > 0 {
				x.Size = f.RecordSize
			}
			for _, r := range f.Records {
				x.Records = append(x.Records, bytes.Clone(r))
			}
			h.Files = append(h.Files, x)
		}
	}
	return h
}

// Value is what the value file of a place holds; false if there is none.
func (h *Held) Value(p wire.Place, no wire.FileNo) (int32, bool) {
	for _, f := range h.Files {
		if f.Place == p && f.No == no && f.Value != nil {
			return f.Value.Value, true
		}
	}
	return 0, false
}
