package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// Config says what Recording may use besides the recording. The zero value
// uses the keys of the recording alone.
type Config struct {
	Keys        []trace.Key // keys that may have been used
	DefaultKeys bool        // try the keys of zeros that cards are delivered with

	// Files states the communication mode of files whose settings are not in
	// the recording, whatever the application.
	Files map[wire.FileNo]wire.CommMode
}

// Sureness is how sure a finding is.
type Sureness uint8

// Degrees of sureness.
const (
	Possible Sureness = iota // the card gives this answer for this reason, among others
	Likely                   // the exchange points to it
	Proved                   // the bytes say so: computed with the keys, or by the rules of the protocol
)

func (s Sureness) String() string { return [...]string{"possible", "likely", "proved"}[s] }

// MarshalText writes the name.
func (s Sureness) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one reason why an exchange was refused.
type Finding struct {
	Exchange int      `json:"exchange"` // index in the recording
	Command  string   `json:"command"`
	Rule     string   `json:"rule"` // a name that does not change, for programs
	Sure     Sureness `json:"sure"`
	Text     string   `json:"text"` // one sentence
	Next     string   `json:"next"` // what to do
}

// Report is what Recording found.
type Report struct {
	Findings  []Finding `json:"findings"` // by exchange, the surest first
	Exchanges int       `json:"exchanges"`
	Refusals  int       `json:"refusals"` // messages that the card refused or did not answer
	Right     int       `json:"right"`    // MACs, CRCs and tokens of the reader that were found right
}

// Recording finds out why the card refused what it refused, from the bytes
// alone: it follows the sessions with the keys it is given, and where a command
// or a token is wrong it computes what mistakes would lead to these bytes. What
// is proved was computed, or follows from a rule of the protocol that has no
// exception; the rest is said to be likely or possible. Without keys it says
// what lengths, the order of commands and statuses tell. Sessions without a
// refusal have no findings. No finding holds a byte of a key. cfg may be nil.
func Recording(rec *trace.Recording, cfg *Config) *Report {
	if cfg == nil {
		cfg = new(Config)
	}
	w := walk{
		cfg: cfg, tries: allTries, rndA: rec.RndA, report: Report{Findings: []Finding{}, Exchanges: len(rec.Exchanges)}, generation: generationOf(rec.Card.Generation),
		apps: map[wire.AID]*appFacts{},
	}
	w.list = trace.Follow(rec, &trace.VerifyConfig{Keys: cfg.Keys, DefaultKeys: cfg.DefaultKeys})
	for i := range w.list {
		w.at = i
		w.message(&w.list[i])
	}
	slices.SortStableFunc(w.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Exchange, b.Exchange), cmp.Compare(b.Sure, a.Sure))
	})
	return &w.report
}

// Last is the surest finding about the last exchange that has any, nil if there
// is none: after a command that a card refused, why it did.
func (r *Report) Last() *Finding {
	var last *Finding
	for i := range r.Findings {
		if f := &r.Findings[i]; last == nil || f.Exchange != last.Exchange {
			last = f
		}
	}
	return last
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	switch {
	case len(r.Findings) == 0:
		text := fmt.Sprintf("nothing found: %s in %s", plural(r.Refusals, "refusal"), plural(r.Exchanges, "exchange"))
		if r.Right > 0 {
			text += fmt.Sprintf(", %s of the reader right", plural(r.Right, "check"))
		}
		return text
	}
	proved := 0
	for _, f := range r.Findings {
		if f.Sure == Proved {
			proved++
		}
	}
	return fmt.Sprintf("%s (%d proved) for %s in %s", plural(len(r.Findings), "finding"), proved, plural(r.Refusals, "refusal"), plural(r.Exchanges, "exchange"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if n == 0 {
		return "no " + what + "s"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
