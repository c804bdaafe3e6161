// Package web is a page on which people see cards: what lies on the readers, what
// is on a card, what is being said, and what can be done with it.
//
// It is an http.Handler over a [desfire.Source]; it knows no transport, and the
// protocol only through the packages below it. Whatever protects the page is inside
// of the handler: who may reach it, how they get in, and how much they may ask for,
// whatever http.Server stands before it. docs/threats.md has the threats, with the test
// for each.
//
// # Embedding it
//
// The page needs an origin of its own: a port or a host name that serves nothing else.
// It keeps a secret in the storage of the origin, which every page of the same origin
// could read; so it does not answer where http.StripPrefix has put it under a path.
// [Server.HTTP] makes a server with the limits that a handler cannot set. Run follows
// the readers for as long as the page is served; Close comes before the Shutdown of the
// server, which waits for streams. A Server belongs to one process: sessions, jobs and
// what was read of cards are in its memory, and nothing of them is kept.
package web
