package fleet

import "time"

// LedgerLine is one change of a value file, as the ledger has it.
type LedgerLine struct {
	ID          string    `json:"id"` // of the transaction
	Request     string    `json:"request,omitempty"`
	At          time.Time `json:"at"` // by the clock of the terminal
	Agent       string    `json:"agent"`
	Terminal    string    `json:"terminal,omitempty"`
	UID         string    `json:"uid"`
	Application string    `json:"application"`
	File        int       `json:"file"`
	Amount      int64     `json:"amount"` // less than 0: a debit
	Value       *int64    `json:"value"`  // after it, nil if that is not known
	State       LineState `json:"state"`
	Words       string    `json:"words,omitempty"` // why: the rule and the evidence
	Trace       string    `json:"trace,omitempty"`
}

// Left is the value after it, 0 if that is not known.
func (l *LedgerLine) Left() int64 {
	if l.Value == nil {
		return 0
	}
	return *l.Value
}

// LineState is what is known of a change.
type LineState string

// States of lines.
const (
	Happened LineState = "happened"
	DidNot   LineState = "did not happen"
	InDoubt  LineState = "in doubt"
	Open     LineState = "open" // its terminal has not said yet what became of it
)

// IsOpen reports whether it is left to find out what became of the change.
func (s LineState) IsOpen() bool { return s == InDoubt || s == Open }

// LedgerQuery chooses lines.
type LedgerQuery struct {
	Text string // an id, a UID, or the name of an agent; empty: all
	Open bool   // those only that are open or in doubt
	Skip int    // so many of the newest
	Most int    // 0: 50
}

// LedgerPage is a part of the ledger, the newest first, and what it adds up to.
type LedgerPage struct {
	Total  int          `json:"total"` // lines that the query chose
	Lines  []LedgerLine `json:"lines"`
	Totals Totals       `json:"totals"` // of the whole ledger
}

// Totals is what a ledger adds up to, as far as it is judged.
type Totals struct {
	Lines    int   `json:"lines"`
	Cards    int   `json:"cards"`
	Happened int   `json:"happened"`
	Open     int   `json:"open"`    // of them it is not known what became
	Gaps     int   `json:"gaps"`    // cards of which there are transactions that nobody reported
	Judging  int   `json:"judging"` // cards of which something new does not count yet
	Sums     []Sum `json:"sums"`    // by application and file
}

// Sum is how much a file was moved on all cards.
type Sum struct {
	Application string `json:"application"`
	File        int    `json:"file"`
	Happened    int64  `json:"happened"`
	InDoubt     int64  `json:"in_doubt"`
}
