package purse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// terminal asks the rules again about what the entry's own terminal saw, with the key
// of the centre and the ids of all.
func (l *ledger) terminal(ctx context.Context, a *account) error {
	e := a.e
	for i := range e.Outcomes {
		o := &e.Outcomes[i]
		switch o.Rule {
		case RuleOperator:
			a.word = o
			continue
		case RuleNothingSent:
			if o.Decision == DidNot {
				a.add(finding{RuleNothingSent, DidNot, o.Why}, o, true)
			}
			continue
		}
		if o.learned() {
			a.add(finding{o.Rule, o.Decision, o.Why}, o, o.RelayExcluded)
			continue
		}
		ev := o.Evidence
		if err := l.compute(ctx, e, &ev); err != nil {
			return err
		}
		again := Decide(e, &ev, nil)
		a.alarms = append(append(a.alarms, o.standing()...), again.Alarms...)
		if again.Decision != InDoubt {
			a.add(finding{again.Rule, again.Decision, again.Why}, &Outcome{Evidence: ev, Time: o.Time}, again.RelayExcluded)
			continue
		}
		if i == e.last() && slices.ContainsFunc(append(o.Alarms, again.Alarms...), func(x Alarm) bool { return x.Block }) {
			a.contested = true // until its terminal finds something else
		}
		a.rule, a.notes, a.needs = again.Rule, []string{again.Why}, again.Needs
	}
	if e.last() < 0 {
		again := Decide(e, &Evidence{}, nil)
		a.notes, a.needs = []string{"its terminal never looked at the card again"}, again.Needs
	}
	return nil
}

// standing are the alarms that its terminal raised, but for those that follow from the evidence alone: who settles
// for another may know half of a change, and what that half leaves open all of it may explain.
func (o *Outcome) standing() []Alarm {
	return slices.DeleteFunc(slices.Clone(o.Alarms), func(a Alarm) bool { return a.Rule == RuleReceipt })
}

// learned reports whether a centre decided, by what others reported, and the terminal took
// it over: those reports need not come again.
func (o *Outcome) learned() bool {
	switch o.Rule {
	case RuleClosedBooks:
		return o.Decision != InDoubt
	case RuleTMV, RuleOtherOwner, RuleReaderID, RuleMerged:
		return o.Decision != InDoubt && o.Evidence.TMC == nil
	}
	return false
}

// last is which outcome is the last one that is no person's; -1 if there is none.
func (e *Entry) last() int {
	for i := len(e.Outcomes) - 1; i >= 0; i-- {
		if e.Outcomes[i].Rule != RuleOperator {
			return i
		}
	}
	return -1
}

// compute adds what the key tells. What the terminal found with it stays.
func (l *ledger) compute(ctx context.Context, e *Entry, ev *Evidence) error {
	if l.tm == nil {
		return nil
	}
	x := *ev
	if err := x.compute(ctx, e, l.tm, func(id ID) bool { return l.known[id] }); err != nil {
		return fmt.Errorf("card %s, %s: %w", l.card.UID, l.card.App, err)
	}
	if ev.TMVFits != Fits {
		ev.TMVFits = x.TMVFits
	}
	if !ev.PreviousKnown {
		ev.Previous, ev.PreviousKnown = x.Previous, x.PreviousKnown
	}
	return nil
}

func (a *account) add(f finding, o *Outcome, relay bool) {
	a.found = append(a.found, located{f, o, relay})
}

// centre is rules 2, 3 and 4 by what others reported.
func (l *ledger) centre(a *account) {
	e := a.e
	j := &judge{e: e, ev: &Evidence{}, policy: e.Policy}
	if !e.HasTMAC || j.outside() {
		return
	}
	for n, all := range l.owners {
		if slices.Contains(all, a) {
			a.add(finding{RuleTMV, Happened, fmt.Sprintf("the transaction MAC of transaction %d covers the change and its id", n)}, nil, true)
		}
	}
	if !e.trusted() {
		return // its number is not known
	}
	n := l.count(e.TMC0 + 1)
	for _, owner := range l.owners[n] {
		if owner != a {
			a.add(finding{RuleOtherOwner, DidNot, fmt.Sprintf("the only number that this change could have, %d, is that of %v, by its transaction MAC", n, owner.e.ID)}, nil, e.Policy == Hostile || j.macs())
		}
	}
	if !e.NamesReader {
		return
	}
	for _, id := range l.named[n] {
		if id != e.ID {
			a.add(finding{RuleOtherOwner, DidNot, fmt.Sprintf("the only number that this change could have, %d, is that of %v, whom the card names as its reader", n, id)}, nil, j.macs())
			continue
		}
		if l.whole(a) {
			a.add(finding{RuleReaderID, Happened, fmt.Sprintf("the card names this change as transaction %d, and all of it was pending", n)}, nil, j.allAcked())
			continue
		}
		what := fmt.Sprintf("the card names this change as transaction %d, and whether its movements were part of it is not known", n)
		a.alarms = append(a.alarms, Alarm{Rule: RuleReceipt, What: what})
		a.notes = append(a.notes, what)
	}
}

