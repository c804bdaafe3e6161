package ndef_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/wire"
)

// lister is a card that lists files.
type lister struct {
	numbers []wire.FileNo
	types   map[wire.FileNo]wire.FileType
	ids     []wire.ISOFID
	refused string // name of the command that is
}

func (l *lister) Run(_ context.Context, cmd wire.Command, rsp wire.Message) error {
	if cmd.Spec().Name == l.refused {
		return wire.StatusAuthenticationError
	}
	switch m := cmd.(type) {
	case *wire.GetFileIDs:
		rsp.(*wire.FileIDs).Files = l.numbers
	case *wire.GetISOFileIDs:
		rsp.(*wire.ISOFileIDs).FIDs = l.ids
	case *wire.GetFileSettings:
		rsp.(*wire.FileSettings).Type = l.types[m.File]
	default:
		return errors.New("not asked for: " + cmd.Spec().Name)
	}
	return nil
}

func TestFiles(t *testing.T) {
	value := map[wire.FileNo]wire.FileType{7: wire.FileValue, 9: wire.FileTransactionMAC}
	for _, tc := range []struct {
		name string
		card lister
		gen  wire.Generation
		cc   wire.FileNo
		ndef wire.FileNo
		err  string
	}{
		{"in order", lister{numbers: []wire.FileNo{1, 2}, ids: []wire.ISOFID{0xE103, 0xE104}}, wire.EV3, 1, 2, ""},
		{"others between", lister{numbers: []wire.FileNo{7, 5, 9, 2}, types: value, ids: []wire.ISOFID{0xE104, 0xE103}}, wire.EV1, 2, 5, ""},
		{"too few identifiers", lister{numbers: []wire.FileNo{1, 2}, ids: []wire.ISOFID{0xE103}}, wire.EV3, 0, 0, "more files than identifiers"},
		{"NTAG 424 DNA", lister{}, wire.NTAG424, 1, 2, ""},
		{"D40", lister{}, wire.D40, 3, 4, ""},
		{"no list", lister{refused: "GetFileIDs"}, wire.EV3, 0, 0, "the files of the application"},
		{"no identifiers", lister{refused: "GetISOFileIDs"}, wire.EV3, 0, 0, "the ISO identifiers"},
		{"no settings", lister{numbers: []wire.FileNo{3}, refused: "GetFileSettings"}, wire.EV3, 0, 0, "file 3"},
	} {
		files, err := ndef.Files(t.Context(), &tc.card, tc.gen)
		switch {
		case tc.err != "":
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want %q", tc.name, err, tc.err)
			}
		case err != nil || files[ndef.CCFile] != tc.cc || files[ndef.NDEFFile] != tc.ndef:
			t.Errorf("%s: %v, %v", tc.name, files, err)
		}
	}
}

// A layout for secure dynamic messages allows them for the message only.
func TestLayoutSDM(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		commands, err := (&ndef.Layout{SDM: allowed}).Commands()
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		for _, c := range commands {
			if m, ok := c.(*wire.CreateStdDataFile); ok {
				files++
				if got := m.Option.Has(wire.OptionSDM); got != (allowed && m.File == 2) {
					t.Errorf("%v: file %d: %v", allowed, m.File, m.Option)
				}
			}
		}
		if files != 2 {
			t.Errorf("%d files", files)
		}
	}
	if _, err := (&ndef.Layout{SDM: true, Access: wire.AccessRights{Read: wire.Free}}).Commands(); err == nil {
		t.Error("rights that the change of settings would lose are taken")
	}
}
