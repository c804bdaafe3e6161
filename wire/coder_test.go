package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestDecodeHeadAndErrors(t *testing.T) {
	var c wire.Coder
	in, _ := hex.DecodeString("01100000040000DEADBEEF")
	var m wire.WriteData
	if head, err := c.DecodeHead(in, &m); err != nil || head != 7 || c.Announced() != 4 {
		t.Fatalf("head %d, announced %d, %v", head, c.Announced(), err)
	}
	var fe *wire.FormatError
	if err := c.Decode(in[:10], nil, &m); !errors.As(err, &fe) || !fe.Length || fe.Message != "WriteData" || fe.Field != "Data" {
		t.Errorf("short: %v", err)
	}
	if err := c.Decode(in[:5], nil, &m); !errors.As(err, &fe) || !fe.Length || fe.Field != "Length" || fe.Offset != 4 {
		t.Errorf("shorter: %v", err)
	}
	if err := c.Decode(append([]byte{1, 2}, in...), nil, new(wire.GetValue)); !errors.As(err, &fe) || !fe.Length {
		t.Errorf("too long: %v", err)
	}
	if _, err := c.Encode(nil, &wire.WriteData{Offset: 1 << 24}); !errors.As(err, &fe) || fe.Length || fe.Field != "Offset" {
		t.Errorf("range: %v", err)
	}
	if err := c.Decode(nil, nil, new(wire.Value)); !errors.As(err, &fe) || fe.Message != "Value" {
		t.Errorf("a response's name: %v", err)
	}
}

// Short forms that people write mean the same as the full ones.
func TestShortForms(t *testing.T) {
	for _, x := range []struct {
		m    wire.Message
		want string
	}{
		{&wire.SelectApplication{AID: 0x123456, Second: 0x345678}, "563412785634"},
		{&wire.SelectApplication{AID: 0x123456}, "563412"},
		{&wire.CommitTransaction{ReturnTMAC: true}, "01"},
		{&wire.CommitTransaction{}, ""},
		{&wire.GetKeyVersion{Set: wire.AllKeySets}, "4080"},
		{&wire.CreateApplication{AID: 1, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 5), KS3: wire.SettKeySets,
			KeySetConfig: wire.KeySetConfig{NoKeySets: 2, MaxKeySize: 16}}, "0100000F950100021000"},
		{&wire.ChangeFileSettings{File: 5, Additional: []wire.AccessRights{{Read: 5, Write: 6, ReadWrite: 7, Change: 8}}}, "05800000017856"},
		{&wire.ChangeFileSettings{File: 2, SDM: &wire.SDM{Options: wire.SDMASCII, Access: wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)}}, "0240000001FFFF"},
		{&wire.GetCardUID{WithNUID: true}, "01"},
		{&wire.KeySettings{KS1: 0x0F, KS2: 0x81, KeySetConfig: wire.KeySetConfig{NoKeySets: 2, MaxKeySize: 16}}, "0F8100021000"},
	} {
		var c wire.Coder
		e, err := c.Encode(nil, x.m)
		if got := strings.ToUpper(hex.EncodeToString(e.Bytes)); err != nil || got != x.want {
			t.Errorf("%+v: %s, want %s, %v", x.m, got, x.want, err)
		}
	}
	var c wire.Coder
	e, err := c.Encode(nil, &wire.ISOReadBinary{EF: wire.ShortEF{ID: 4}, Offset: 16})
	if err != nil || e.P1 != 0x84 || e.P2 != 16 || e.Le != 256 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = c.Encode(nil, &wire.ISOSelect{By: wire.SelectByName, Name: wire.PICCName[:], P2: wire.SelectNoData}); err != nil || e.Le != -1 {
		t.Errorf("%+v, %v", e, err)
	}
}

// Encoding leaves the message as it was, so that a value may be shared, and
// reading the head leaves the rest.
func TestCallersValuesAreLeftAlone(t *testing.T) {
	var c wire.Coder
	for _, v := range loadVectors(t) {
		m := build(t, v)
		if _, err := c.Encode(nil, m); err != nil || !sameMessage(m, build(t, v)) {
			t.Errorf("%v: encoding made %+v, %v", v, m, err)
		}
	}
	short := &wire.ChangeFileSettings{File: 5, Additional: make([]wire.AccessRights, 1), SDM: new(wire.SDM)}
	app := &wire.CreateApplication{AID: 1, KS3: wire.SettKeySets}
	read := new(wire.ISOReadBinary)
	for _, m := range []wire.Message{short, app, read} {
		if _, err := c.Encode(nil, m); err != nil {
			t.Error(err)
		}
	}
	if short.Option != 0 || app.KS2 != 0 || read.Length != 0 {
		t.Errorf("encoding changed %+v %+v %+v", short, app, read)
	}
	w := &wire.WriteData{Data: []byte{1, 2}}
	if _, err := c.DecodeHead([]byte{1, 0, 0, 0, 9, 0, 0, 7}, w); err != nil || len(w.Data) != 2 || w.File != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	f := &wire.CommitTransaction{ReturnTMAC: true, WithOption: true}
	if _, err := c.DecodeHead(nil, f); err != nil || !f.ReturnTMAC || !f.WithOption {
		t.Errorf("%+v, %v", f, err)
	}
}

