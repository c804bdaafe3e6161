// Package unlock opens a session with the key that has the right, from a key
// store: who uses it says what is to be done, and nobody types key numbers.
//
//	opener := &unlock.Opener{Store: ring}
//	settings, err := opener.File(ctx, card, place, 1, inspect.ActRead)
//	data, err := card.ReadData(ctx, 1, 0, 0)
//
// File looks at the rights of a file, Place at the key settings of an application
// or the card. Of the keys that may do it, the first is taken that the store has
// and whose type and version are what the card tells. Where they are others,
// nothing is tried, since cards count failed authentications.
//
// # What can be forged
//
// All that chooses a key is told in clear. So inside the session the settings are
// asked for once more, and the key must still have the right; File returns these.
// In a D40 session, whose answers have no MAC, they may be forged all the same.
// A card that says that anybody may do it gets a session with a key that may do
// it, too, where the store has one, and nothing goes on without a session unless
// Opener.Plain says so.
//
// Forged types and versions can keep a session from being opened, and cost a
// failed attempt at a card that counts them, one a call. Where a store has an old
// key beside the new one, a forged version makes the old one be taken: a store
// should forget keys that somebody else may know.
//
// A session proves that whoever has the key answers, not which application was
// selected: see desfire.Card.Authenticate.
package unlock
