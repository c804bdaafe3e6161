package remote

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/fleet"
)

// Bounds of what an agent says of its readers.
const (
	MaxReaders = 512
	MaxText    = 1024 // bytes of a reader's name, of a reason
	maxATR     = 64
)

// Hello is who an agent is, and what lies on its readers now. The header is followed
// by the readers, a JSON array.
type Hello struct {
	Versioned
	Build    string    `json:"build,omitempty"`
	Boot     string    `json:"boot"`    // random for each start of the agent
	Number   uint64    `json:"number"`  // counts the hellos of this boot
	Started  time.Time `json:"started"` // by the agent's clock
	Clock    time.Time `json:"clock"`
	Draining bool      `json:"draining,omitempty"` // no new leases
	Bye      bool      `json:"bye,omitempty"`      // the last one
	Readers  []Reader  `json:"-"`
}

// Reader is a reader of an agent, and what lies on it.
type Reader struct {
	ID      string `json:"id"`
	Name    string `json:"name"` // as its driver has it
	Seq     uint64 `json:"seq"`  // of the last event that this holds
	Ignored string `json:"ignored,omitempty"`
	Card    *Card  `json:"card,omitempty"`
	Lease   *Lease `json:"lease,omitempty"`
}

// Card is a card that lies on a reader.
type Card struct {
	Number  uint64    `json:"number"` // counts the presentations of this boot
	Since   time.Time `json:"since,omitzero"`
	Trace   string    `json:"trace,omitempty"` // names this presentation in logs
	ATR     string    `json:"atr,omitempty"`   // hexadecimal
	Ignored string    `json:"ignored,omitempty"`
}

// Lease is who has a card, for people.
type Lease struct {
	Number uint64    `json:"number"`
	Holder string    `json:"holder,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

// Encode makes the message.
func (h *Hello) Encode() ([]byte, error) {
	h.V = Version
	readers := h.Readers
	if readers == nil {
		readers = []Reader{}
	}
	payload, err := json.Marshal(readers)
	if err != nil {
		return nil, fmt.Errorf("message: readers: %w", err)
	}
	return Encode(h, payload)
}

// DecodeHello takes a message apart that an agent may have sent. Whatever is out of
// bounds is an error that wraps ErrMessage.
func DecodeHello(message []byte) (*Hello, error) {
	h := new(Hello)
	payload, err := Decode(message, h)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &h.Readers); err != nil {
		return nil, fmt.Errorf("%w: readers: %w", ErrMessage, err)
	}
	if err := checkBoot(h.Boot); err != nil {
		return nil, err
	}
	if len(h.Readers) > MaxReaders {
		return nil, fmt.Errorf("%w: %d readers", ErrMessage, len(h.Readers))
	}
	seen := make(map[string]bool, len(h.Readers))
	for _, r := range h.Readers {
		if err := r.check(); err != nil {
			return nil, err
		}
		if seen[r.ID] {
			return nil, fmt.Errorf("%w: reader %s twice", ErrMessage, r.ID)
		}
		seen[r.ID] = true
	}
	return h, checkText(h.Build)
}

func (r *Reader) check() error {
	if err := CheckName(r.ID); err != nil {
		return fmt.Errorf("%w: reader: %w", ErrMessage, err)
	}
	texts := []string{r.Name, r.Ignored}
	if c := r.Card; c != nil {
		if err := checkATR(c.ATR); err != nil {
			return err
		}
		texts = append(texts, c.Trace, c.Ignored)
	}
	if r.Lease != nil {
		texts = append(texts, r.Lease.Holder)
	}
	return checkText(texts...)
}

// Agent is what a hello says as values of the fleet.
func (h *Hello) Agent(name string) fleet.Agent {
	a := fleet.Agent{Name: name, Build: h.Build, Boot: h.Boot, State: fleet.Here, Draining: h.Draining}
	if h.Bye {
		a.State = fleet.Away
	}
	for _, r := range h.Readers {
		f := fleet.Reader{Agent: name, ID: r.ID, Name: r.Name, Ignored: r.Ignored}
		if c := r.Card; c != nil {
			f.Card = &fleet.Card{Number: c.Number, Since: c.Since, Trace: c.Trace, ATR: c.ATR, Ignored: c.Ignored}
		}
		if l := r.Lease; l != nil {
			f.Lease = &fleet.Lease{Holder: l.Holder, Boot: h.Boot, Number: l.Number, Since: l.Since, Until: l.Until}
		}
		f.State = f.Words()
		a.Readers = append(a.Readers, f)
	}
	return a
}

func checkBoot(boot string) error {
	if b, err := hex.DecodeString(boot); err != nil || len(b) != 16 {
		return fmt.Errorf("%w: %.40q is no boot id", ErrMessage, boot)
	}
	return nil
}

func checkText(texts ...string) error {
	for _, t := range texts {
		if len(t) > MaxText {
			return fmt.Errorf("%w: a text of %d bytes", ErrMessage, len(t))
		}
	}
	return nil
}

func checkATR(atr string) error {
	if b, err := hex.DecodeString(atr); err != nil || len(b) > maxATR {
		return fmt.Errorf("%w: %.140q is no ATR", ErrMessage, atr)
	}
	return nil
}
