// Package mobile is this library for phones: flat, so that gomobile binds all of it for Java,
// Kotlin, Objective-C and Swift.
//
// An app gives a tag as a Transceiver (IsoDep of Android: whole frames) or as a Transceiver7816
// (NFCISO7816Tag of an iPhone: the fields of a command), gets a Card, and calls jobs on it. Each job
// returns JSON as the desfire tool prints it with --json; docs/output.schema.json is its schema.
//
//	card, err := mobile.OpenCard(tag, nil)
//	defer card.Close()
//	text, err := card.Inspect("tree", keys)
//
// # Errors
//
// Explain makes a Failure of any error that this package gave: a code, whether the job has happened
// ("yes", "no", "unknown"), words, and what to do. An exchange whose answer is lost is never sent again: the tag
// may have done it. A purse and a layout go on with the same card when that is back.
//
// # Threads
//
// Jobs block, so call them on a thread of their own. One job at a time works on a card or a purse:
// another one is refused, not queued. Cancel may come from any thread.
//
// # Ownership
//
// Bytes that a job gets are copied before it returns. What is opened is closed by the app: cards,
// purses, keys, in this order.
package mobile
