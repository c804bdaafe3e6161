package batch_test

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/wire"
)

// tags is a layout of NTAG 424 DNA, whose application is always there.
type tags struct{ campus }

func (c *tags) Layout(row map[string]string) (*perso.Layout, error) {
	f := perso.File{No: 2, Settings: wire.FileSettings{
		Type: wire.FileStandard, Size: 256, Access: wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0},
	}}
	if row != nil {
		f.Data = content(row, 40)
	}
	return &perso.Layout{
		Generations:  []wire.Generation{wire.NTAG424},
		Applications: []perso.Application{{Place: wire.Place{Fixed: true}, KeyType: wire.KeyAES, KeyCount: 5, Files: []perso.File{f}}},
	}, nil
}

// Where the application is always there, keys of the layout tell a card that was made
// before.
func TestFixed(t *testing.T) {
	other := newBench(t, 1)
	other.conf.Layouts = &tags{*layouts()}
	other.open()
	b := newBench(t, 2)
	b.conf.Layouts = other.conf.Layouts
	b.open()
	one, two, theirs := picc(t, wire.NTAG424, 1), picc(t, wire.NTAG424, 2), picc(t, wire.NTAG424, 3)
	other.want(theirs, batch.Done, "1")
	if r := b.want(one, batch.Done, "1"); len(r.Keys) != 5 || !r.Proved {
		t.Errorf("%+v", r)
	}
	if r := b.want(theirs, batch.Unfit, ""); !strings.Contains(r.Reasons[0], "holds the keys of the layout already") {
		t.Errorf("%q", r.Reasons)
	}
	two.TearAfter(60)
	b.want(two, batch.HalfDone, "2")
	b.want(two, batch.Done, "2")
	b.want(one, batch.Already, "1")
}
