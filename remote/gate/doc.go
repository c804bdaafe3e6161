// Package gate is a purse at the edge: it debits cards where they are presented, by a
// journal that is here. Each card pays once, or what an order asks for, which comes
// from this program or by a request. Nothing waits for the centre: what became of a
// change is told to it later, by whoever ships the journal. Only keys that are not
// here make a gate wait, for them.
package gate
