// Package report shows all that was read of a card, for people as one HTML page
// and for programs as JSON: what the card is, how full it is, who may do what with
// it, what it holds, what could not be read, and what should worry its owner.
//
// New makes a Report of an [inspect.Card], whether that was read of a card or of a
// file. It adds what follows from the card and asks nobody; Ask reads what inspect
// does not. HTML writes a page that loads nothing, holds no script, and whose
// content security policy allows its own stylesheet alone. Text of the card is
// escaped: nothing in it becomes markup, and characters that cannot be seen or
// turn text around are written out.
//
// A redacted report can be given away: see Config.Redact.
package report
