// Package boltjournal keeps the journal of a purse in a file, a bbolt database, with
// a file of notes beside it.
//
//	purse.db         all entries, and what was known of them at the last Begin
//	purse.db.notes   what was added since
//	.purse.db.lock   who has the journal
//
// # What survives what
//
// Begin is one transaction of the database, synced before it returns, and takes along what is in the
// notes. Note, End and Keep append to the notes and sync nothing. They do not write
// to the database: a transaction of bbolt that is not synced can be in the file in
// part after a loss of power, with its first page there and pages that it leads to not, and then
// all entries are lost. A record of the notes has a checksum over itself and its
// number, so that what a loss of power leaves of the notes is read up to the first record that is
// not whole. The end of the process (SIGKILL) takes nothing. Losing or removing
// the notes costs what was noted since the last Begin, never an entry: it is open
// then, and is settled with the card.
//
// Where syncing or writing fails, nothing more is written: every method that writes returns
// *FailedError until the journal is opened again. Before each transaction it is made sure that the
// files still have their names and that nobody wrote over the database.
//
// # Changes
//
// A Journal is a purse.ChangeLog: each entry has the number of its last change, which holds how often the journal
// was opened and how many events it has. Forget takes entries out; the file does not become smaller, and its space is
// used again. A journal of the first format, which had no such numbers, gets them when it is
// opened for writing.
//
// # What is checked
//
// Open reads the whole database before bbolt maps it, and refuses one whose pages
// contradict each other, of which a key or a value is not what was written, or in which one is missing or
// is from before: *DamagedError. Both have checksums together, of which the database has the sum. A journal of a newer format is a *FormatError. Nothing of this changes a file.
//
// # Copies
//
// A journal that was copied, moved to another machine, or restored has forgotten, or will
// not hear of, what the other one did. It gets a new generation when it is opened for
// writing: new IDs differ from those of the other one. Its entries stay, and open ones are settled by
// their own IDs. Journal.Renewed and Journal.Generations say why. Recognised are
//
//   - a copy of the database without its notes: there is no witness;
//   - a copy of both, into another folder or over the old files, also by cp, which keeps
//     the number of the file: the notes know the number of the database's file and when the system last
//     changed it (on Windows when it was made, so that writing over both files is not recognised there);
//   - a database restored beside notes that are newer, or the other way round: both count
//     the changes and how often the journal was opened. The clock is not asked.
//
// Changing rights, owner or name of the database looks like a copy, and so may a loss
// of power, or an end between the two writes of Begin; a new generation does no harm. Not recognised are copies below the file system: snapshots of a
// volume or of a virtual machine. Then the cards tell: a slot or a counter that the
// journal does not expect blocks the card (rule 14 of docs/purse.md). So do they
// with what a recognised copy has forgotten.
//
// # Full and read-only disks
//
// Begin fails, and nothing is sent to the card. A journal that cannot be written can be read with
// Options.ReadOnly, which changes no file and takes into account what is in the notes.
//
// # One program at a time
//
// A second one gets *LockedError, which names the first; so do readers
// (Options.ReadOnly) while a writer has the journal, and writers while a reader has. The lock
// is the operating system's and ends with the process. Several purses of one program
// share one Journal.
package boltjournal
