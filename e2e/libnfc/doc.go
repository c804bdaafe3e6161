// Package libnfc tests the simulated card with programs of others that were
// written for real ones: libnfc and libfreefare.
//
// The tests are the reader they expect, a PN532 on a serial line, which here is
// a pseudo-terminal.
package libnfc
