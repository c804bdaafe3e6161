// Package rekey changes keys of a card so that none is ever lost.
//
// Run proves the old key, writes a journal, changes the key, and proves which
// key the card holds then. Whatever the card answers in between is no proof: no
// status is authenticated, so "refused" and "done" may both have been said by
// somebody else. What counts is an authentication, in which the card shows that
// it has the key. Without one the journal says Unknown, and Find tells later.
//
// # What an authentication proves
//
// That somebody answered who has this key. It is the card as far as nobody else
// has the key, and it is this key of this application as far as no other key of
// the card is the same: the answer to a selection is not authenticated either.
// A key of zeros, as cards are delivered with it, is known to everybody, so it
// proves nothing against somebody who stands between reader and card. Change
// such keys where nobody can.
package rekey
