// Package purse moves the value files of cards so that each change happens exactly
// once, whatever happens to the card, the link, the program or the power in
// between, and says why it believes so.
//
//	p, err := purse.Open(purse.Config{ ... })
//	receipt, err := p.Debit(ctx, card, purse.Request{ID: "ticket 4711", Amount: 250})
//
// A Purse works on one application. It writes an Entry to its Journal before the
// first command that makes something pend on a card, puts an ID of its own into
// the same transaction (a receipt: CommitReaderID, a slot of a backup file, or a
// record), and commits. Where the answer to the commit is lost, nobody knows what
// became of it: the entry stays open. With the card back, Settle makes sure that
// nothing old can still happen, reads what the card holds, and Decide says by a
// fixed list of rules what that proves: it happened, it did not, or it is in
// doubt, and then what would decide it. Reconcile does the same at the centre, from
// the reports of several terminals.
//
// # What stands between reader and card
//
// With policy Hostile somebody may forge, hold back and insert frames. Then only
// what carries a MAC of the session counts, and a change is taken for not made only behind a fence that such a
// relay cannot fake; a new session, a selection or a reset is none. With policy Accidents power, field and
// link may fail, and nobody forges anything; it is the only one for D40 cards and for files that
// are free, and each outcome says that a relay was not excluded.
//
// # Exchanges
//
// After selection and authentication a debit takes 2 exchanges with the value
// alone, 3 with one receipt, 4 with a transaction MAC and a slot; and one for each
// of transaction counter, value and slot that is not known from the debit before in
// the same session, and for GetCardUID where keys are not diversified.
package purse
