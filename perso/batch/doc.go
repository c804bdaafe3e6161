// Package batch makes cards from the rows of a table: each row one card, each card one
// row, whatever happens on the way.
//
// Open reads the table and the book, and says what is wrong before a card is there. Card is
// called for each card that is presented, from as many readers as there are: it finds out
// which card it is, whether it has a row, and whether it can be made at all; gives it a row;
// makes it by package perso, verifies it, and writes what became of it.
//
// # Once
//
// The book is a file that says which card has which row. A card is in it, synced to the
// disk, before the first change of it. From there row and card belong together for
// good: a card that was lifted, or whose program was killed, is finished when it comes
// back, at any reader and in any order, and a card that is done is named and left alone.
// Only Batch.Release takes a row away from its card. Where the book cannot be
// written, no card is touched.
//
// A card that cannot be made what the layout says (another generation, too little memory,
// another application in the way) gets no row. Where that turns out later, the card keeps its
// row as failed, and is tried again when it comes back.
//
// With Config.Rotate the keys of cards are changed instead, as cards come by, with the same book:
// each card once, cards that the book does not know as well if they hold keys of the layout.
//
// Results are a second file, a line for each card. It is made of the book: what a crash has
// kept out of it is in it when the batch is opened again.
//
// # The air
//
// A new card tells who it is in clear, or under a key that everybody knows. Who stands between
// reader and card can pass off one card as another then, see package perso: make cards where
// nobody does. A card that says in a session that it is another one than it said before gets no
// row. Once it holds secret keys it must say it again, under one of them, and Result.Proved says
// that it did. DESFire D40 cannot.
package batch
