package wire_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestWords(t *testing.T) {
	for _, x := range []struct {
		v    fmt.Stringer
		want string
	}{
		{wire.KeySett1(0x09), "master key changeable, settings changeable, keys change under the master key"},
		{wire.SettChangeKey(3) | wire.SettFreeDirectory, "free directory, keys change under key 3"},
		{wire.SettChangeKey(wire.Free), "each key changes itself"},
		{wire.SettChangeKey(wire.Never), "keys frozen"},
		{wire.NewKeySett2(wire.KeyAES, 5), "5 AES keys"},
		{wire.NewKeySett2(wire.Key3K3DES, 1) | wire.SettISOFiles, "1 3K3DES key, files with ISO identifiers"},
		{wire.KeySett3(0), "none"},
		{wire.SettKeySets | wire.SettMasterDelete, "key sets, master key may delete"},
		{wire.OptionFull | wire.OptionSDM, "full, SDM"},
		{wire.FileOption(2), "plain"},
		{wire.ValueLimitedCredit | wire.ValueFreeGet, "limited credit, free GetValue"},
		{wire.ValueFlags(4), "flags 04"},
		{wire.SDMUID | wire.SDMASCII, "UID, ASCII"},
		{wire.FileSettings{Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1230), Size: 32},
			"standard file, full, read key 1, write key 2, read-write key 3, change key 0, 32 bytes"},
		{&wire.FileSettings{Type: wire.FileStandard, Access: wire.AccessRightsFromUint16(0xEF00), Additional: []wire.AccessRights{{Read: 1, Write: 2}}, SDM: new(wire.SDM)},
			"standard file, plain, read free, write never, read-write key 0, change key 0, or read key 1, write key 2, read-write key 0, change key 0, 0 bytes, secure dynamic messaging"},
		{wire.FileSettings{Type: wire.FileValue, Lower: -5, Upper: 100, LimitedCredit: 7, Flags: wire.ValueLimitedCredit | wire.ValueFreeGet},
			"value file, plain, read key 0, write key 0, read-write key 0, change key 0, -5 to 100, limited credit up to 7, free GetValue"},
		{wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: 16, MaxRecords: 5, Records: 2},
			"cyclic file, plain, read key 0, write key 0, read-write key 0, change key 0, 2 of 5 records of 16 bytes"},
		{wire.FileSettings{Type: wire.FileTransactionMAC, TMKeyVersion: 1},
			"tmac file, plain, read key 0, write key 0, read-write key 0, change key 0, " + wire.TMKeyOption(0).String() + " key version 01"},
		{wire.NewSDMAccess(2, 1, wire.Free), "meta read key 2, file read key 1, counter free"},
		{wire.ISOFID(0xE103), "E103"},
		{wire.KeyNo(13), "13"},
		{wire.KeyNo(0x21), "0x21"},
		{wire.ConfigATS, "ATS"},
		{wire.ConfigOption(0x55), "55"},
		{wire.PICCFlags(0), "none"},
		{wire.NoD40 | wire.NoEV1, "D40 disabled, EV1 disabled"},
		{wire.AID(0xF21190), "F21190"},
		{wire.UID{4, 0x64, 0xD5, 0x9A, 0xDD, 0x1E, 0x90}, "0464D59ADD1E90"},
	} {
		if got := x.v.String(); got != x.want {
			t.Errorf("%T: %q, want %q", x.v, got, x.want)
		}
	}
	if s := wire.NewSDMAccess(2, 1, wire.Never); s != 0x21FF || s.MetaRead() != 2 || s.FileRead() != 1 || s.CtrRet() != wire.Never {
		t.Errorf("SDMAccess %04X", uint16(s))
	}
	if a, s := wire.TMC(0x00020003).Split(); a != 3 || s != 2 {
		t.Errorf("TMC splits into %d and %d", a, s)
	}
}

func chip(vendor, kind, sub, major, minor, storage, protocol uint8) wire.ChipVersion {
	return wire.ChipVersion{Vendor: vendor, Type: kind, SubType: sub, Major: major, Minor: minor, Storage: storage, Protocol: protocol}
}

