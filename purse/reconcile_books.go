package purse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// closing is up to when each journal of each terminal was reported; the zero time
// for one of which that is not known.
func closing(reports []Report) map[string]map[Generation]Time {
	until := map[string]map[Generation]Time{}
	set := func(terminal string, g Generation, t Time) {
		if until[terminal] == nil {
			until[terminal] = map[Generation]Time{}
		}
		if old, ok := until[terminal][g]; !ok || t.After(old.Time) {
			until[terminal][g] = t
		}
	}
	for i := range reports {
		r := &reports[i]
		set(r.Terminal, r.Generation, r.Until)
		for j := range r.Entries {
			// A journal that was restored has entries of the one before, whose last ones may
			// be lost.
			set(r.Terminal, r.Entries[j].ID.Generation(), Time{})
		}
	}
	return until
}

// closed is why the books of the card are not closed at a moment; empty if they are.
func (l *ledger) closed(c *Centre, until map[string]map[Generation]Time, t time.Time) string {
	names := slices.Clone(c.Holders)
	for _, a := range l.accounts {
		names = append(names, a.e.Terminal)
	}
	for _, name := range names {
		if len(until[name]) == 0 {
			return fmt.Sprintf("terminal %q has not reported", name)
		}
		for g, u := range until[name] {
			if !u.After(t.Add(c.skew())) {
				return fmt.Sprintf("terminal %q has not reported everything of its journal %v up to %v", name, g, t.UTC().Format(time.RFC3339))
			}
		}
	}
	return ""
}

// close is rule 13, for the only entry of the card that is open.
func (l *ledger) close(c *Centre, until map[string]map[Generation]Time) {
	var open *account
	for _, a := range l.accounts {
		if a.outcome.Decision != InDoubt && a.outcome.Rule != RuleOperator {
			continue
		}
		if open != nil {
			return // another open one
		}
		open = a
	}
	if open == nil || open.contested || l.forked || len(c.Holders) == 0 {
		return
	}
	for i := range open.e.Outcomes {
		o := &open.e.Outcomes[i]
		j := &judge{e: open.e, ev: &o.Evidence, policy: open.e.Policy}
		if !j.sameCard() || !j.believed() || !j.fenced() || o.Evidence.CommitAcked || o.Time.IsZero() {
			continue
		}
		why := l.closed(c, until, o.Time.Time)
		if why == "" {
			if why = l.balance(c, open, o, j); why == "" {
				return
			}
		}
		if out := &open.outcome; out.Decision == InDoubt {
			out.Why += "; the books do not close: " + why
		}
		return
	}
}

// balance compares the value with the sum of the reports. It returns why nothing is
// decided.
func (l *ledger) balance(c *Centre, open *account, at *Outcome, j *judge) string {
	sums := map[wire.FileNo]int64{}
	for _, a := range l.accounts {
		if a == open || a.outcome.Decision != Happened {
			continue
		}
		switch l.place(c, a, open, at) {
		case unknown:
			return fmt.Sprintf("whether %v came before the change, or after the settlement, is not known", a.e.ID)
		case between:
			for _, m := range a.e.Moves {
				sums[m.File] += m.Signed()
			}
		}
	}
	with, without := 0, 0
	for _, m := range open.e.Moves {
		v0, v, ok := j.values(m.File)
		switch sum := sums[m.File]; {
		case !ok:
			return fmt.Sprintf("the value of file %d was not read", m.File)
		case v == v0+sum:
			without++
		case v == v0+sum+m.Signed():
			with++
		default:
			what := fmt.Sprintf("file %d holds %d; by all reports it holds %d, or %d with the change that is in doubt", m.File, v, v0+sum, v0+sum+m.Signed())
			l.alarms = append(l.alarms, Alarm{Rule: RuleClosedBooks, What: what})
			return what
		}
	}
	f := finding{RuleClosedBooks, DidNot, "everybody has reported everything, and the value is what it is without the change"}
	switch {
	case with > 0 && without > 0:
		l.fork("some of the values moved and others did not, though all move together")
		return "some of the values moved and others did not"
	case with > 0:
		f.decision, f.why = Happened, "everybody has reported everything, and the value is what it is with the change"
	}
	o := &open.outcome
	o.Decision, o.Rule, o.Why, o.Needs, o.RelayExcluded = f.decision, f.rule, f.why, nil, at.Evidence.Fence.Excludes(Hostile) && j.macs() && at.Evidence.Protected
	o.Evidence, o.Time = at.Evidence, at.Time
	return ""
}

