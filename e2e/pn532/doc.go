// Package pn532 tests the reader of package pn532 with the chip of pn532/chip, at the two ends of a pseudo-terminal.
package pn532
