// Package dump keeps what was read of a card in a file, and reads such files and
// those of other programs.
//
// Write writes an [inspect.Card] as one JSON object: format, version, when and by
// what it was written, then the members of the card. Read makes the same card of
// it. What could not be read stands in it with the reason. Key bytes do not: a
// card does not tell them, and where a file of others has some, Read leaves them
// where they are.
//
// A file is somebody's word. Read checks that it makes sense, not that it is
// true, and Missing and Proven say only what its writer knew.
package dump