// place is when a transaction happened, seen from an open one and its settlement.
type place uint8

const (
	unknown place = iota
	before
	between
	after
)

// place finds it by the counter where there is one, else by clocks.
func (l *ledger) place(c *Centre, a, open *account, at *Outcome) place {
	e := open.e
	if tmc := at.Evidence.TMC; e.HasTMAC && tmc != nil && a.e.HasTMAC && a.e.trusted() && e.trusted() {
		j := &judge{e: e}
		switch n := a.e.TMC0 + 1; {
		case !j.back(e.TMC0, n):
			return before
		case j.back(*tmc, n):
			return after
		}
		return between
	}
	skew := c.skew()
	if a.e.ID.Generation() == e.ID.Generation() {
		skew = 0 // one clock
	}
	end, known := a.e.settledBy()
	switch {
	case a.e.Began.IsZero() || e.Began.IsZero():
		return unknown
	case a.e.Began.After(at.Time.Add(skew)):
		return after
	case !known:
		return unknown
	case !end.Add(skew).After(e.Began.Time):
		return before
	case a.e.Began.After(e.Began.Add(skew)) && end.Add(skew).Before(at.Time.Time):
		return between
	}
	return unknown
}

// settledBy is when nothing of an entry could happen any more, at the latest.
func (e *Entry) settledBy() (t time.Time, known bool) {
	for i := range e.Outcomes {
		o := &e.Outcomes[i]
		if o.Rule == RuleOperator || o.Time.IsZero() || o.Decision == InDoubt && !o.Evidence.Fence.Excludes(e.Policy) {
			continue
		}
		if !known || o.Time.Before(t) {
			t, known = o.Time.Time, true
		}
	}
	return t, known
}

// books is what comes of it.
func (l *ledger) books() CardBooks {
	b := CardBooks{CardApp: l.card, Entries: []Judged{}, Files: []FileBooks{}, NoKey: l.noKey, Gaps: l.gaps()}
	files := map[wire.FileNo]*FileBooks{}
	all := l.alarms
	for _, a := range l.accounts {
		was := a.e.Outcome()
		b.Entries = append(b.Entries, Judged{Entry: *a.e, Outcome: a.outcome, Changed: was == nil || was.Decision != a.outcome.Decision})
		all = append(all, a.outcome.Alarms...)
		for _, m := range a.e.Moves {
			f := files[m.File]
			if f == nil {
				f = &FileBooks{File: m.File}
				files[m.File] = f
			}
			switch a.outcome.Decision {
			case Happened:
				f.Happened += m.Signed()
			case InDoubt:
				f.InDoubt += m.Signed()
			}
		}
	}
	for _, f := range files {
		b.Files = append(b.Files, *f)
	}
	slices.SortFunc(b.Files, func(a, b FileBooks) int { return cmp.Compare(a.File, b.File) })
	b.Alarms = alarms(all)
	return b
}

// gaps are the numbers between the first and the last that were seen whose
// transactions nobody has reported.
func (l *ledger) gaps() (gaps []Gap) {
	seen := map[uint32]bool{}
	for _, a := range l.accounts {
		if a.e.HasTMAC && a.e.trusted() && a.outcome.Decision == Happened {
			seen[l.count(a.e.TMC0+1)] = true
		}
	}
	for n, ids := range l.named {
		seen[n] = seen[n] || len(ids) > 0 // settlements too
	}
	first, last, any := uint32(0), uint32(0), false
	for _, f := range l.seenMACs() {
		if l.macs[f] {
			if n := l.count(f.tmc); !any {
				first, last, any = n, n, true
			} else {
				first, last = min(first, n), max(last, n)
			}
		}
	}
	if !any || l.lrp && last-first >= 0x8000 {
		return nil // the numbers began again
	}
	have := []uint32{first} // what was there before anybody looked
	for n := range seen {
		if n > first && n <= last {
			have = append(have, n)
		}
	}
	slices.Sort(have)
	for i, n := range have {
		next := uint64(last) + 1
		if i+1 < len(have) {
			next = uint64(have[i+1])
		}
		if uint64(n)+1 < next {
			gaps = append(gaps, Gap{n + 1, uint32(next - 1)})
		}
	}
	return gaps
}
