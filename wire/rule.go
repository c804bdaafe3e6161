package wire

// Scheme is a kind of secure messaging.
type Scheme uint8

// Schemes. The authenticate command fixes the scheme, not the generation.
const (
	SchemeNone Scheme = iota
	SchemeD40
	SchemeEV1
	SchemeEV2
	SchemeLRP
)

func (s Scheme) String() string {
	return [...]string{"none", "d40", "ev1", "ev2", "lrp"}[s]
}

// Rule names the row of command reference 5.4 that a command follows.
type Rule uint8

// Rules.
const (
	RulePlain      Rule = iota // never protected, unseen by the channel: select, authenticate, ISO
	RuleManage                 // plain in D40 and EV1 commands, MAC in EV2
	RuleFull                   // the command is enciphered: settings
	RuleFullAnswer             // the answer is enciphered: GetCardUID
	RuleMAC                    // the command carries a MAC in every scheme: key sets
	RuleReaderID               // as RuleMAC, and from EV2 on the answer is enciphered: CommitReaderID
	RuleRead                   // the answer follows the file
	RuleWrite                  // the command follows the file
	RuleChangeKey              // the command is a cryptogram of its own
)

// Protection is the communication mode of one message: how Seal and Open of a
// channel treat it. response tells the direction, file the effective mode of
// the file for the rules that follow one. Plain in an EV1 session still means
// that the channel sees the message, and that answers carry a CMAC.
func (r Rule) Protection(s Scheme, response bool, file CommMode) CommMode {
	if file == 2 { // alias of plain, command reference 3.7
		file = CommPlain
	}
	// What a side that is not itself enciphered or bound to the file carries.
	rest := CommPlain
	if s == SchemeEV2 || s == SchemeLRP {
		rest = CommMAC
		if (r == RuleRead || r == RuleWrite) && file == CommPlain {
			rest = CommPlain // "real plain": the counter runs, no MAC either way
		}
	}
	switch {
	case r == RulePlain || s == SchemeNone:
		return CommPlain
	case r == RuleFull && !response, r == RuleFullAnswer && response:
		return CommFull
	case (r == RuleMAC || r == RuleReaderID) && !response:
		return CommMAC
	case r == RuleRead && response, r == RuleWrite && !response:
		return file
	case r == RuleChangeKey && !response:
		return CommOwn
	case r == RuleReaderID && rest == CommMAC:
		return CommFull
	}
	return rest
}

// Unpadded reports whether an enciphered answer is whole blocks as it is, and
// has only a MAC if it is empty (secure-messaging reference 6.3).
func (r Rule) Unpadded() bool { return r == RuleReaderID }
