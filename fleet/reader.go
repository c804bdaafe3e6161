package fleet

import "time"

// Reader is a reader of an agent.
type Reader struct {
	Agent   string    `json:"agent"`
	ID      string    `json:"id"`              // in addresses: nats:AGENT/ID
	Name    string    `json:"name"`            // as its driver has it
	State   string    `json:"state,omitempty"` // what is with it, in words
	Ignored string    `json:"ignored,omitempty"`
	Problem string    `json:"problem,omitempty"` // what keeps it from working
	Card    *Card     `json:"lies,omitempty"`    // nil: none lies there
	Lease   *Lease    `json:"lease,omitempty"`   // nil: nobody works with it
	Last    time.Time `json:"last,omitzero"`     // when something happened there, by the centre's clock
}

// Card is a card that lies on a reader.
type Card struct {
	Number  uint64    `json:"number"` // of the presentations since the agent's boot
	Since   time.Time `json:"since,omitzero"`
	Trace   string    `json:"trace,omitempty"`   // of this presentation, in logs
	ATR     string    `json:"atr,omitempty"`     // hexadecimal
	UID     string    `json:"uid,omitempty"`     // hexadecimal; empty where nobody has told it
	Product string    `json:"product,omitempty"` // as UID
	Ignored string    `json:"ignored,omitempty"` // why it takes no part
}

// Lease is the right of one program to a card. The agent grants it; here it is only shown.
type Lease struct {
	Holder string    `json:"holder"` // for people
	Boot   string    `json:"boot"`
	Number uint64    `json:"number"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

// Place is the address by which verbs reach the reader.
func (r *Reader) Place() string { return "nats:" + r.FullName() }

// FullName is how the reader is called among those of all agents, in events too.
func (r *Reader) FullName() string { return r.Agent + "/" + r.ID }