// Hardware versions of command reference 1.2 and of real cards.
func TestVersionTellsProduct(t *testing.T) {
	for _, x := range []struct {
		hw      wire.ChipVersion
		gen     wire.Generation
		known   bool
		desfire bool
		product string
		size    int
		exact   bool
	}{
		{chip(4, 1, 1, 0x00, 0x02, 0x18, 5), wire.D40, true, true, "MIFARE DESFire D40", 4096, true},
		{chip(4, 1, 1, 0x01, 0x00, 0x16, 5), wire.EV1, true, true, "MIFARE DESFire EV1", 2048, true},
		{chip(4, 1, 1, 0x12, 0x00, 0x1A, 5), wire.EV2, true, true, "MIFARE DESFire EV2", 8192, true},
		{chip(4, 1, 1, 0x22, 0x00, 0x1E, 5), wire.EV2, true, true, "MIFARE DESFire EV2 XL", 32768, true},
		{chip(4, 1, 1, 0x33, 0x00, 0x18, 5), wire.EV3, true, true, "MIFARE DESFire EV3", 4096, true},
		{chip(4, 0x81, 0, 0x43, 0x01, 0x1A, 5), wire.EV3, true, true, "MIFARE DESFire EV3C", 8192, true},
		{chip(4, 0x81, 0, 0x00, 0x43, 0x1A, 5), wire.EV3, true, true, "MIFARE DESFire EV3C", 8192, true},
		{chip(4, 8, 1, 0x30, 0x00, 0x13, 5), wire.Light, true, true, "MIFARE DESFire Light", 512, false},
		{chip(4, 4, 2, 0x30, 0x00, 0x11, 5), wire.NTAG424, true, true, "NTAG 424 DNA", 256, false},
		{chip(4, 4, 2, 0x10, 0x00, 0x11, 5), wire.NTAG424, false, false, "NTAG 413 DNA", 256, false},
		{chip(4, 1, 1, 0xA0, 0x00, 0x16, 0x25), wire.EV3, false, true, "MIFARE DUOX", 2048, true},
		{chip(4, 1, 1, 0x44, 0x00, 0x1A, 5), wire.EV3, false, true, "MIFARE DESFire, hardware 44.0", 8192, true},
		{chip(4, 1, 1, 0x20, 0x00, 0x1A, 5), wire.EV2, false, true, "MIFARE DESFire, hardware 20.0", 8192, true},
		{chip(4, 2, 1, 0x11, 0x00, 0x16, 5), wire.EV3, false, false, "MIFARE Plus", 2048, true},
		{chip(4, 0xA1, 0, 0xF2, 0x00, 0x1A, 5), wire.EV3, false, true, "MIFARE 2GO", 8192, true},
		{chip(4, 0x91, 0, 0x62, 0x00, 0x1A, 5), wire.EV2, false, true, "MIFARE DESFire applet", 8192, true},
		{chip(7, 3, 0, 1, 2, 0xFF, 5), wire.EV3, false, false, "chip of type 03, version 1.2", 0, false},
	} {
		v := wire.Version{Hardware: x.hw}
		gen, known := v.Generation()
		size, exact := x.hw.StorageSize()
		if gen != x.gen || known != x.known || v.IsDESFire() != x.desfire || v.Product() != x.product || size != x.size || exact != x.exact {
			t.Errorf("%X: %v %v, DESFire %v, %q, %d %v", x.hw, gen, known, v.IsDESFire(), v.Product(), size, exact)
		}
	}
	v := wire.Version{Week: 0xC0, Year: 0x24}
	if y, w := v.Produced(); y != 2024 || w != 40 {
		t.Errorf("produced %d week %d", y, w)
	}
}

func TestStatus(t *testing.T) {
	if s := wire.Native(0xAE); s != wire.StatusAuthenticationError || !s.IsNative() || s.Byte() != 0xAE || !s.Known() {
		t.Errorf("%v", s)
	}
	if s := wire.Status(0x9155); s.Known() || !strings.Contains(s.Error(), "9155") || s.String() != "status 9155" {
		t.Errorf("%v", s)
	}
	if s := wire.StatusISOFileNotFound; s.IsNative() || !strings.Contains(s.Error(), "6A82") {
		t.Errorf("%v", s)
	}
	err := fmt.Errorf("select: %w", wire.StatusApplicationNotFound)
	if !errors.Is(err, wire.StatusApplicationNotFound) || errors.Is(err, wire.StatusFileNotFound) {
		t.Error("a status cannot be asked for with errors.Is")
	}
}

func TestRaw(t *testing.T) {
	s := (&wire.Raw{Class: wire.ClassNative, INS: 0xBF}).Spec()
	if s.Name != "RestrictMFCUpdate" || s.Unknown == "" {
		t.Errorf("%+v", s)
	}
	s = (&wire.Raw{Class: wire.ClassNative, INS: 0x60}).Spec()
	if s.Unknown != "" || s.Success != wire.StatusOK || s.Exchange != wire.Chained {
		t.Errorf("%+v", s)
	}
	m := &wire.Raw{INS: 0xCA, P1: 1, P2: 2, Data: []byte{3}, Length: 256}
	var c wire.Coder
	e, err := c.Encode(nil, m)
	if s = m.Spec(); err != nil || s.Success != wire.StatusISOOK || s.Exchange != wire.Single || e.P1 != 1 || e.P2 != 2 || e.Le != 256 || len(e.Bytes) != 1 {
		t.Errorf("%+v %+v, %v", s, e, err)
	}
}

