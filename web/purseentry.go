package web

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/tmac"
)

// pathStep is one thing that became of an entry.
type pathStep struct {
	Sign  string // ✓ ? ✗
	State string // good, doubt, bad
	Words string
	Now   bool
}

// evidenceRow is one thing that a card can say of a change.
type evidenceRow struct {
	Name        string
	Before, Now string // empty: not known
	Says        string
	State       string // good, doubt, bad or empty
}

// entryView is an entry, opened.
type entryView struct {
	Entry    *purse.Entry
	Number   string
	Open     bool
	Decision string // "in doubt", "happened", "did not happen"
	State    string // good, doubt, bad
	Sign     string
	What     string // debit 250 by key 2
	Path     []pathStep
	Evidence []evidenceRow

	// Outcome is that of the journal, or what a look says of an open entry.
	Outcome *purse.Outcome
	Rule    string // in words
	Looked  bool   // Outcome was made of a look, and is written nowhere
	Knows   bool   // Outcome decides

	Here    bool // its card lies on the reader
	Foreign bool // made by another purse than those of this page
	Blocked string
}

// entryOf opens an entry. look is what a look at its card found, nil if nobody looked.
func entryOf(e *purse.Entry, look *purse.View, here bool) *entryView {
	v := &entryView{Entry: e, Number: entryNo(e.ID), Open: e.IsOpen(), Here: here, What: whatOf(e), Outcome: e.Outcome()}
	if v.Open && look != nil && look.Open != nil && look.Open.ID == e.ID && look.Says != nil {
		v.Outcome, v.Looked = look.Says, true
	}
	if v.Outcome != nil {
		v.Knows, v.Rule = v.Outcome.Decision != purse.InDoubt, v.Outcome.Rule.Words()
	}
	v.Decision, v.State, v.Sign = "in doubt", "doubt", "?"
	if !v.Open {
		v.Decision, v.State, v.Sign = decisionWords(e.Outcome().Decision)
	}
	v.Path = pathOf(e, v)
	ev := &purse.Evidence{}
	if v.Outcome != nil {
		ev = &v.Outcome.Evidence
	}
	v.Evidence = evidenceOf(e, ev, v.Outcome != nil)
	return v
}

// decisionWords are a decision, its state and its sign.
func decisionWords(d purse.Decision) (words, state, sign string) {
	switch d {
	case purse.Happened:
		return "happened", "good", "✓"
	case purse.DidNot:
		return "did not happen", "", "–"
	}
	return "in doubt", "doubt", "?"
}

// whatOf says what an entry changes.
func whatOf(e *purse.Entry) string {
	var list []string
	for _, m := range e.Moves {
		s := fmt.Sprintf("%s %s", m.Kind.Words(), grouped(m.Amount))
		if len(e.Moves) > 1 {
			s += fmt.Sprintf(" on file %d", m.File)
		}
		list = append(list, s)
	}
	what := strings.Join(list, ", ")
	if e.KeyNo != nil {
		what += fmt.Sprintf(" by key %d", *e.KeyNo)
	} else if len(list) > 0 {
		what += " without a key"
	}
	return what
}