// whole reports whether the change cannot have been committed without its movements, by
// its transaction MAC or by what any settlement saw.
func (l *ledger) whole(a *account) bool {
	j := &judge{e: a.e, ev: &Evidence{}, policy: a.e.Policy}
	if j.wholeWithName() {
		return true
	}
	for _, all := range l.owners {
		if slices.Contains(all, a) && j.whole() {
			return true
		}
	}
	return slices.ContainsFunc(a.e.Outcomes, func(o Outcome) bool {
		j := &judge{e: a.e, ev: &o.Evidence, policy: a.e.Policy}
		return j.sameCard() && j.believed() && j.wholeWithName()
	})
}

// order is how the findings are weighed; what is not in it comes last.
func order(r Rule) int {
	for i, x := range Rules() {
		if x == r {
			return i
		}
	}
	return len(Rules())
}

// decide weighs what was found about an entry.
func (l *ledger) decide(a *account) {
	if l.forked {
		// Who owns a number in one history says nothing in the other.
		a.found = slices.DeleteFunc(a.found, func(f located) bool { return f.rule == RuleOtherOwner })
	}
	slices.SortStableFunc(a.found, func(x, y located) int { return order(x.rule) - order(y.rule) })
	var first *located
	if len(a.found) > 0 {
		first = &a.found[0]
	}
	for i := range a.found {
		if x := &a.found[i]; x.decision != first.decision {
			a.alarms = append(a.alarms, Alarm{Rule: RuleOtherHistory, Block: true,
				What: fmt.Sprintf("rule %s says: %s; rule %s says: %s", first.rule, first.why, x.rule, x.why)})
			a.contested = true
			break
		}
	}
	if first != nil && first.decision == Happened {
		if why := l.disbelieved(a); why != "" {
			a.alarms = append(a.alarms, Alarm{Rule: RuleTMV, What: why})
			a.notes, first = append([]string{why}, a.notes...), nil
		}
	}
	o := Outcome{Decision: InDoubt, Rule: RuleNone, Alarms: alarms(a.alarms)}
	switch {
	case first != nil && !a.twice && (first.rule == RuleCommit || !a.contested):
		o.Decision, o.Rule, o.Why, o.RelayExcluded = first.decision, first.rule, first.why, first.relay
		if first.evidence != nil {
			o.Evidence, o.Time = first.evidence.Evidence, first.evidence.Time
		}
	case a.contested:
		o.Rule, o.Why = RuleOtherHistory, "the card has another history, or the reports contradict"
		o.Needs = []string{"a person who finds out why the card has another history"}
	case a.word != nil:
		o.Decision, o.Rule, o.Why, o.Time = a.word.Decision, RuleOperator, a.word.Why, a.word.Time
	default:
		l.doubt(a, &o)
	}
	a.outcome = o
}

// doubt says why nothing decides an entry, and what would.
func (l *ledger) doubt(a *account, o *Outcome) {
	switch {
	case slices.ContainsFunc(o.Alarms, func(x Alarm) bool { return x.Rule == RuleMerged }):
		o.Rule = RuleMerged
	case slices.ContainsFunc(o.Alarms, func(x Alarm) bool { return x.Rule == RuleReceipt }):
		o.Rule = RuleReceipt
	case a.rule != "":
		o.Rule = a.rule
	}
	o.Why, o.Needs = cmp.Or(strings.Join(a.notes, "; "), "nothing was found that decides it"), slices.Clone(a.needs)
	if l.noKey != "" {
		o.Needs = append(o.Needs, "the transaction MAC key of the card, for the centre: "+l.noKey)
	}
	if len(o.Needs) == 0 {
		o.Needs = []string{"a person's word: no evidence can decide it any more"}
	}
}

// alarms are those of a list, each once.
func alarms(list []Alarm) []Alarm {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Alarm) int { return strings.Compare(text(a), text(b)) })
	return slices.Compact(list)
}