// What cannot be sent is refused with the field's name.
func TestEncodeRefuses(t *testing.T) {
	for _, x := range []struct {
		m     wire.Message
		field string
	}{
		{&wire.SelectApplication{AID: 0x1000000}, "AID"},
		{&wire.CreateApplication{AID: 1, DFName: []byte{1}}, "ISOFID"},
		{&wire.CreateApplication{AID: 1, FID: 1, DFName: make([]byte, 17)}, "DFName"},
		{&wire.DeleteApplication{DAMMAC: make([]byte, 7)}, "DAMMAC"},
		{&wire.SetConfiguration{}, "Setting"},
		{&wire.ChangeFileSettings{Additional: make([]wire.AccessRights, 8)}, "NrAddARs"},
		{&wire.ReadData{Offset: 1 << 24}, "Offset"},
		{&wire.ReadData{Length: 1 << 24}, "Length"},
		{&wire.ProximityCheck{RndC: make([]byte, 256)}, "pRndC"},
		{&wire.FileSettings{Type: 9}, "FileType"},
		{&wire.CardUID{UID: make([]byte, 5)}, "UIDLength"},
		{&wire.ReaderID{EncTMRI: make([]byte, 15)}, "EncTMRI"},
		{&wire.ChangeFileSettings{Option: wire.OptionTMCLimit, Limit: wire.TMCLimit{Limit: 1 << 16, Short: true}}, "TMCLimit"},
		{&wire.ISOReadBinary{EF: wire.ShortEF{ID: 4}, Offset: 256}, "Offset"},
		{&wire.ISOReadBinary{Offset: 0x8000}, "Offset"},
		{&wire.ISOReadBinary{EF: wire.ShortEF{ID: 32}}, "ShortEF"},
		{&wire.ISOReadBinary{Length: 65537}, "Le"},
		{&wire.ISOReadRecord{EF: 32}, "P2"},
		{&wire.ISOSelect{By: 5}, "P1"},
		{&wire.ISOSelect{By: wire.SelectByName, Name: make([]byte, 17)}, "DFName"},
	} {
		var c wire.Coder
		var fe *wire.FormatError
		if _, err := c.Encode(nil, x.m); !errors.As(err, &fe) || fe.Field != x.field {
			t.Errorf("%T: %v, want an error about %s", x.m, err, x.field)
		}
	}
}

// The frame mark separates optional fields from what follows, and without it
// the length does.
func TestFrameMarks(t *testing.T) {
	var c wire.Coder
	m := &wire.CreateDelegatedApplication{AID: 1, KS1: 0x0F, KS2: 0x81, FID: 0xE110, DFName: []byte{1, 2, 3}, EncK: wire.NewSecret(make([]byte, 32))}
	e, err := c.Encode(nil, m)
	if err != nil || len(e.Marks) != 1 || e.Marks[0] != 15 {
		t.Fatalf("%v %v", e.Marks, err)
	}
	bytesOf := bytes.Clone(e.Bytes)
	for _, marks := range [][]int{{15}, nil} {
		var got wire.CreateDelegatedApplication
		if err := c.Decode(bytesOf, marks, &got); err != nil || !sameMessage(m, &got) {
			t.Errorf("marks %v: %+v, %v", marks, got, err)
		}
	}
	var fe *wire.FormatError
	if err := c.Decode(bytesOf, []int{14, 20}, new(wire.CreateDelegatedApplication)); !errors.As(err, &fe) || !fe.Length {
		t.Errorf("boundary inside EncK: %v", err)
	}
	// Two applications in one frame cannot be told apart.
	two, _ := hex.DecodeString("56341210E1D2760000850101" + "7856343412" + "0102030405060708090A0B0C0D0E0F")
	if err := c.Decode(two, nil, new(wire.DFNames)); err == nil {
		t.Error("a DF name of more than 16 bytes decoded")
	}
	var names wire.DFNames
	if err := c.Decode(nil, nil, &names); err != nil || len(names.Applications) != 0 {
		t.Errorf("none: %+v, %v", names, err)
	}
	if err := c.Decode(two[:12], []int{12}, &names); err != nil || len(names.Applications) != 1 {
		t.Errorf("an empty last frame: %+v, %v", names, err)
	}
}

func TestReuseDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 128)
	data := make([]byte, 32)
	answer := new(wire.Data)
	for _, x := range []struct {
		cmd    wire.Message
		rsp    wire.Message
		answer []byte
	}{
		{&wire.GetValue{File: 1}, new(wire.Value), data[:4]},
		{&wire.Debit{File: 1, Amount: 1}, new(wire.Empty), nil},
		{&wire.ReadData{File: 1, Length: 32}, answer, data},
		{&wire.WriteData{File: 1, Data: data}, new(wire.Empty), nil},
		{&wire.CommitTransaction{}, new(wire.CommitTransactionResponse), nil},
		{&wire.CommitTransaction{ReturnTMAC: true}, new(wire.CommitTransactionResponse), data[:12]},
	} {
		var c wire.Coder
		e, err := c.Encode(nil, x.cmd)
		if err != nil {
			t.Fatal(err)
		}
		in := bytes.Clone(e.Bytes)
		n := testing.AllocsPerRun(100, func() {
			if _, err := c.Encode(buf, x.cmd); err != nil {
				t.Fatal(err)
			}
			if err := c.Decode(in, nil, x.cmd); err != nil {
				t.Fatal(err)
			}
			if err := c.Decode(x.answer, nil, x.rsp); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Encode(buf, x.rsp); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%T: %v allocations", x.cmd, n)
		}
	}
}
