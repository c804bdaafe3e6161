// Package sim is a DESFire card in software, and the field it is held in.
//
// The card has two kinds of memory. The non-volatile part is a tree of values
// that are never changed in place: a command builds the next tree and commits
// it, or leaves the old one. The volatile part (selected application, session,
// open chain, pending transaction) is one struct that each activation starts
// with afresh. So power may go at any point.
//
// The card is the judge: access rights, key settings and session rules are
// written here independently of the reader, which this package never imports.
// Between reader and card may stand a [Relay], which decides about each exchange,
// or [Faults], which does what a text says.
//
// What silicon does and no document says is a named entry of Quirks.
package sim
