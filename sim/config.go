package sim

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// Config says what card to make. The zero value is an EV3 with 8 KiB, a random
// UID and no store.
type Config struct {
	// Generation of a new card; EV3 if unknown. A stored card keeps its own,
	// and New fails if another one is stated.
	Generation wire.Generation
	// UID of a new card, 7 bytes; drawn from Rand if nil.
	UID []byte
	// Storage is the nominal size of a new card's memory in bytes: 2048, 4096,
	// 8192, 16384 or 32768, as far as the generation was made with it.
	// Zero is 4096 for D40, 8192 for EV1 to EV3.
	Storage int
	// Store keeps the memory. Nil keeps it as long as the Card lives. A Locker
	// is locked until the card is lifted or closed.
	Store Store
	// Rand gives the UID and the card's random numbers; crypto/rand if nil.
	Rand io.Reader
	// Clock tells the time; time.Now if nil. Only delays and timers ask it.
	Clock func() time.Time
	// Quirks is what silicon does and no document says; QuirksOf(Generation) if nil.
	Quirks *Quirks
	// Hardware and Software are the first two blocks of GetVersion, 7 bytes
	// each, Production the last 7 bytes of the third (batch, week, year).
	// Nil: what cards of the generation and storage size answer.
	Hardware, Software, Production []byte
	// Signature is what ReadSignature answers, 56 bytes. Nil: one that no check
	// accepts.
	Signature []byte
	// MaxFrame is how many bytes an answer frame has at most, with its status
	// in native framing. Zero is 60, what an FSD of 64 leaves.
	MaxFrame int
}

// New makes a card, or loads the one that Config.Store holds. The card is not
// in the field yet: see Present. cfg is copied, and may be nil. It fails with a *LockedError where another card
// has the store.
func New(cfg *Config) (_ *Card, err error) {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.MaxFrame == 0 {
		c.MaxFrame = frame.MaxFrame
	}
	if c.MaxFrame < 32 {
		return nil, fmt.Errorf("MaxFrame %d: want at least 32", c.MaxFrame)
	}
	card := &Card{store: c.Store, rand: c.Rand, clock: c.Clock, maxFrame: c.MaxFrame}
	if card.locker, card.held = c.Store.(Locker); card.held {
		if err := card.locker.Lock(); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, card.locker.Unlock())
			}
		}()
	}
	m, err := loadMemory(&c)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if m, err = newMemory(&c); err != nil {
			return nil, err
		}
		if c.Store != nil {
			if err := c.Store.Save(encodeImage(m)); err != nil {
				return nil, fmt.Errorf("save the new card: %w", err)
			}
		}
	}
	card.nvm = m
	card.gen, card.uid = m.generation, m.uid
	if c.Quirks != nil {
		card.quirks = *c.Quirks
	} else {
		card.quirks = QuirksOf(m.generation)
	}
	card.build()
	return card, nil
}

// loadMemory reads the stored card; nil if there is none.
func loadMemory(c *Config) (*memory, error) {
	if c.Store == nil {
		return nil, nil
	}
	data, err := c.Store.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeImage(data)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c.Store, err)
	}
	if w, ok := c.Store.(interface{ Writable() error }); ok {
		if err := w.Writable(); err != nil {
			return nil, err
		}
	}
	switch {
	case c.Generation != wire.UnknownGeneration && c.Generation != m.generation:
		return nil, fmt.Errorf("%v holds a card of generation %v, not %v: leave the generation out or take another file", c.Store, m.generation, c.Generation)
	case c.UID != nil && !bytes.Equal(c.UID, m.uid[:]):
		return nil, fmt.Errorf("%v holds the card %X, not %X: leave the UID out or take another file", c.Store, m.uid, c.UID)
	case c.Storage != 0 && c.Storage != m.storage:
		return nil, fmt.Errorf("%v holds a card of %d bytes, not %d: leave the storage size out or take another file", c.Store, m.storage, c.Storage)
	}
	return m, nil
}

// newMemory is a card as it leaves the factory.
func newMemory(c *Config) (*memory, error) {
	g := c.Generation
	if g == wire.UnknownGeneration {
		g = wire.EV3
	}
	p, ok := profiles[g]
	if !ok {
		return nil, fmt.Errorf("generation %v: want D40, EV1, EV2, EV3, Light or NTAG424", g)
	}
	m := &memory{generation: g, storage: c.Storage}
	if m.storage == 0 {
		m.storage = p.storage
	}
	size, ok := p.sizes[m.storage]
	if !ok {
		return nil, fmt.Errorf("%d bytes: %s", m.storage, p.madeWith(g))
	}
	switch len(c.UID) {
	case 0:
		m.uid = [7]byte{0x04} // NXP
		if _, err := io.ReadFull(c.Rand, m.uid[1:]); err != nil {
			return nil, fmt.Errorf("draw a UID: %w", err)
		}
	case 7:
		m.uid = [7]byte(c.UID)
	default:
		return nil, fmt.Errorf("UID %X has %d bytes, want 7", c.UID, len(c.UID))
	}
	m.version = versionBytes{p.hardware, p.software, [7]byte{0xBA, 0x45, 0x51, 0xB2, 0x80, 0x52, 0x24}}
	m.version.Hardware[5], m.version.Software[5] = size.code, size.code
	for _, o := range []struct {
		name string
		from []byte
		to   *[7]byte
	}{
		{"Hardware", c.Hardware, &m.version.Hardware},
		{"Software", c.Software, &m.version.Software},
		{"Production", c.Production, &m.version.Production},
	} {
		if o.from == nil {
			continue
		}
		if len(o.from) != 7 {
			return nil, fmt.Errorf("%s %X has %d bytes, want 7", o.name, o.from, len(o.from))
		}
		*o.to = [7]byte(o.from)
	}
	m.factory()
	if c.Signature != nil {
		if len(c.Signature) != len(m.signature) {
			return nil, fmt.Errorf("signature has %d bytes, want %d", len(c.Signature), len(m.signature))
		}
		m.signature = [56]byte(c.Signature)
	}
	return m, nil
}
