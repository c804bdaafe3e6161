package purse

// Receipt is what a purse tells of a change. It is the caller's own.
type Receipt struct {
	Entry Entry // as the journal has it
	// Stored: nothing was done now; the change of this request happened before.
	Stored bool
	// After are the values after the transaction, where they are known.
	After []ValueBefore
}

// Decision is what became of the change.
func (r *Receipt) Decision() Decision {
	if o := r.Entry.Outcome(); o != nil {
		return o.Decision
	}
	return InDoubt
}

// Rule is by which evidence.
func (r *Receipt) Rule() Rule {
	if o := r.Entry.Outcome(); o != nil {
		return o.Rule
	}
	return RuleNone
}
