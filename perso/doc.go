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
// journal: those of the card first, and those of an application before its files, so
// that what a card is given comes under keys of its issuer's; settings that freeze
// something come after that. A change of a key that the journal left open is settled first.
//
// What can never be undone comes last, and only if Config.Irreversible names it: after
// everything was read back and compared, a random identifier at the very end.
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
// listens while they are changed learns the new ones, and can read what is written
// later, however the file is enciphered; who stands in between can play the card.
// Make cards where nobody does. Where the keys are of the issuer's, what decides
// is asked for in their sessions: the identifier of the card in each session of
// Apply and Verify, its settings and applications, the settings of a file before they
// change, before it is written or deleted, a value once nothing is pending, each key
// before settings freeze it, and which key a changed one is. A card that lies in clear
// can make a plan wrong, or a step fail.
//
// Verify says that something is Unproven where a key for it is at hand and nothing
// protected the answer. It believes, since nothing could prove it: all but keys, and
// contents of files in mode mac or full, of a D40 card, whose answers have no MAC; the
// settings of places whose master key no store has; ISO identifiers and DF names, which not every
// card tells in a session; and, in EV2 and LRP sessions, the content of files in mode plain or
// free to read. A proximity check proves a key, and not which card has it: where cards
// share that key, another one may have answered.
//
// # What cannot be made, and what cannot be undone
//
// Originality signature, identifier, counters, and the key of a transaction MAC
// file belong to one card. What the layout has is never deleted or made larger: a
// difference that only a deletion could mend is listed in Plan.Impossible. What is on
// the card and not in the layout is in Plan.Extra, and stays, unless Config.Prune
// says that it is deleted: no value file that may hold something, if it is not named.
// What can never be undone is done if Config.Irreversible names it, and is in
// Plan.Held otherwise.
//
// # What no card tells
//
// Most options, and the keys of delegation and of the selection of virtual cards, can be
// set and not be read back: plans set such options each time, and Verify lists them as
// Unproven. Of keys that authenticate nobody, and of key sets that are not active, a card
// tells versions. Switches that a card takes together are set only if the layout says
// all of them, since what it does not say would be switched off.
//
// # Saved plans
//
// A plan may be written to a file (Plan.Encode), looked at, and applied by another
// process (ReadPlan, Plan.Bind). It holds for one card, whose structure is as it was,
// and one layout. Where Config.Save saves it again, it can be gone on with after that
// process died, and is not done twice.
package perso
