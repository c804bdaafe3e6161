package dissect

import (
	"slices"
	"sort"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
)

// Result is a whole recording.
type Result struct {
	Messages  []*Message
	Exchanges int
	Verified  *trace.Result    // what every check found
	Diagnosed *diagnose.Report // why the card refused what it refused
	Keys      []KeyUse         // the keys that were tried, and what they explain
	Checks    Tally            // of MACs, CRCs and authentications
	Cards     []Card           // those that said who they are
	First     int              // index in Messages of the first that is wrong, -1 for none
}

// Card is a card as it said itself that it is.
type Card struct {
	UID     []byte // nil if it did not say
	Product string // empty if it did not say
}

// Tally counts checks.
type Tally struct {
	MACs, CRCs, Authentications struct{ Right, All int }
}

// KeyUse is a key that was tried. It has no byte of it.
type KeyUse struct {
	Name     string // under which people know it, or where it comes from
	Words    string // type, version and check value
	Explains []int  // exchanges: the authentications that it fits
}

// Index is where a message stands in Messages, -1 if it does not.
func (r *Result) Index(m *Message) int { return slices.Index(r.Messages, m) }

// At is the message that an exchange belongs to, nil if there is none.
func (r *Result) At(exchange int) *Message {
	i := sort.Search(len(r.Messages), func(i int) bool { return r.Messages[i].No > exchange })
	for i--; i >= 0; i-- { // what is for the reader may stand in the middle of a message of the card
		if r.Messages[i].has(exchange) {
			return r.Messages[i]
		}
	}
	return nil
}