// pathOf is how far an entry came.
func pathOf(e *purse.Entry, v *entryView) []pathStep {
	good := func(words string) pathStep { return pathStep{Sign: "✓", State: "good", Words: words} }
	path := []pathStep{good("begun, in the journal")}
	o := e.Outcome()
	confirmed := o != nil && o.Evidence.CommitAcked
	switch {
	case e.Progress.CommitSent:
		path = append(path, good("sent"))
	case o != nil && o.Rule == purse.RuleNothingSent:
		path = append(path, pathStep{Sign: "–", Words: "not sent"})
	case e.Progress.Acked > 0:
		path = append(path, pathStep{Sign: "?", State: "doubt", Words: "prepared; the commit was perhaps not sent"})
	default:
		path = append(path, pathStep{Sign: "?", State: "doubt", Words: "perhaps sent"})
	}
	switch {
	case confirmed:
		path = append(path, good("the card confirmed it"))
	case o != nil && o.Rule == purse.RuleNothingSent:
	default:
		path = append(path, pathStep{Sign: "✗", State: "bad", Words: "no answer that proves anything"})
		switch {
		case o != nil && o.Rule == purse.RuleOperator:
		case v.Outcome != nil && v.Outcome.Evidence.SameCard:
			path = append(path, good("card is back, new session"))
		case v.Open && v.Here:
			path = append(path, pathStep{Sign: "?", State: "doubt", Words: "a card with its number is here"})
		case v.Open:
			path = append(path, pathStep{Sign: "?", State: "doubt", Words: "waits for its card"})
		}
	}
	if v.Open {
		return append(path, pathStep{Sign: "?", State: "doubt", Words: "decide", Now: true})
	}
	words, state, sign := decisionWords(o.Decision)
	return append(path, pathStep{Sign: sign, State: state, Words: words, Now: true})
}

// evidenceOf is the table of what a card said. looked: somebody asked it.
func evidenceOf(e *purse.Entry, ev *purse.Evidence, looked bool) (rows []evidenceRow) {
	add := func(r evidenceRow) {
		if r.Now == "" && looked {
			r.Now = "not asked"
		}
		if r.Now == "" {
			r.Now = "not looked yet"
		}
		rows = append(rows, r)
	}
	if e.HasTMAC {
		add(counterRow(e, ev))
		add(macRow(e, ev))
		if e.NamesReader {
			add(readerRow(e, ev))
		}
	}
	if e.SlotFile != nil {
		add(slotRow(e, ev))
	}
	if e.RecordFile != nil {
		add(recordRow(e, ev))
	}
	for _, b := range e.Values {
		add(valueRow(e, ev, b))
	}
	if looked && !ev.CommitAcked && (e.IsOpen() || e.Outcome().Decision == purse.DidNot) {
		add(pendingRow(ev))
	}
	return rows
}

func counterRow(e *purse.Entry, ev *purse.Evidence) evidenceRow {
	r := evidenceRow{Name: "Transaction counter", Before: grouped(tmac.Count(e.TMC0, e.LRP))}
	if ev.TMC == nil {
		return r
	}
	r.Now = grouped(tmac.Count(*ev.TMC, e.LRP))
	switch n := tmac.Compare(tmac.Count(*ev.TMC, e.LRP), tmac.Count(e.TMC0, e.LRP), e.LRP); {
	case n == 0:
		r.Says = "no transaction was committed since"
	case n < 0:
		r.Says, r.State = "it went back: another card, or a copy", "bad"
	case tmac.Count(*ev.TMC, e.LRP) == tmac.Count(e.TMC0+1, e.LRP):
		r.Says = "one transaction was committed since"
	default:
		r.Says = "several transactions were committed since"
	}
	return r
}

func macRow(e *purse.Entry, ev *purse.Evidence) evidenceRow {
	r := evidenceRow{Name: "Transaction MAC", Before: fmt.Sprintf("%X", e.TMV0[:])}
	if ev.TMV == nil {
		return r
	}
	r.Now = fmt.Sprintf("%X", ev.TMV[:])
	switch {
	case ev.TMVFits == purse.Fits:
		r.Says, r.State = "✓ it covers exactly this change", "good"
	case *ev.TMV == e.TMV0:
		r.Says = "as before"
	case ev.TMVFits == purse.DoesNotFit:
		r.Says = "it does not verify over this change, which alone proves nothing"
	default:
		r.Says = "not checked: the transaction MAC key is not in this process"
	}
	return r
}

