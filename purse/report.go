package purse

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/internal/strictjson"
)

// Report is what a terminal tells the centre: the entries of its journal. It
// travels as JSON, and has no key bytes.
type Report struct {
	Format     string     `json:"format"` // ReportFormat
	Terminal   string     `json:"terminal"`
	Generation Generation `json:"generation"` // of the journal
	// Until: the report has every entry of the journal that began before. Zero: it has
	// some entries.
	Until   Time    `json:"until,omitzero"`
	Entries []Entry `json:"entries"`
}

// ReportFormat is the format of reports.
const ReportFormat = "purse-report/1"

// ReportOf is the whole journal of a terminal, as a report that is complete up to
// now, a moment not after the call.
func ReportOf(ctx context.Context, j Journal, terminal string, now Time) (*Report, error) {
	r := &Report{Format: ReportFormat, Terminal: terminal, Generation: j.Generation(), Until: now, Entries: []Entry{}}
	for e, err := range j.Entries(ctx) {
		if err != nil {
			return nil, &JournalError{err}
		}
		r.Entries = append(r.Entries, *e)
	}
	return r, nil
}

// ParseReport reads a report. What it does not understand is an error, with the line and the
// member: it might be evidence.
func ParseReport(data []byte) (*Report, error) {
	bad := func(format string, a ...any) (*Report, error) {
		return nil, fmt.Errorf("a report of a purse: "+format, a...)
	}
	if err := strictjson.Check(data, Report{}); err != nil {
		return bad("%w", err)
	}
	r := new(Report)
	if err := json.Unmarshal(data, r); err != nil {
		return bad("%w", err)
	}
	if r.Format != ReportFormat {
		return bad("its format is %q, and %q is the only one that is known", r.Format, ReportFormat)
	}
	for i := range r.Entries {
		if err := r.Entries[i].check(); err != nil {
			return bad("entries[%d]: %w", i, err)
		}
	}
	return r, nil
}

// CheckReported finds what no purse writes: what makes an entry none that a report may have.
func (e *Entry) CheckReported() error { return e.check() }

// check finds what no purse writes.
func (e *Entry) check() error {
	switch {
	case e.ID.IsZero():
		return fmt.Errorf("it has no id")
	case len(e.uid()) != 4 && len(e.uid()) != 7 && len(e.uid()) != 10:
		return fmt.Errorf("uid: %q is no identifier of a card: 4, 7 or 10 bytes in hexadecimal", e.UID)
	case hexUID(e.uid()) != e.UID:
		return fmt.Errorf("uid: %q is not in upper case", e.UID)
	case len(e.Moves) == 0:
		return fmt.Errorf("moves: there are none")
	case e.Policy != Hostile && e.Policy != Accidents:
		return fmt.Errorf("policy: %q is none", e.Policy)
	}
	for i, m := range e.Moves {
		if m.Amount <= 0 || m.Kind > LimitedCredit {
			return fmt.Errorf("moves[%d]: %v of %d is no movement", i, m.Kind, m.Amount)
		}
	}
	if enc := e.encTMRI(); len(enc) != 0 && len(enc) != len(ID{}) {
		return fmt.Errorf("enc_tmri: %d bytes, not %d", len(enc), len(ID{}))
	}
	for i := range e.Outcomes {
		o := &e.Outcomes[i]
		if o.Decision < InDoubt || o.Decision > DidNot {
			return fmt.Errorf("outcomes[%d]: there is no decision", i)
		}
	}
	return nil
}
