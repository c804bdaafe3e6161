// Package inspect shows what is on a card, as values and as words: what the card
// is, its settings, its applications and their keys, its files, who may do what
// with them, and what is in them.
//
// Read asks a card, as deep as Ask says. What it could not read is in the result
// with the reason: the status the card answered and the right that is missing.
// The values can be made of other sources, too: see NewFile and NewKeySettings.
//
// There are no key bytes in it: cards do not tell any. Names and contents are
// what the card says, as it says it: whoever prints them must escape them. What
// was read without a session, or in a session of the D40 kind, is what came
// through the air and may be forged.
//
// The JSON form of Card has stable member names. A member that was not asked
// for, or does not apply, is left out. It can be read back: what the card
// answered stands in it as bytes, and words that contradict them are an error.
package inspect
