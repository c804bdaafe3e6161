// Package blocks says what applications and files take of a card's memory, as
// cards give it out: in blocks of 32 bytes (measured on an EV2 2K: a 1-byte file
// costs 32 bytes, a 33-byte file 64).
//
// The numbers are fitted to an EV2 2K, where an application with 1 key costs 96
// bytes and one with 14 keys 352, and to an EV2 8K, where DF name and identifier
// cost 64. Other generations may differ a little.
package blocks

import "github.com/go-desfire/desfire/wire"

// Size is the smallest piece, in bytes.
const Size = 32

const (
	appOverhead  = 64
	keyOverhead  = 20
	nameOverhead = 64
	recordsExtra = 64 // 1024 bytes of records cost 1088
)

// Whole is n bytes in whole blocks.
func Whole(n int64) int64 { return (n + Size - 1) / Size * Size }

// Application is what an application takes without its files: keys of all its key
// sets, and whether it has an ISO identifier.
func Application(keys int, named bool) int64 {
	n := Whole(int64(appOverhead + keyOverhead*keys))
	if named {
		n += nameOverhead
	}
	return n
}

// File is what a file takes: size is the length of its data, and means nothing
// for values and records.
func File(t wire.FileType, size, recordSize, maxRecords int64) int64 {
	switch t {
	case wire.FileBackup:
		return 2 * Whole(size)
	case wire.FileValue:
		return Size
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return Whole(recordSize*maxRecords) + recordsExtra
	}
	return Whole(size)
}
