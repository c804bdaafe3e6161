package selftest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// Result is how a step ended.
type Result string

// Results.
const (
	Pass Result = "pass"
	Fail Result = "fail"
	Skip Result = "skip" // not done, for the reason given
)

// Format and Version of the reports that this package writes.
const (
	Format  = "desfire-selftest"
	Version = 1
)

// Report is what a run found. It holds no key bytes and no data of the card.
type Report struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Card    CardFacts `json:"card"`
	Wipe    bool      `json:"wipe"`    // the card was formatted
	Lasting bool      `json:"lasting"` // also what a format does not undo was done
	Steps   []Step    `json:"steps"`
	Facts   []Fact    `json:"observed"`
	Left    string    `json:"left"` // the state the card was left in
	Clean   bool      `json:"clean"`

	// Interrupted is why the run ended before its last step, if it did.
	Interrupted string `json:"interrupted,omitempty"`
}

// CardFacts are what a card says of itself.
type CardFacts struct {
	Generation wire.Generation `json:"generation"` // what it was tested as
	Product    string          `json:"product"`
	Known      bool            `json:"known"` // false: tested as the newest generation
	Hardware   Hex             `json:"hardware"`
	Software   Hex             `json:"software"`
	Production Hex             `json:"production"` // batch, week, year
	UID        string          `json:"uid"`        // digits, or "random" or "masked"
	ATR        Hex             `json:"atr"`
	Reader     string          `json:"reader"`
	Framing    string          `json:"framing"`
}

// Step is one step of the suite.
type Step struct {
	ID     string `json:"id"` // stable: "value.limited-credit.reset"
	Title  string `json:"title"`
	Source string `json:"source,omitempty"` // section of the command reference (HN: of the hardware notes)
	Result Result `json:"result"`
	Reason string `json:"reason,omitempty"`
	// Milliseconds that the step took, its preparation not counted.
	Milliseconds float64    `json:"milliseconds"`
	Exchanges    []Exchange `json:"exchanges,omitempty"`
}

// Exchange is one frame and its answer, without their contents.
type Exchange struct {
	Command      string  `json:"command"` // INS, or class and INS of a wrapped frame
	Sent         int     `json:"sent"`    // bytes
	Received     int     `json:"received"`
	Status       string  `json:"status"` // four digits; empty: no answer
	Milliseconds float64 `json:"milliseconds"`
}

// Fact is something that a card did where no public document says what it does.
type Fact struct {
	ID   string `json:"id"` // stable; C-n are numbers of the command reference, section 22
	Step string `json:"step"`
	What string `json:"what"`
	Saw  string `json:"saw"`
}

// Hex is bytes, in JSON hexadecimal digits.
type Hex []byte

// MarshalText writes hexadecimal digits.
func (h Hex) MarshalText() ([]byte, error) { return []byte(fmt.Sprintf("%X", []byte(h))), nil }

// UnmarshalText reads hexadecimal digits.
func (h *Hex) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// Count is how many steps ended with r.
func (r *Report) Count(result Result) int {
	n := 0
	for _, s := range r.Steps {
		if s.Result == result {
			n++
		}
	}
	return n
}

// Failed reports whether a step failed, the run was cut short, or the card was
// left otherwise than it was found.
func (r *Report) Failed() bool {
	return r.Count(Fail) > 0 || r.Interrupted != "" || !r.Clean
}

// MaskUID takes the UID out of the report, as Config.MaskUID does. It reports
// whether there was one.
func (r *Report) MaskUID() bool {
	uid, err := hex.DecodeString(r.Card.UID)
	if err != nil || len(uid) == 0 {
		return false
	}
	r.mask(uid)
	r.Card.UID = "masked"
	return true
}

// Encode writes the report as JSON.
func (r *Report) Encode() []byte {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		panic(err) // no field can fail
	}
	return append(visible.JSON(b), '\n')
}

// ReadReport reads what Encode writes.
func ReadReport(data []byte) (*Report, error) {
	r := new(Report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("selftest report: %w", err)
	}
	switch {
	case r.Format != Format:
		return nil, errors.New("selftest report: this is none")
	case r.Version < 1:
		return nil, errors.New("selftest report: it does not say which version it is")
	case r.Version > Version:
		return nil, fmt.Errorf("selftest report: version %d is newer than this program, which knows %d", r.Version, Version)
	}
	return r, nil
}
