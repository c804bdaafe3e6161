package main

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestRightsInWords(t *testing.T) {
	rights := func(v uint16) wire.AccessRights { return wire.AccessRightsFromUint16(v) }
	for _, tc := range []struct {
		fs   wire.FileSettings
		want string
	}{
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0xEEEE)}, "read, write and change free"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x1230)}, "read key 1 or 3; write key 2 or 3; change key 0"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0x12F0)}, "read key 1; write key 2; change key 0"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0xE11F)}, "read free; write key 1; change never"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0xFFFF)}, "read, write and change never"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x1230), Additional: []wire.AccessRights{rights(0x4FFF)}}, "read key 1 or 3 or 4; write key 2 or 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1230)}, "get and debit key 1 or 2 or 3; credit key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1230), Flags: wire.ValueLimitedCredit}, "get and debit key 1 or 2 or 3; limited credit key 2 or 3; credit key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1230), Flags: wire.ValueFreeGet}, "get free; debit key 1 or 2 or 3; credit key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileCyclicRecord, Access: rights(0xE130)}, "read free; append key 1 or 3; clear key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileTransactionMAC, Access: rights(0x1FF0)}, "read key 1; change key 0"},
	} {
		if got := rightsInWords(&tc.fs); got != tc.want {
			t.Errorf("%v %04X: %q, want %q", tc.fs.Type, tc.fs.Access.Uint16(), got, tc.want)
		}
	}
}
