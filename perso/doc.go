// Package perso makes a card what a layout says: applications, files, their
// rights and contents, keys.
//
// A Layout is what a card should be. FromCard makes one of a card that was read,
// so that a dump is a layout with contents. NewPlan compares it with a card and
// says what is to be done, what cannot be done, and why. Apply does it, and
// Verify reads back and compares.
//
// # Lost cards
//
// Apply remembers nothing but the journal. It looks at the card, does what is
// missing, and can be repeated from anywhere: after a card that was lifted in any
// exchange it ends in the same card. Keys are changed by package rekey with its
// journal, last of all, and settings that freeze something after them. A change of
// a key that the journal left open is settled first.
//
// # Keys
//
// There are two key stores: Have for the keys that the card holds now, Want for
// those that it shall hold. Keys of a new application are zero, or the card's
// default key, which Have knows by keystore.RoleDefault. A key that Want does not
// have is left as it is. Which of the keys a card holds is told by its version,
// and proved by an authentication when it is used; not more than Config.Budget
// attempts with a key may fail.
//
// # The air
//
// Until its keys are set, a new application has keys that everybody knows: who
// listens then can read what is written, however the file is enciphered. Make
// cards where nobody listens. Where the keys are of the issuer's, what decides
// is asked for in their sessions: the identifier of the card, the settings of a
// file before they change, a value once nothing is pending, and which key a
// changed one is. A card that lies in clear can make a plan wrong, or a step
// fail.
//
// # What cannot be made
//
// Originality signature, identifier, counters, and the key of a transaction MAC
// file belong to one card. Files and applications that exist are never deleted
// or made larger: a difference that only a deletion could mend is listed in
// Plan.Impossible, and what is on the card and not in the layout in Plan.Extra.
package perso
