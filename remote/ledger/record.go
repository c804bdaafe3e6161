package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Record is what the centre knows of one transaction.
type Record struct {
	Agent string      `json:"agent"` // whose journal has it
	Entry purse.Entry `json:"entry"` // all versions that were shipped, put together
	// Others are versions that contradict Entry, the first few.
	Others []purse.Entry `json:"others,omitempty"`
	// Found is what settlements of other agents found, the first few.
	Found []FoundBy `json:"found,omitempty"`
	// Judged is what all reports of the card say together; nil: what its agent says, or not judged yet.
	Judged   *purse.Outcome `json:"judged,omitempty"`
	Received time.Time      `json:"received"` // first, by the centre's clock
	Changed  time.Time      `json:"changed"`  // last
	// Telling: the agent does not know yet what was decided.
	Telling bool `json:"telling,omitempty"`
}

// FoundBy is what a settlement of an agent found.
type FoundBy struct {
	Agent   string        `json:"agent"`
	Outcome purse.Outcome `json:"outcome"`
}

// Bounds of a record.
const (
	maxOthers = 3
	maxFound  = 8
)

// Outcome is what became of it: as judged, or as its agent says; nil: open.
func (r *Record) Outcome() *purse.Outcome {
	if r.Judged != nil {
		return r.Judged
	}
	return r.Entry.Outcome()
}

// IsOpen reports whether that is not known.
func (r *Record) IsOpen() bool {
	o := r.Outcome()
	return o == nil || o.Decision == purse.InDoubt
}

// By is the agent whose settlement the outcome stands on, where that is another one; empty if it is not.
func (r *Record) By() string {
	o := r.Outcome()
	if o == nil || o.Decision == purse.InDoubt || !r.Entry.IsOpen() {
		return ""
	}
	for _, f := range r.Found {
		if f.Outcome.Decision == o.Decision && f.Outcome.Rule == o.Rule {
			return f.Agent
		}
	}
	return ""
}

func appHex(app string) string { return hex.EncodeToString([]byte(app)) }

// cardKey names a card and application in keys and subjects.
func cardKey(c purse.CardApp) string { return c.UID + "." + appHex(c.App) }

func openKey(c purse.CardApp, id purse.ID) string { return cardKey(c) + "." + id.String() }

func (s *store) subject(agent string, e *purse.Entry) string {
	return s.at.Entry(agent, e.UID, appHex(e.App), e.ID.String())
}

// load reads a record, and the sequence of its message; nil if there is none.
func (s *store) load(ctx context.Context, subject string) (*Record, uint64, error) {
	m, err := s.entries.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	r, err := decodeRecord(m.Data)
	if err != nil {
		return nil, 0, fmt.Errorf("message %d of ENTRIES: %w", m.Sequence, err)
	}
	return r, m.Sequence, nil
}

func decodeRecord(data []byte) (*Record, error) {
	var v remote.Versioned
	payload, err := remote.Decode(data, &v)
	if err != nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(payload, r); err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrMessage, err)
	}
	return r, nil
}

// update changes a record, and makes it with make if there is none. change says whether anything is
// new. Somebody else may do the same at the same time.
func (s *store) update(ctx context.Context, subject string, change func(r *Record) (*Record, bool)) (r *Record, changed bool, err error) {
	for range 20 {
		r, at, err := s.load(ctx, subject)
		if err != nil {
			return nil, false, err
		}
		if r, changed = change(r); !changed {
			return r, false, nil
		}
		payload, err := json.Marshal(r)
		if err != nil {
			return nil, false, err
		}
		m, err := remote.Encode(version, payload)
		if err != nil {
			return nil, false, err
		}
		_, err = s.js.Publish(ctx, subject, m, jetstream.WithExpectLastSequencePerSubject(at))
		switch {
		case err == nil:
			return r, true, nil
		case !conflict(err):
			return nil, false, err
		}
	}
	return nil, false, errors.New("others write to it all the time")
}

// add puts another version into the record. false: nothing is new.
func (r *Record) add(e *purse.Entry, agent string, now time.Time) (next *Record, changed, contradicts bool) {
	if r == nil {
		return &Record{Agent: agent, Entry: *e, Received: now, Changed: now}, true, false
	}
	merged, same := purse.Merge(&r.Entry, e)
	if same {
		if equal(merged, &r.Entry) {
			return r, false, false
		}
		r.Entry, r.Judged, r.Changed = *merged, nil, now
		return r, true, false
	}
	for i := range r.Others {
		if m, same := purse.Merge(&r.Others[i], e); same {
			if equal(m, &r.Others[i]) {
				return r, false, true
			}
			r.Others[i], r.Judged, r.Changed = *m, nil, now
			return r, true, true
		}
	}
	if len(r.Others) >= maxOthers {
		return r, false, true
	}
	r.Others, r.Judged, r.Changed = append(r.Others, *e), nil, now
	return r, true, true
}

// find adds what another agent's settlement found.
func (r *Record) find(agent string, o purse.Outcome, now time.Time) bool {
	f := FoundBy{agent, o}
	if len(r.Found) >= maxFound || slices.ContainsFunc(r.Found, func(x FoundBy) bool { return equal(&x, &f) }) {
		return false
	}
	r.Found, r.Judged, r.Changed = append(r.Found, f), nil, now
	return true
}

// equal compares values as they travel.
func equal[T any](a, b *T) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
