package keystore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-desfire/desfire/key"
)

// Use is one use of a key, as an audit hook is told of it. It never has bytes of
// keys, nor what was ciphered.
type Use struct {
	Time    time.Time // when it ended
	Ref     Ref       // which key was asked for
	Master  string    // its name, for a master key; then Ref is empty
	Facts   Facts     // of the key, as far as they are known
	Act     Act
	Method  key.Method // of ActAuthenticate and ActSession
	Bytes   int        // how many were ciphered or signed
	Exports bool       // with ActGet: who has the handle can take the bytes out
	Purpose string     // what WithPurpose says
	Err     error      // nil: it was done
}

// Act is what was done with a key.
type Act string

// Acts.
const (
	ActGet          Act = "get"          // the store was asked for it, and gave a handle if Err is nil
	ActAuthenticate Act = "authenticate" // a card's challenge was answered
	ActSession      Act = "session"      // a card proved the key, and the session keys were made
	ActEncrypt      Act = "encrypt"
	ActDecrypt      Act = "decrypt"
	ActMAC          Act = "mac"
	ActWrap         Act = "wrap"   // the cryptogram of a key change
	ActExport       Act = "export" // the bytes were taken out
)

// String is one line for a log.
func (u Use) String() string {
	name := u.Ref.String()
	if u.Master != "" {
		name = "master " + u.Master
	}
	s := fmt.Sprintf("%s %s (%v)", u.Act, name, u.Facts)
	switch u.Act {
	case ActAuthenticate, ActSession:
		s += " by " + u.Method.String()
	}
	if u.Bytes > 0 {
		s += fmt.Sprintf(", %d bytes", u.Bytes)
	}
	if u.Purpose != "" {
		s += ", for " + u.Purpose
	}
	if u.Err != nil {
		s += ": " + u.Err.Error()
	}
	return s
}

// Hook takes the uses of keys. It may be called from several goroutines. It is
// called when a use has ended and before anybody has the result: where it returns
// an error, the result is thrown away, so that nothing was done that the hook has not
// taken, and the caller gets an *AuditError. So a hook that must not lose a use
// writes and syncs it before it returns. It is not called with the context of the
// use, which may have ended.
type Hook func(Use) error

// AuditError says that the hook did not take a use, which therefore did not count.
type AuditError struct {
	Act Act
	Err error // the hook's
}

func (e *AuditError) Error() string {
	return fmt.Sprintf("keystore: the audit does not take it down that a key is used (%s), so it is not: %v", e.Act, e.Err)
}

// Unwrap is the error of the hook.
func (e *AuditError) Unwrap() error { return e.Err }

type purposeKey struct{}

// WithPurpose says for what the keys are used that are asked for with the context,
// as in "debit of ticket 4711": Use.Purpose.
func WithPurpose(ctx context.Context, purpose string) context.Context {
	return context.WithValue(ctx, purposeKey{}, purpose)
}

// Purpose is what WithPurpose has said, empty without it.
func Purpose(ctx context.Context) string {
	purpose, _ := ctx.Value(purposeKey{}).(string)
	return purpose
}

// Audited tells a hook of each use of the keys of a store. Where it stands in front
// of a Cache it sees each use; behind it only those that the cache does not answer.
type Audited struct {
	store Store
	audit audit
}

// Audit makes an Audited.
func Audit(s Store, hook Hook) *Audited { return &Audited{s, audit{hook: hook}} }

// Has implements Store. To look is no use.
func (a *Audited) Has(ctx context.Context, r Ref) (Facts, bool, error) { return a.store.Has(ctx, r) }

// Key implements Store.
func (a *Audited) Key(ctx context.Context, r Ref) (key.Key, error) {
	facts, ok, err := a.store.Has(ctx, r)
	if !ok || err != nil {
		facts = Facts{}
	}
	return a.audit.give(ctx, r, "", facts, func() (key.Key, error) { return a.store.Key(ctx, r) })
}

// Slots implements Rotating.
func (a *Audited) Slots(ctx context.Context, r Ref) ([]Slot, error) {
	slots, err := Slots(ctx, a.store, r)
	slots = slices.Clone(slots) // the store's own list, perhaps
	for i, s := range slots {
		slots[i].Key = func(ctx context.Context) (key.Key, error) {
			return a.audit.give(ctx, r, "", s.Facts, func() (key.Key, error) { return s.Key(ctx) })
		}
	}
	return slots, err
}

// Close closes the store if it has something to close.
func (a *Audited) Close() error {
	if c, ok := a.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// AuditMasters tells a hook of each use of master keys, such as that a key of a card
// is derived: encrypt or mac.
func AuditMasters(m Masters, hook Hook) Masters { return &auditedMasters{m, audit{hook: hook}} }

type auditedMasters struct {
	Masters
	audit audit
}

// Master implements Masters.
func (a *auditedMasters) Master(ctx context.Context, name string) (key.Key, error) {
	facts, _ := a.MasterFacts(ctx, name)
	return a.audit.give(ctx, Ref{}, name, facts, func() (key.Key, error) { return a.Masters.Master(ctx, name) })
}

// audit is what uses are told with.
type audit struct {
	hook  Hook
	about Use // what all uses of one handle share
}

// tell tells the hook of a use, and gives the error that the caller gets.
func (a *audit) tell(ctx context.Context, u Use, err error) error {
	u.Ref, u.Master, u.Facts = a.about.Ref, a.about.Master, a.about.Facts
	u.Time, u.Err = time.Now(), err
	u.Purpose = Purpose(ctx)
	if refused := a.hook(u); refused != nil {
		return errors.Join(&AuditError{u.Act, refused}, err)
	}
	return err
}

// give gets a key, and gives a handle that tells of its uses.
func (a audit) give(ctx context.Context, r Ref, master string, facts Facts, get func() (key.Key, error)) (key.Key, error) {
	a.about = Use{Ref: r, Master: master, Facts: facts}
	k, err := get()
	exports := false
	if err == nil {
		a.about.Facts = FactsOf(k, facts.Source)
		a.about.Facts.NoVersion = facts.NoVersion && k.Version() == 0
		_, exports = k.(key.Exporter)
	}
	if err := a.tell(ctx, Use{Act: ActGet, Exports: exports}, err); err != nil {
		return nil, err
	}
	return audited(&auditedKey{Key: k, audit: a}), nil
}
