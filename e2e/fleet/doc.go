// Package fleet has tests only: a server, agents and cards as processes of their own,
// which are killed, cut off, filled up and set back while orders run. What became of each
// order is read from the cards.
package fleet
