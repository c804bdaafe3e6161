// Package play is a simulated card to play with, for people without hardware: a
// [Bench] is a reader on which one lies, empty or made by a layout, and whoever holds
// the Bench lifts it, returns it, takes its power away in a commit, and bends its
// answers. A Bench tells what no reader of a real card can: what the card holds.
//
// A [Story] is told in steps that run for real, on a card of its own with a relay in
// front of it: see [Stories].
package play
