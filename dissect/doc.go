// Package dissect takes recorded traffic apart byte by byte, as values for
// people to look at: which byte of a frame is what, what it says, and whether
// it is right.
//
//	Recording   all messages of a trace.Recording, with verdicts and causes
//	One         the message that an exchange belongs to
//	Follower    traffic that goes on, message by message
//
// A Message is one command and its answer, frames joined. Its Frames are cut
// into Parts: every byte belongs to exactly one, and the parts joined are the
// frame. Names and values of fields come from the layouts of package wire.
// What is enciphered is shown deciphered as well, if a key fits.
//
// Bytes of keys, and the randoms that session keys are made of, are in no
// value of this package. Nothing here panics, whatever a recording holds.
package dissect
