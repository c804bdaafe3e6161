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

// Verifier checks messages of tags that share keys. For keys that differ per
// tag, decipher the PICC data first and make a Verifier of what the UID says.
type Verifier struct {
	MetaRead key.Key // deciphers PICC data; nil where tags mirror in plain
	FileRead key.Key
	LRP      bool

	// Replay is asked after all else is right. nil lets a message pass again
	// and again.
	Replay Replay
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
	t := &Tag{PICCData: m.Plain}
	t.UID = slices.Clone(t.UID)
	if m.PICCData != nil {
		var err error
		if t.PICCData, err = DecipherPICC(ctx, v.MetaRead, v.LRP, m.PICCData); err != nil {
			return nil, err
		}
	}
	if t.UID == nil && !t.HasCounter {
		return nil, errors.New("the message has neither UID nor counter")
	}
	s, err := NewSession(ctx, v.FileRead, v.LRP, t.PICCData)
	if err != nil {
		return nil, err
	}
	if mac := s.MAC(m.MACInput); subtle.ConstantTimeCompare(mac[:], m.MAC[:]) != 1 {
		return nil, ErrMAC
	}
	if m.File != nil {
		if t.File, err = s.DecipherFile(m.File); err != nil {
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