func readerRow(e *purse.Entry, ev *purse.Evidence) evidenceRow {
	r := evidenceRow{Name: "Last reader"}
	switch {
	case ev.Previous == nil && ev.EncTMRI == nil:
		r.Says = "a settlement asks, where it is needed"
	case ev.Previous == nil:
		r.Now, r.Says = "enciphered", "the transaction MAC key is not in this process"
	case *ev.Previous == e.ID:
		r.Now, r.Says, r.State = entryNo(*ev.Previous), "✓ this change", "good"
	case ev.PreviousKnown:
		r.Now, r.Says = entryNo(*ev.Previous), "another change that is known"
	default:
		r.Now, r.Says = fmt.Sprintf("%v", *ev.Previous), "nobody who is known here"
	}
	return r
}

func slotRow(e *purse.Entry, ev *purse.Evidence) evidenceRow {
	r := evidenceRow{Name: fmt.Sprintf("Slot %d of file %d", e.SlotNo, *e.SlotFile), Before: slotWords(e, e.Slot0)}
	if len(ev.Slot) == 0 {
		return r
	}
	r.Now = slotWords(e, ev.Slot)
	switch {
	case bytes.Equal(ev.Slot, e.ID.Slot(len(ev.Slot))):
		r.Says, r.State = "✓ it holds this change", "good"
	case bytes.Equal(ev.Slot, e.Slot0):
		r.Says = "as before"
	default:
		r.Says, r.State = "neither this change nor what was there before", "bad"
	}
	return r
}

// slotWords is what a slot holds: a number, if it is of the same journal.
func slotWords(e *purse.Entry, slot purse.Hex) string {
	var id purse.ID
	if len(slot) == len(id) {
		copy(id[:], slot)
		if id.Generation() == e.ID.Generation() {
			return entryNo(id)
		}
	}
	if len(bytes.Trim(slot, "\x00")) == 0 {
		return "empty"
	}
	return fmt.Sprintf("%X", []byte(slot))
}

func recordRow(e *purse.Entry, ev *purse.Evidence) evidenceRow {
	r := evidenceRow{Name: fmt.Sprintf("Records of file %d", *e.RecordFile), Before: fmt.Sprintf("%d", e.Records)}
	if !ev.HasRecords {
		return r
	}
	r.Now, r.Says = fmt.Sprintf("%d", len(ev.Records)), "this change is not among them"
	for _, b := range ev.Records {
		if id, _, _, ok := purse.ParseRecord(b); ok && id == e.ID {
			r.Says, r.State = "✓ one is of this change", "good"
		}
	}
	return r
}

func valueRow(e *purse.Entry, ev *purse.Evidence, b purse.ValueBefore) evidenceRow {
	r := evidenceRow{Name: "Value", Before: grouped(b.Value)}
	if len(e.Values) > 1 {
		r.Name = fmt.Sprintf("Value of file %d", b.File)
	}
	now, ok := ev.Value(b.File)
	if !ok {
		return r
	}
	r.Now = grouped(now)
	after := int64(b.Value) + e.Signed(b.File)
	alone := e.Others == purse.OthersNothing && ev.LeaseHeld
	switch {
	case int64(now) == after && alone:
		r.Says, r.State = "✓ as the change leaves it, and nobody else moves it", "good"
	case int64(now) == after:
		r.Says = "as the change leaves it; somebody else could have done that"
	case now == b.Value && alone:
		r.Says = "as before, and nobody else moves it"
	case now == b.Value:
		r.Says = "as before; somebody else could have moved it back"
	case alone:
		r.Says, r.State = "neither: somebody else moved it all the same", "bad"
	default:
		r.Says = "neither: others have moved it since"
	}
	if b.Source == purse.FromClear {
		r.Says += "; it was told in clear"
	}
	return r
}

func pendingRow(ev *purse.Evidence) evidenceRow {
	r := evidenceRow{Name: "Anything pending", Before: "perhaps", Now: "ended by " + ev.Fence.String()}
	switch {
	case ev.Fence.Excludes(purse.Hostile):
		r.Says = "nothing of it can happen any more, whoever stands in between"
	case ev.Fence.Excludes(purse.Accidents):
		r.Says = "nothing of it can happen any more, unless somebody forges answers"
	default:
		r.Now, r.Says = "not excluded", "settling makes sure of that first"
	}
	return r
}
