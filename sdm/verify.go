package sdm

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-desfire/desfire/key"
)

// Errors of Verify, for errors.Is.
var (
	ErrMAC    = errors.New("the MAC is wrong: the message is forged or changed, or the file read key is another")
	ErrReplay = errors.New("this message was seen before")
)

// Verifier checks messages of tags that share keys, or whose keys follow from
// their UID.
type Verifier struct {
	MetaRead key.Key // deciphers PICC data; nil where tags mirror in plain
	FileRead key.Key
	LRP      bool

	// MetaReads are more meta read keys: each is tried, since nothing tells which
	// one deciphers the PICC data before the MAC does.
	MetaReads []key.Key
	// FileReadOf, if not nil, finds the file read key of a tag, instead of FileRead:
	// in a store, or as the method of a Diversifier. uid is nil if the message does
	// not tell it.
	FileReadOf func(ctx context.Context, uid []byte) (key.Key, error)

	// Replay is asked after all else is right. nil lets a message pass again
	// and again.
	Replay Replay

	scheme Diversifier // in use
}

// Replay remembers the counters of tags.
type Replay interface {
	// Use takes note of a counter, in one step that no other call can come
	// between. A counter not above the last one is ErrReplay. It does not keep uid.
	Use(ctx context.Context, uid []byte, counter uint32) error
}

// Message is what a tag mirrored, in bytes.
type Message struct {
	PICCData []byte // enciphered; nil where Plain holds
	Plain    PICCData
	MACInput []byte // the ASCII that the MAC covers
	MAC      [8]byte
	File     []byte // enciphered file data; nil if none
}

// Tag is what a message proves.
type Tag struct {
	PICCData
	File []byte // deciphered file data
}

// String shows UID and counter.
func (t *Tag) String() string {
	s := "unknown UID"
	if t.UID != nil {
		s = fmt.Sprintf("UID %X", t.UID)
	}
	if t.HasCounter {
		s += fmt.Sprintf(", counter %d", t.Counter)
	}
	return s
}

// Verify checks a message: that it deciphers, that its MAC is right, that its
// counter was not used. Only then anything of it is returned, as a copy.
func (v *Verifier) Verify(ctx context.Context, m *Message) (*Tag, error) {
	opened, err := v.open(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, o := range opened {
		if o.fits(m.MACInput, m.MAC) {
			return v.accept(ctx, o, m)
		}
	}
	return nil, ErrMAC
}

// opened is what a message says under one choice of keys, and proves nothing.
type opened struct {
	p PICCData
	s *Session
}

func (o *opened) fits(input []byte, mac [8]byte) bool {
	have := o.s.MAC(input)
	return subtle.ConstantTimeCompare(have[:], mac[:]) == 1
}

// open deciphers PICC data with each key that can have enciphered them, and makes
// the sessions. It is an error if there is none.
func (v *Verifier) open(ctx context.Context, m *Message) (list []opened, err error) {
	says := []PICCData{m.Plain}
	if m.PICCData != nil {
		if says, err = v.decipher(ctx, m.PICCData); err != nil {
			return nil, err
		}
	}
	for _, p := range says {
		if p.UID == nil && !p.HasCounter {
			return nil, errors.New("the message has neither UID nor counter")
		}
		file := v.FileRead
		if v.FileReadOf != nil {
			if file, err = v.FileReadOf(ctx, slices.Clone(p.UID)); err != nil {
				return nil, fmt.Errorf("file read key: %w", err)
			}
		}
		s, err := NewSession(ctx, file, v.LRP, p)
		if err != nil {
			return nil, err
		}
		p.UID = slices.Clone(p.UID)
		list = append(list, opened{p, s})
	}
	return list, nil
}

// decipher is what PICC data say under each meta read key that fits them.
func (v *Verifier) decipher(ctx context.Context, data []byte) (says []PICCData, err error) {
	keys := v.MetaReads
	if v.MetaRead != nil || len(keys) == 0 {
		keys = append([]key.Key{v.MetaRead}, keys...)
	}
	for _, k := range keys {
		p, e := DecipherPICC(ctx, k, v.LRP, data)
		switch {
		case e == nil:
			says = append(says, p)
		case !errors.Is(e, ErrPICCData):
			return nil, e
		default:
			err = e
		}
	}
	if len(says) > 0 {
		err = nil
	}
	return says, err
}

// accept makes a Tag of a message whose MAC is right, unless it was seen before.
func (v *Verifier) accept(ctx context.Context, o opened, m *Message) (*Tag, error) {
	t := &Tag{PICCData: o.p}
	if m.File != nil {
		var err error
		if t.File, err = o.s.DecipherFile(m.File); err != nil {
			return nil, err
		}
	}
	if v.Replay == nil {
		return t, nil
	}
	if t.UID == nil || !t.HasCounter {
		return nil, errors.New("without UID and counter in the message a replay cannot be told")
	}
	if err := v.Replay.Use(ctx, t.UID, t.Counter); err != nil {
		return nil, err
	}
	return t, nil
}

// Counters is a Replay in memory. The zero value is ready to use, from any
// goroutine.
type Counters struct {
	mu   sync.Mutex
	last map[string]uint32
}

// Use implements Replay.
func (c *Counters) Use(_ context.Context, uid []byte, counter uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := hex.EncodeToString(uid)
	if last, ok := c.last[id]; ok && counter <= last {
		return fmt.Errorf("counter %d after %d: %w", counter, last, ErrReplay)
	}
	if c.last == nil {
		c.last = map[string]uint32{}
	}
	c.last[id] = counter
	return nil
}
