package purse

// Certainty says what can be found out of a change whose commit had no answer: by which rules,
// and where. It is of the configuration; a card, or somebody in between, may still leave less.
type Certainty struct {
	// Here are the rules that decide at the terminal, with the card back.
	Here []Rule `json:"here"`
	// Centre are those that decide later, with the transaction MAC key and reports of terminals.
	Centre []Rule `json:"centre"`
	// Always: each honest fault is decided at the terminal.
	Always bool `json:"always"`
	// Words say what that means.
	Words []string `json:"words"`
}

// Certainty is that of a purse. tmKey says whether the terminal has the transaction MAC
// key.
func (c *Config) Certainty(tmKey bool) Certainty {
	var s Certainty
	here := func(r ...Rule) { s.Here = append(s.Here, r...) }
	say := func(words string) { s.Words = append(s.Words, words) }
	named := c.TMAC != nil && c.TMAC.NamesReader
	marked := named || c.TMAC != nil && (c.Slot != nil || c.Record != nil)
	exclusive := c.Others == OthersNothing

	if marked && tmKey {
		here(RuleTMV)
		if named {
			here(RuleOtherOwner, RuleReaderID)
		}
	}
	if c.Slot != nil {
		here(RuleSlot)
	}
	if c.Record != nil {
		here(RuleRecord)
	}
	if c.TMAC != nil && !c.NoKey {
		here(RuleCounter)
	}
	switch {
	case exclusive:
		here(RuleValue)
	case c.Others == OthersDebit:
		here(RuleDebitOnly)
	}
	if marked {
		s.Centre = append(s.Centre, RuleTMV)
		if named {
			s.Centre = append(s.Centre, RuleOtherOwner, RuleReaderID)
		}
	}
	s.Centre = append(s.Centre, RuleClosedBooks)
	s.Always = c.Slot != nil || exclusive

	switch {
	case c.Slot != nil:
		say("Each change whose answer is lost is decided at this terminal, as soon as the card is back: its slot tells.")
	case exclusive:
		say("Each change whose answer is lost is decided at this terminal, as soon as the card is back, by the value alone. That holds only while nobody else, with any key, moves the value.")
	case c.Record != nil:
		say("A change whose answer is lost is mostly decided at this terminal: its record tells, unless too many newer ones have pushed it out. Then the centre decides.")
	case named && tmKey:
		say("A change whose answer is lost is decided at this terminal while the card has made no other transaction since, or its own is the last one. Else the centre decides, with one report of the transaction of that number or of the next.")
	case named:
		say("A change whose answer is lost is decided at this terminal only while the card has made no other transaction since. Else the centre decides, with the transaction MAC key or one report of the transaction of that number or of the next.")
	case c.Others == OthersDebit:
		say("A change whose answer is lost is found not made where the value is too high for it; else nothing at this terminal decides it.")
	}
	switch {
	case marked:
		say("The transaction MAC proves each change to third parties who have the transaction MAC key.")
	default:
		say("There is no proof for third parties: that takes a transaction MAC file with CommitReaderID.")
	}
	switch c.Policy {
	case Accidents:
		say("Policy accidents: power, field and link may fail at any moment, and nobody forges anything. Somebody who stands between reader and card is not excluded, and each receipt says so.")
	default:
		say("Policy hostile: that holds also where somebody between reader and card forges, holds back and inserts frames.")
	}
	return s
}
