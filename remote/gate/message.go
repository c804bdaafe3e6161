package gate

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Bounds of orders that come by request.
const (
	maxID    = 64
	maxMoves = 32
	maxMeta  = 16
	maxText  = 1024
	maxWait  = 10 * time.Minute
	maxEntry = 256 << 10 // bytes of an entry of a journal
)

// OrderRequest is an order for the card at a reader of an agent. The same one again is
// answered with what became of the first.
type OrderRequest struct {
	remote.Versioned
	ID    string            `json:"id"`
	Moves []purse.Move      `json:"moves"`
	Meta  map[string]string `json:"meta,omitempty"`
	UID   string            `json:"uid,omitempty"`     // the card that it is for, hexadecimal; empty: any
	Wait  int64             `json:"wait_ms,omitempty"` // for the card; 0: as the gate likes
}

// Encode makes the message.
func (r *OrderRequest) Encode() ([]byte, error) {
	r.V = remote.Version
	if err := r.check(); err != nil {
		return nil, err
	}
	return remote.Encode(r, nil)
}

// DecodeOrderRequest takes a message apart that anybody may have sent. Whatever is out of
// bounds is an error that wraps remote.ErrMessage.
func DecodeOrderRequest(message []byte) (*OrderRequest, error) {
	r := new(OrderRequest)
	if _, err := remote.Decode(message, r); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrMessage, err)
	}
	return r, nil
}

func (r *OrderRequest) check() error {
	switch {
	case r.ID == "":
		return errors.New("the order has no id: only one that has can be asked for again")
	case len(r.ID) > maxID:
		return fmt.Errorf("the id of the order has %d bytes; %d at most", len(r.ID), maxID)
	case len(r.Moves) > maxMoves:
		return fmt.Errorf("the order has %d movements; %d at most", len(r.Moves), maxMoves)
	case len(r.Meta) > maxMeta:
		return fmt.Errorf("the order has %d notes; %d at most", len(r.Meta), maxMeta)
	case r.Wait < 0 || r.Wait > maxWait.Milliseconds():
		return fmt.Errorf("the order waits for %d ms; %v at most", r.Wait, maxWait)
	}
	for k, v := range r.Meta {
		if len(k) > maxText || len(v) > maxText {
			return fmt.Errorf("a note of the order has %d bytes; %d at most", len(k)+len(v), maxText)
		}
	}
	if uid, err := hex.DecodeString(r.UID); err != nil || len(uid) > 10 {
		return fmt.Errorf("%.40q is no UID", r.UID)
	}
	return nil
}

func (r *OrderRequest) order() purse.Order {
	o := purse.Order{ID: r.ID, Moves: r.Moves, Meta: r.Meta}
	if r.UID != "" {
		o.UID, _ = hex.DecodeString(r.UID) // check has looked
	}
	return o
}

// OrderAnswer is what became of an order. What was begun follows the header, as a
// journal has it, in JSON.
type OrderAnswer struct {
	remote.Versioned
	Happened bool                `json:"happened"`
	Begun    bool                `json:"begun"`            // there is an Entry
	Stored   bool                `json:"stored,omitempty"` // it happened before, and nothing was done now
	After    []purse.ValueBefore `json:"after,omitempty"`
	Code     Code                `json:"code,omitempty"` // why it did not happen, or is not known
	Text     string              `json:"text,omitempty"` // for people
	Entry    *purse.Entry        `json:"-"`
}

// Code says why an order was not made, for programs.
type Code string

// Codes.
const (
	CodeNone    Code = ""
	CodeReader  Code = "reader"   // there is no such reader
	CodeRequest Code = "request"  // it asks for what cannot be
	CodeBusy    Code = "busy"     // too many orders wait
	CodeEnding  Code = "draining" // the gate ends
	CodeNoCard  Code = "no-card"
	CodeCard    Code = "card"    // the card refused, or is another one
	CodeLimit   Code = "limit"   // the value is too low, or would get too high
	CodeBlocked Code = "blocked" // the card has another history
	CodeOpen    Code = "open"    // it, or an earlier change of the card, is in doubt
	CodeKeys    Code = "keys"    // the keys are not here, or their service is away
	CodeJournal Code = "journal"
	CodeFailed  Code = "failed"
)

// codeOf is the code of an error.
func codeOf(err error) Code {
	is := func(to any) bool { return errors.As(err, to) }
	switch {
	case err == nil:
		return CodeNone
	case is(new(*NoCardError)):
		return CodeNoCard
	case is(new(*purse.JournalError)):
		return CodeJournal
	case is(new(*purse.InDoubtError)), is(new(*purse.OpenEntryError)):
		return CodeOpen
	case is(new(*purse.RequestError)), is(new(*purse.FingerprintError)):
		return CodeRequest
	case is(new(*purse.BlockedError)):
		return CodeBlocked
	case is(new(*purse.LimitError)):
		return CodeLimit
	case is(new(*purse.DidNotError)), is(new(*purse.OtherCardError)):
		return CodeCard
	case is(new(*purse.ConfigError)), errors.Is(err, keystore.ErrNotFound), errors.Is(err, keystore.ErrLocked):
		return CodeKeys
	}
	return CodeFailed
}

func answerOf(r *purse.Receipt, err error) *OrderAnswer {
	a := &OrderAnswer{Happened: err == nil, Code: codeOf(err)}
	if err != nil {
		a.Text = err.Error()
	}
	if r != nil {
		a.Entry, a.Stored, a.After = &r.Entry, r.Stored, r.After
	}
	return a
}

// Encode makes the message.
func (a *OrderAnswer) Encode() ([]byte, error) {
	a.V, a.Begun = remote.Version, a.Entry != nil
	if len(a.Text) > maxText {
		a.Text = strings.ToValidUTF8(a.Text[:maxText], "")
	}
	var payload []byte
	if a.Begun {
		var err error
		if payload, err = json.Marshal(a.Entry); err != nil {
			return nil, err
		}
	}
	return remote.Encode(a, payload)
}

// DecodeOrderAnswer takes a message apart that an agent may have sent. Whatever is out of
// bounds is an error that wraps remote.ErrMessage.
func DecodeOrderAnswer(message []byte) (*OrderAnswer, error) {
	a := new(OrderAnswer)
	payload, err := remote.Decode(message, a)
	if err != nil {
		return nil, err
	}
	switch {
	case len(a.Text) > maxText || len(a.Code) > maxText || len(a.After) > maxMoves || len(payload) > maxEntry:
		return nil, fmt.Errorf("%w: an answer to an order that is out of bounds", remote.ErrMessage)
	case a.Happened && !a.Begun || a.Happened && a.Code != CodeNone || !a.Happened && a.Code == CodeNone:
		return nil, fmt.Errorf("%w: an answer to an order that contradicts itself", remote.ErrMessage)
	case !a.Begun:
		return a, nil
	}
	a.Entry = new(purse.Entry)
	if err := json.Unmarshal(payload, a.Entry); err != nil {
		return nil, fmt.Errorf("%w: entry: %w", remote.ErrMessage, err)
	}
	if o := a.Entry.Outcome(); a.Happened != (o != nil && o.Decision == purse.Happened) && a.Code != CodeJournal {
		return nil, fmt.Errorf("%w: an answer to an order that contradicts its entry", remote.ErrMessage)
	}
	return a, nil
}