// Class, INS and variant name one command, and a name too.
func TestCommandsAreUnique(t *testing.T) {
	names := map[string]bool{}
	for s := range wire.Commands() {
		if wire.Find(s.Class, s.INS, s.Variant) != s || names[s.Name] {
			t.Errorf("%s: %02X %02X %q is not unique", s.Name, byte(s.Class), s.INS, s.Variant)
		}
		names[s.Name] = true
		if got := s.New().Spec(); got != s {
			t.Errorf("%s: New makes a %s", s.Name, got.Name)
		}
		if s.Class == wire.ClassISO && (s.Exchange != wire.Single || s.Success != wire.StatusISOOK) {
			t.Errorf("%s: an ISO command is one exchange and ends with 9000", s.Name)
		}
	}
}

// What a command does follows the type of the file it works on, and is
// immediate when that is not known.
func TestEffect(t *testing.T) {
	for _, x := range []struct {
		cmd  wire.Command
		file wire.FileType
		want wire.Effect
	}{
		{new(wire.WriteData), wire.FileStandard, wire.EffectImmediate},
		{new(wire.WriteData), wire.FileBackup, wire.EffectPending},
		{new(wire.WriteDataISO), wire.FileBackup, wire.EffectPending},
		{new(wire.WriteData), wire.FileUnknown, wire.EffectImmediate},
		{new(wire.ISOUpdateBinary), wire.FileBackup, wire.EffectPending},
		{new(wire.ISOUpdateBinary), wire.FileUnknown, wire.EffectImmediate},
		{new(wire.Debit), wire.FileUnknown, wire.EffectPending},
		{new(wire.CommitTransaction), wire.FileUnknown, wire.EffectCommit},
		{new(wire.ReadData), wire.FileUnknown, wire.EffectNone},
		{new(wire.Raw), wire.FileUnknown, wire.EffectImmediate},
	} {
		if got := x.cmd.Spec().EffectOn(x.file); got != x.want {
			t.Errorf("%T on %v: %v, want %v", x.cmd, x.file, got, x.want)
		}
	}
}

// A command names the file it works on, if any.
func TestFileOf(t *testing.T) {
	for _, x := range []struct {
		cmd  wire.Command
		want wire.FileNo
		ok   bool
	}{
		{&wire.ReadData{File: 3}, 3, true},
		{&wire.WriteDataISO{WriteData: wire.WriteData{File: 0x83}}, 0x83, true},
		{&wire.RestoreTransfer{Target: 2, Source: 1}, 2, true},
		{&wire.CreateValueFile{File: 5}, 5, true},
		{&wire.ISOReadBinary{}, 0, false},
		{&wire.ISOReadBinary{EF: wire.ShortEF{InP1: true}}, 0, true},
		{&wire.ISOUpdateBinary{EF: wire.ShortEF{ID: 4}}, 4, true},
		{&wire.ISOReadRecord{EF: 6}, 6, true},
		{&wire.ISOAppendRecord{}, 0, false},
		{&wire.SelectApplication{AID: 7}, 0, false},
		{&wire.CommitTransaction{}, 0, false},
	} {
		if got, ok := wire.FileOf(x.cmd); got != x.want || ok != x.ok {
			t.Errorf("%T: %v %v, want %v %v", x.cmd, got, ok, x.want, x.ok)
		}
	}
}

// Every native command with a field for a file number says so, and in the byte
// that its layout sends first.
func TestFileIsFirst(t *testing.T) {
	for s := range wire.Commands() {
		cmd := s.New()
		f := reflect.ValueOf(cmd).Elem()
		if s.Class != wire.ClassNative || f.Kind() != reflect.Struct {
			continue
		}
		file := f.FieldByName("File")
		if !file.IsValid() {
			continue
		}
		file.SetUint(0x91)
		no, ok := wire.FileOf(cmd)
		var c wire.Coder
		e, err := c.Encode(nil, cmd)
		if !ok || no != 0x91 || err == nil && (len(e.Bytes) == 0 || e.Bytes[0] != 0x91 || e.Head == 0) {
			t.Errorf("%s: file %v %v, sent %X, %v", s.Name, no, ok, e.Bytes, err)
		}
	}
}

// A file is created by commands that create files, and by no other.
func TestFileCreation(t *testing.T) {
	n := 0
	for s := range wire.Commands() {
		_, creates := s.New().(wire.FileCreation)
		if creates {
			n++
		}
		if want := strings.HasPrefix(s.Name, "Create") && strings.HasSuffix(s.Name, "File"); creates != want {
			t.Errorf("%s creates a file: %v", s.Name, creates)
		}
	}
	if n != 6 {
		t.Errorf("%d commands", n)
	}
}
