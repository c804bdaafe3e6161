// Package fleet has a fleet of readers as values: what a page, a tool and a server show of
// agents, their readers, the cards on them, uses of keys and lines of the ledger, and the
// words for it. It knows no network: what it says is true as of the time it was heard,
// and what an agent says of itself is that agent's word.
package fleet
