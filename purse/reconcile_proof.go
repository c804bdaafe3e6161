package purse

import (
	"fmt"
	"slices"
)

// disbelieved says why a report that a change happened is not believed; empty if it is. A terminal can
// report what never was; it cannot make its transaction MAC.
func (l *ledger) disbelieved(a *account) string {
	e := a.e
	for _, all := range l.owners {
		if slices.Contains(all, a) {
			return ""
		}
	}
	j := &judge{e: e, policy: e.Policy}
	n := l.count(e.TMC0 + 1)
	switch {
	case l.proved && (!e.HasTMAC || len(e.tmi()) == 0 || j.outside()):
		return "it is reported without what a transaction MAC could prove, and changes of this application count only with that proof"
	case l.proved && l.tm == nil:
		return "no transaction MAC proves it, since the key is not there, and changes of this application count only with that proof"
	case l.proved:
		return fmt.Sprintf("no transaction MAC that was seen proves it, and changes of this application count only with that proof: the report of transaction %d or of the one after it would have it", n)
	case l.tm == nil || len(l.owners) == 0 || !e.HasTMAC || len(e.tmi()) == 0 || !e.trusted() || j.outside():
		return "" // there is no key, or nothing shows that it is the right one
	}
	for i := range e.Outcomes {
		if ev := &e.Outcomes[i].Evidence; ev.CommitAcked {
			return fmt.Sprintf("its terminal says that the card confirmed it as transaction %d, and the transaction MAC that it reports is not that of this change", n)
		}
	}
	return ""
}
