// Package selftest finds out whether a card does what this module believes of
// its generation: a real card, the simulated one, or somebody else's behind a
// socket.
//
// [Run] goes through independent, named steps. Without permission to wipe it
// does only what leaves no trace: identification, lists, free reads, and
// refusals that a card counts nowhere. With the UID of the card in
// Config.WipeCard and keys as delivered it formats the card and goes through
// every command of its generation, and leaves it formatted, with its keys as
// they were.
//
// Where no public document says what cards do, a step does not judge: it notes
// what the card did as a [Fact]. A [Report] has no key bytes and can be shown
// to anybody; it is how people who have cards confirm or correct this module.
package selftest
