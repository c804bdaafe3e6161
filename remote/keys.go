package remote

import (
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// What an agent asks the key service: the last parts of Subjects.Keys. A handshake is
// finished and dropped where it was begun: behind these two follows a dot and the
// Instance of the answer.
const (
	KeysSlots     = "slots"     // which keys there are for a reference
	KeysGet       = "key"       // the facts of one of them, as sure as the store can be
	KeysHandshake = "handshake" // the answer to a card's challenge, which is the payload
	KeysFinish    = "finish"    // session keys for a card's proof, which is the payload
	KeysDrop      = "drop"      // a handshake is given up; nothing is answered
	KeysWrap      = "wrap"      // always refused: keys are changed by the centre
)

// KeyRequest is what an agent asks the key service.
type KeyRequest struct {
	Versioned
	Trace   string `json:"trace,omitempty"`
	Purpose string `json:"purpose,omitempty"` // for people

	Ref  string   `json:"ref,omitempty"`  // as keystore.Ref writes it
	Slot *KeySlot `json:"slot,omitempty"` // one of those that the reference has; nil is the newest

	Method    string `json:"method,omitempty"`    // as key.Method writes it
	Handshake string `json:"handshake,omitempty"` // of the answer that began it
}

// KeySlot is what an agent is told of a key. The check value is not: it is three bytes of
// a block that the key has enciphered.
type KeySlot struct {
	Index     int    `json:"index"`
	Type      string `json:"type,omitempty"` // as key.Type writes it; empty where the store cannot tell
	Version   byte   `json:"version"`
	NoVersion bool   `json:"no_version,omitempty"`
	Source    string `json:"source,omitempty"` // for people
}

// KeyAnswer is what the key service answers. The payload is the token with, for
// MethodISO7816 only, the data of INTERNAL AUTHENTICATE, or session keys.
type KeyAnswer struct {
	Versioned
	Error *KeyError `json:"error,omitempty"`

	Slots []KeySlot `json:"slots,omitempty"`
	Keep  float64   `json:"keep_s,omitempty"` // for how long Slots may be kept, in seconds

	Handshake string `json:"handshake,omitempty"`
	Instance  string `json:"instance,omitempty"` // which of several services has it
}

// KeyError is why the key service did not do what it was asked for.
type KeyError struct {
	Code  KeyCode `json:"code"`
	Rule  string  `json:"rule,omitempty"` // of the policy
	Text  string  `json:"text"`
	After float64 `json:"after_s,omitempty"` // when it may be asked again, in seconds
}

// KeyCode says what kind of error it is.
type KeyCode string

// Codes.
const (
	KeyPolicy   KeyCode = "policy"    // a rule does not allow it
	KeyRate     KeyCode = "rate"      // too often
	KeyBusy     KeyCode = "busy"      // too much at once
	KeyOver     KeyCode = "over"      // there is no such handshake, or there was one
	KeyProof    KeyCode = "proof"     // the card did not prove to have the key
	KeyNotFound KeyCode = "not-found" // the store has no such key
	KeyNoUID    KeyCode = "no-uid"    // it is derived from a UID, which the reference lacks
	KeyLocked   KeyCode = "locked"    // the store waits for a person
	KeyChanged  KeyCode = "changed"   // the slot holds another key than the agent was told
	KeyBad      KeyCode = "bad"       // the request makes no sense
	KeyUnknown  KeyCode = "version"   // of another version of messages
	KeyAudit    KeyCode = "audit"     // it could not be taken down, so it was not done
	KeyFailed   KeyCode = "failed"    // the store failed
	KeyNever    KeyCode = "never"     // no policy allows it
)

// PutSession is the payload of session keys. The caller overwrites it.
//
//	length, key; length, MAC key; TI (4), capabilities of card and reader (6, 6)
func PutSession(s *key.SessionKeys) []byte {
	out := make([]byte, 0, 2+len(s.Key)+len(s.MAC)+16)
	out = append(append(out, byte(len(s.Key))), s.Key...)
	out = append(append(out, byte(len(s.MAC))), s.MAC...)
	out = append(append(append(out, s.TI[:]...), s.CardCaps[:]...), s.ReaderCaps[:]...)
	return out
}

// TakeSession reads what PutSession has written, and overwrites it.
func TakeSession(payload []byte) (s key.SessionKeys, err error) {
	defer clear(payload)
	rest := payload
	for _, to := range []*[]byte{&s.Key, &s.MAC} {
		if len(rest) < 1 || int(rest[0]) > len(rest)-1 || rest[0] > 24 {
			s.Wipe()
			return key.SessionKeys{}, fmt.Errorf("%w: session keys are cut", ErrMessage)
		}
		if n := int(rest[0]); n > 0 {
			*to = append([]byte(nil), rest[1:1+n]...)
		}
		rest = rest[1+rest[0]:]
	}
	if len(rest) != 16 {
		s.Wipe()
		return key.SessionKeys{}, fmt.Errorf("%w: session keys with %d bytes after them, want 16", ErrMessage, len(rest))
	}
	s.TI, s.CardCaps, s.ReaderCaps = [4]byte(rest), [6]byte(rest[4:]), [6]byte(rest[10:])
	return s, nil
}
