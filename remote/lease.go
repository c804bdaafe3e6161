package remote

import (
	"encoding/hex"
	"fmt"
	"time"
)

// What a LeaseRequest asks for.
const (
	Acquire = "acquire" // the card, freshly activated
	Renew   = "renew"   // that it stays with me
	Release = "release" // it is free
)

// LeaseRequest is what the holder of a lease, or who wants to be, asks an agent. A
// lease is one activation of one card, for one holder.
type LeaseRequest struct {
	Versioned
	Op   string `json:"op"`
	Boot string `json:"boot"` // of the agent, as its hello said
	Card uint64 `json:"card"` // the presentation that is meant

	// Counter is the lease that is meant. With Acquire it is one that is given up for
	// the new one, if not 0, so that nobody comes between. A request with a Counter is
	// signed with that lease's key.
	Counter uint64 `json:"counter,omitempty"`

	// Number counts the Renews of a lease, so that none is taken twice.
	Number uint64 `json:"number,omitempty"`

	// ID names an Acquire: it is answered once. A Release without a Counter takes back
	// the lease that was granted to that request, as long as nothing was done under it.
	ID     string `json:"id,omitempty"`
	Public string `json:"public,omitempty"` // Acquire: NewSecret's public half, hexadecimal
	Holder string `json:"holder,omitempty"` // Acquire: who asks, for people
}

// Encode makes the message.
func (r *LeaseRequest) Encode(key *LeaseKey) ([]byte, error) {
	r.V = Version
	m, err := Encode(r, nil)
	if err != nil || key == nil {
		return m, err
	}
	return key.Sign(ToAgent, m), nil
}

// DecodeLeaseRequest takes a message apart that anybody may have sent. Of one with a
// Counter the signature is still to be verified, by LeaseKey.Verify.
func DecodeLeaseRequest(message []byte) (*LeaseRequest, error) {
	r := new(LeaseRequest)
	if _, err := Decode(message, r); err != nil {
		return nil, err
	}
	if r.ID != "" {
		if b, err := hex.DecodeString(r.ID); err != nil || len(b) != 16 {
			return nil, fmt.Errorf("%w: %.40q is no id of a request", ErrMessage, r.ID)
		}
	}
	if len(r.Public) > 2*64 {
		return nil, fmt.Errorf("%w: a public key of %d digits", ErrMessage, len(r.Public))
	}
	if err := checkText(r.Op, r.Holder); err != nil {
		return nil, err
	}
	return r, checkBoot(r.Boot)
}

// Grant is the answer to a LeaseRequest. One with a Counter and no Refusal is signed with
// the key of that lease.
type Grant struct {
	Versioned
	Boot    string   `json:"boot"`
	Counter uint64   `json:"counter,omitempty"`
	Refusal *Refusal `json:"refusal,omitempty"` // nothing was granted

	Number uint64 `json:"number,omitempty"`   // of the Renew that this answers
	TTL    int64  `json:"ttl_ms,omitempty"`   // from now on; renewed, it begins anew
	Bound  int64  `json:"bound_ms,omitempty"` // a script takes no longer
	Public string `json:"public,omitempty"`   // the agent's public half

	Card        uint64 `json:"card,omitempty"`
	Trace       string `json:"trace,omitempty"`
	ATR         string `json:"atr,omitempty"`
	MaxCommand  int    `json:"max_command,omitempty"`  // as Limits has it
	MaxResponse int    `json:"max_response,omitempty"` // as Limits has it
	Framing     string `json:"framing,omitempty"`      // native, wrapped; else auto
	Shared      bool   `json:"shared,omitempty"`
}

// Encode makes the message.
func (g *Grant) Encode(key *LeaseKey) ([]byte, error) {
	g.V = Version
	m, err := Encode(g, nil)
	if err != nil || key == nil {
		return m, err
	}
	return key.Sign(FromAgent, m), nil
}

// maxTTL bounds what a grant can say.
const maxTTL = 24 * time.Hour

// DecodeGrant takes a message apart that anybody may have sent. Of one with a Counter the
// signature is still to be verified, by LeaseKey.Verify.
func DecodeGrant(message []byte) (*Grant, error) {
	g := new(Grant)
	if _, err := Decode(message, g); err != nil {
		return nil, err
	}
	for _, ms := range []int64{g.TTL, g.Bound} {
		if ms < 0 || ms > maxTTL.Milliseconds() {
			return nil, fmt.Errorf("%w: %d ms", ErrMessage, ms)
		}
	}
	if g.MaxCommand < 0 || g.MaxCommand > MaxFrame || g.MaxResponse < 0 || g.MaxResponse > MaxFrame {
		return nil, fmt.Errorf("%w: frames of %d and %d bytes", ErrMessage, g.MaxCommand, g.MaxResponse)
	}
	if len(g.Public) > 2*64 {
		return nil, fmt.Errorf("%w: a public key of %d digits", ErrMessage, len(g.Public))
	}
	if err := checkATR(g.ATR); err != nil {
		return nil, err
	}
	if err := checkText(g.Trace, g.Framing); err != nil {
		return nil, err
	}
	if err := g.Refusal.check(); err != nil {
		return nil, err
	}
	return g, checkBoot(g.Boot)
}

// Why an agent refuses.
const (
	RefusedBoot     = "boot"     // the agent was started anew
	RefusedReader   = "reader"   // there is no such reader
	RefusedNoCard   = "no-card"  // no card lies there, or another than the one that was meant
	RefusedIgnored  = "ignored"  // reader or card takes no part
	RefusedInUse    = "in-use"   // somebody else has the card
	RefusedDraining = "draining" // the agent ends
	RefusedLease    = "lease"    // the lease is over
	RefusedSeq      = "seq"      // not the script that comes next
	RefusedBounds   = "bounds"   // too much, too long, too many
	RefusedMessage  = "message"  // not understood, or not signed
	RefusedCard     = "card"     // the card or its reader failed
)

// Refusal is why an agent did not do, or not finish, what it was asked.
type Refusal struct {
	Code    string `json:"code"`
	Text    string `json:"text"` // for people
	Sent    bool   `json:"sent,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	InUse   bool   `json:"in_use,omitempty"`
}

func (r *Refusal) check() error {
	if r == nil {
		return nil
	}
	return checkText(r.Code, r.Text)
}
