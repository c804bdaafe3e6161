// Package wire is the vocabulary of MIFARE DESFire cards: status words, access
// rights, and every command as one declaration that encodes, decodes and
// explains itself in both directions.
//
// A command is a struct with a Layout method that walks its fields once. The
// reader encodes with that walk, the card decodes with it, and traces and the
// documentation read names, offsets and lengths from it. The package does no
// I/O and no cryptography.
package wire

//go:generate go -C .. run ./internal/gendoc
