package purse

// Decide says what became of a change, by an entry of the journal, what a card
// said and computation found, and what is remembered of the card; state may be nil. It
// asks nobody and changes nothing. A rule that forbids stands before one that
// would decide.
func Decide(e *Entry, ev *Evidence, state *CardState) Outcome {
	o := Outcome{Decision: InDoubt, Rule: RuleNone, Why: "nothing was found that decides it", Evidence: *ev}
	if ev.CommitAcked && e.AllAcked() {
		o.Decision, o.Rule, o.Why = Happened, RuleCommit, "the card confirmed the commit"
	}
	return o
}
