package sim

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// Card is a simulated card. Its methods may be called from any goroutine; an
// exchange is one step.
type Card struct {
	gen      wire.Generation
	uid      [7]byte
	quirks   Quirks
	store    Store
	locker   Locker // the store, if it is one
	rand     io.Reader
	clock    func() time.Time
	maxFrame int
	native   [256]*command
	iso      [256]*command

	placing sync.Mutex // one Lift, Return or Present at a time; taken before mu
	held    bool       // the locker is locked; guarded by placing
	field   field

	mu    sync.Mutex // guards what follows
	nvm   *memory
	v     volatile
	ended []securemsg.Channel // sessions that this exchange has ended
	call  call
	coder wire.Coder
	// Buffers kept between exchanges.
	in, plain, rsp, out, frame, head []byte
	marks                            []int

	fault     Fault              // of the exchange under way
	atWrite   func() disturbance // of the exchange under way: asked at each write, nil for none
	writes    int                // to the memory
	writesNow int                // in the exchange under way
	torn      bool               // the power went in one of them
	before    *memory            // what the next power-up restores, nil if the memory is whole
	after     *memory            // what it finishes instead, nil for nothing
}

// Generation of the card.
func (c *Card) Generation() wire.Generation { return c.gen }

// UID is a copy of the card's own identifier, 7 bytes, also if it answers random
// ones.
func (c *Card) UID() []byte {
	uid := c.uid
	return uid[:]
}

// ATR is what a PC/SC reader reports for the card: the historical bytes of its
// ATS, as they were when it was activated. It is a copy.
func (c *Card) ATR() []byte {
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	historical := []byte{0x80} // of the factory's ATS
	if c.field.ats != nil {
		historical = historicalBytes(c.field.ats)
	}
	atr := append([]byte{0x3B, 0x80 | byte(len(historical)), 0x80, 0x01}, historical...)
	var tck byte
	for _, b := range atr[1:] {
		tck ^= b
	}
	return append(atr, tck)
}

// historicalBytes are what follows TL, T0 and the interface bytes of an ATS, at
// most 15.
func historicalBytes(ats []byte) []byte {
	if len(ats) < 2 {
		return nil
	}
	at := 2
	for bit := byte(0x10); bit <= 0x40; bit <<= 1 {
		if ats[1]&bit != 0 {
			at++
		}
	}
	if at >= len(ats) {
		return nil
	}
	return ats[at:][:min(15, len(ats)-at)]
}

func (c *Card) String() string {
	return fmt.Sprintf("simulated %v %X", c.gen, c.uid)
}

// commit makes next the content of the memory. Nothing else changes it. If it
// cannot be saved, the memory stays as it was.
func (c *Card) commit(next *memory) wire.Status {
	if c.torn {
		return wire.StatusEEPROMError
	}
	switch d := c.disturb(); {
	case d.kind == FailWrite:
		return wire.StatusEEPROMError
	case d.kind == TearWrite:
		return c.tear(next, d)
	}
	return c.save(next)
}

func (c *Card) save(next *memory) wire.Status {
	if c.store != nil {
		if err := c.store.Save(encodeImage(next)); err != nil {
			return wire.StatusEEPROMError
		}
	}
	c.nvm = next
	return wire.StatusOK
}

// selected is the selected application, nil at PICC level.
func (c *Card) selected() *application {
	if c.v.aid == wire.PICC {
		return nil
	}
	return c.nvm.app(c.v.aid)
}
