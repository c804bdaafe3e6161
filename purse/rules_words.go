package purse

import "fmt"

// Words says what a rule goes by, in a sentence without a full stop; empty for a
// rule that there is not.
func (r Rule) Words() string { return ruleWords[r] }

// Rules are all rules, in the order in which they are asked; what is no evidence comes last.
func Rules() []Rule {
	return []Rule{
		RuleCommit, RuleOtherHistory, RuleTMV, RuleOtherOwner, RuleReaderID, RuleMerged, RuleSlot, RuleRecord,
		RuleCounter, RuleValue, RuleDebitOnly, RuleLimited, RuleClosedBooks,
		RuleNothingSent, RuleOperator, RuleReceipt, RuleNoKey, RuleBothWays, RuleNone,
	}
}

// decides reports whether evidence can decide by a rule.
func (r Rule) decides() bool {
	switch r {
	case RuleOtherHistory, RuleOperator, RuleReceipt, RuleNoKey, RuleBothWays, RuleNone:
		return false
	}
	return ruleWords[r] != ""
}

var ruleWords = map[Rule]string{
	RuleCommit:       "the card confirmed the commit, and each command before it, with a right MAC: it happened",
	RuleCounter:      "the transaction counter is where it was, and nothing is pending: it did not happen",
	RuleTMV:          "the transaction MAC of the number that only this change can have covers its id: it happened",
	RuleOtherOwner:   "the number that only this change can have is another transaction's: it did not happen",
	RuleReaderID:     "the card names the change as its last transaction, and all of it was pending: it happened",
	RuleNoKey:        "the transaction counter moved, and no key and no report here tells by whom: in doubt",
	RuleMerged:       "the transaction MAC covers part of the change, or the change and part of another: what it covers happened, and a relay was at work",
	RuleRecord:       "the record of the change is there, with all that was pending: it happened; all records since are shown, and it is not among them: it did not",
	RuleSlot:         "the slot holds the id of the change, with all that was pending: it happened; the slot is as it was, and nothing is pending: it did not",
	RuleValue:        "nobody else can move the value: it tells what happened",
	RuleDebitOnly:    "others can only lower the value, and it is higher than the change would leave it: it did not happen",
	RuleBothWays:     "others move the value in both directions, so that no value proves anything: in doubt",
	RuleLimited:      "the limited-credit amount, which nobody else can use, is used up: it happened; it is as it was: it did not",
	RuleClosedBooks:  "everybody with a key has reported everything, and the value fits with the change or without it",
	RuleOtherHistory: "the card shows another history than the journal's: in doubt, and the card is blocked",
	RuleReceipt:      "the receipt contradicts: it says nothing, and a person should look",
	RuleOperator:     "a person decided, with a reason",
	RuleNothingSent:  "no command that makes something pend was sent: it did not happen",
	RuleNone:         "there is no evidence: in doubt",
}

// needs lists what would decide what is in doubt.
func (j *judge) needs() (needs []string) {
	e, ev := j.e, j.ev
	add := func(format string, a ...any) { needs = append(needs, fmt.Sprintf(format, a...)) }
	if j.isBlocked() {
		add("a person who finds out why the card has another history")
	}
	card := fmt.Sprintf("card %s", e.UID)
	switch {
	case !ev.SameCard:
		add("%s on a reader, with a session that proves that it is this card", card)
	case !j.believed() && j.macs():
		add("%s on a reader, with a session that puts a MAC on all that is read", card)
	case !j.believed():
	case !j.fenced():
		add("%s on a reader, with a session that makes sure that nothing is pending", card)
	}
	if e.HasTMAC && !j.outside() && e.marked() {
		n := e.count(e.TMC0 + 1)
		if ev.TMC != nil && j.isNext(*ev.TMC) && ev.TMVFits == NotChecked {
			add("the transaction MAC key, for transaction MAC %v of transaction %d", tmvOr(ev.TMV, TMV{}), n)
		}
		if ev.TMC == nil || !j.isBefore(*ev.TMC) {
			add("the report of the transaction with number %d or %d, to the centre", n, e.count(n+1))
		}
	}
	if ev.Values != nil && !j.exclusive() {
		add("the reports of all who have a key of the value, up to now, to the centre")
	}
	if len(needs) == 0 || !j.macs() && j.policy == Hostile && !e.HasTMAC {
		add("a person's word: no evidence can decide it any more")
	}
	return needs
}
