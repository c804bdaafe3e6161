package perso

import "github.com/go-desfire/desfire/wire"

// Memory is given out in blocks of 32 bytes. What things cost was measured on EV2
// cards: an application of one key takes 96 bytes and one of 14 keys 352, names
// 64, a file of one byte 32, a backup file twice its size, records 64 more than
// their data. Other cards may differ by a few blocks.
const block = 32

func blocks(n int) int { return (n + block - 1) / block * block }

// cost is what an application takes without its files, in bytes.
func (a *Application) cost() int {
	keys := a.KeyCount
	if a.KeySets != nil {
		keys *= int(a.KeySets.NoKeySets)
	}
	n := blocks(64 + 20*keys)
	if a.ISOID != 0 {
		n += 2 * block
	}
	return n
}

// cost is what a file takes, in bytes.
func (f *File) cost() int {
	s := &f.Settings
	switch s.Type {
	case wire.FileBackup:
		return 2 * blocks(int(s.Size))
	case wire.FileValue:
		return block
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return blocks(int(s.RecordSize)*int(s.MaxRecords)) + 2*block
	case wire.FileTransactionMAC:
		return 0
	}
	return blocks(int(s.Size))
}
