package sdm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
)

// Diversifier finds the keys of a tag from a master key. Its methods fit the
// fields of a Verifier.
type Diversifier interface {
	// MetaRead is the key that deciphers PICC data, which tell the UID: it is the
	// same for all tags. nil if the scheme has none.
	MetaRead(ctx context.Context) (key.Key, error)
	// FileRead is the key of the tag with a UID of 7 bytes.
	FileRead(ctx context.Context, uid []byte) (key.Key, error)
}

// Use makes a verifier find its keys by a scheme. A MetaRead key that it has
// stays.
func (v *Verifier) Use(ctx context.Context, d Diversifier) error {
	if v.MetaRead == nil && len(v.MetaReads) == 0 {
		k, err := d.MetaRead(ctx)
		if err != nil {
			return err
		}
		v.MetaRead = k
	}
	v.FileReadOf, v.scheme = d.FileRead, d
	return nil
}

// AN10922 diversifies the file read key as NXP's application note says: the input
// is the UID, and what Tail has behind it. There is no meta read key in it: give
// the Verifier one.
type AN10922 struct {
	Master   key.Key
	Tail     []byte // AID, most significant byte first, and identifier of the system, as the cards were made
	Reversed bool   // the UID goes in with its last byte first
}

// MetaRead implements Diversifier: there is none.
func (a *AN10922) MetaRead(context.Context) (key.Key, error) { return nil, nil }

// FileRead implements Diversifier.
func (a *AN10922) FileRead(ctx context.Context, uid []byte) (key.Key, error) {
	if err := diversifies(uid, a.Master); err != nil {
		return nil, err
	}
	in := slices.Clone(uid)
	if a.Reversed {
		slices.Reverse(in)
	}
	k, err := an10922.Key(ctx, a.Master, append(in, a.Tail...))
	if err != nil {
		return nil, err
	}
	return k, nil
}

// ErrNoUID is an error of diversified keys, for errors.Is.
var ErrNoUID = errors.New("the message does not tell the UID, from which the keys follow")

func diversifies(uid []byte, master key.Key) error {
	if len(uid) == 0 {
		return ErrNoUID
	}
	if len(uid) != 7 {
		return fmt.Errorf("diversify: a UID of %d bytes, want 7", len(uid))
	}
	return aesKey("master", master)
}
