package ndef_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestCC(t *testing.T) {
	for _, x := range []struct {
		source, hex string
		cc          ndef.CC
	}{
		{"NFC Forum Type 4 Tag 2.0, example", "000F 20 003B 0034 0406 E104 0032 00 00",
			ndef.CC{0x20, 0x3B, 0x34, []ndef.FileControl{{ndef.KindNDEF, 0xE104, 0x32, 0, 0}}}},
		{"NTAG 424 DNA data sheet, at delivery", "0017 20 0100 00FF 0406 E104 0100 00 00 0506 E105 0080 82 83",
			ndef.CC{0x20, 0x100, 0xFF, []ndef.FileControl{{ndef.KindNDEF, 0xE104, 0x100, 0, 0}, {ndef.KindProprietary, 0xE105, 0x80, 0x82, 0x83}}}},
		{"recorded from an EV3 (taplinx-ev3-create-ndef)", "000F 20 003A 0034 0406 E104 0100 00 00",
			ndef.CC{0x20, 0x3A, 0x34, []ndef.FileControl{{ndef.KindNDEF, 0xE104, 0x100, 0, 0}}}},
		{"extended", "0011 30 00FF 00FF 0608 E104 00012345 00 FF",
			ndef.CC{0x30, 0xFF, 0xFF, []ndef.FileControl{{ndef.KindExtended, 0xE104, 0x12345, 0, 0xFF}}}},
	} {
		want := unhex(t, x.hex)
		if b, err := x.cc.Encode(); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %X, %v; want %X", x.source, b, err, want)
		}
		got, err := ndef.ParseCC(append(want, 0, 0, 0))
		if err != nil || !reflect.DeepEqual(*got, x.cc) {
			t.Errorf("%s: %+v, %v", x.source, got, err)
		}
	}
	// A block of a kind that is not known is left out.
	if cc, err := ndef.ParseCC(unhex(t, "0012 20 003B 0034 7701AA 0406 E104 0032 00 00")); err != nil || len(cc.Files) != 1 {
		t.Errorf("%+v, %v", cc, err)
	}
	for _, bad := range []string{
		"", "000F", "0006 20 003B 0034", "00FF 20 003B 0034 0406 E104 0032 00 00", // length
		"000F 00 003B 0034 0406 E104 0032 00 00", "000F 40 003B 0034 0406 E104 0032 00 00", // version
		"000F 20 0000 0034 0406 E104 0032 00 00", // nothing can be read
		"000F 20 003B 0034 0407 E104 0032 00 00", // block cut off
		"000E 20 003B 0034 0405 E104 0032 00",    // block too short
		"0008 20 003B 0034 04",
	} {
		if cc, err := ndef.ParseCC(unhex(t, bad)); err == nil {
			t.Errorf("%s is a capability container: %+v", bad, cc)
		}
	}
	if f, err := (&ndef.CC{}).NDEF(); err == nil {
		t.Errorf("%+v", f)
	}
	if _, err := (&ndef.CC{Files: []ndef.FileControl{{Kind: ndef.KindNDEF, Size: 0x10000}}}).Encode(); err == nil {
		t.Error("a file of 64 KiB in a short block")
	}
}

// What the recorded program sent to a real EV3 is what the layout sends.
func TestRecordedFormat(t *testing.T) {
	data, err := os.ReadFile("../testdata/traces/taplinx-ev3-create-ndef.json")
	if err != nil {
		t.Fatal(err)
	}
	var trace struct{ Exchanges []struct{ C string } }
	if err := json.Unmarshal(data, &trace); err != nil {
		t.Fatal(err)
	}
	var recorded []string
	for _, e := range trace.Exchanges {
		if ins := e.C[:2]; ins != "f5" && e.C != "5a000000" { // it looks at the settings in between
			recorded = append(recorded, e.C)
		}
	}
	layout := ndef.Layout{Keys: 0x21, Open: true, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}}
	commands, err := layout.Commands()
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, c := range commands {
		var coder wire.Coder
		e, err := coder.Encode(nil, c)
		if err != nil {
			t.Fatal(err)
		}
		const digits = "0123456789abcdef"
		var s strings.Builder
		for _, b := range append([]byte{c.Spec().INS}, e.Bytes...) {
			s.WriteByte(digits[b>>4])
			s.WriteByte(digits[b&15])
		}
		sent = append(sent, s.String())
	}
	if !reflect.DeepEqual(sent, recorded) {
		t.Errorf("sent\n%s\nrecorded\n%s", strings.Join(sent, "\n"), strings.Join(recorded, "\n"))
	}
}

func newCard(t *testing.T, g wire.Generation) (*sim.Card, *desfire.Card) {
	t.Helper()
	c, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(t.Context(), c.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, card
}

func format(t *testing.T, card *desfire.Card, l ndef.Layout) {
	t.Helper()
	commands, err := l.Commands()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if _, err := desfire.Do(t.Context(), card, c); err != nil {
			t.Fatal(err)
		}
	}
}

var messages = []ndef.Message{
	{},
	{ndef.URI("https://example.com/t?n=1")},
	{ndef.Text("en", strings.Repeat("long ", 40))}, // several commands
	{ndef.URI("https://a.example"), ndef.MIME("text/plain", bytes.Repeat([]byte{'x'}, 150))},
}

func TestFormatReadWrite(t *testing.T) {
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		for _, first := range messages {
			_, card := newCard(t, g)
			format(t, card, ndef.Layout{Size: 300, Message: first})
			if err := card.Reconnect(t.Context()); err != nil { // as a phone finds it
				t.Fatal(err)
			}
			tag, err := ndef.Open(t.Context(), card)
			if err != nil {
				t.Fatal(err)
			}
			check(t, tag, first)
			for _, m := range messages {
				if err := tag.Write(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				check(t, tag, m)
			}
			err = tag.Write(t.Context(), ndef.Message{ndef.Text("en", strings.Repeat("x", 300))})
			if space := (*ndef.SpaceError)(nil); !errors.As(err, &space) || space.Capacity != 298 {
				t.Errorf("too long a message: %v", err)
			}
			check(t, tag, messages[len(messages)-1])
		}
	}
}

func check(t *testing.T, tag *ndef.Tag, want ndef.Message) {
	t.Helper()
	got, err := tag.Read(t.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
}

// Large tags go by the extended form; ISO commands reach 32 KiB of them.
func TestLargeTag(t *testing.T) {
	c, err := sim.New(&sim.Config{Generation: wire.EV2, Storage: 32768})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(t.Context(), c.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	format(t, card, ndef.Layout{Size: 30000, Message: ndef.Message{ndef.MIME("a/b", make([]byte, 20000))}})
	tag, err := ndef.Open(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	check(t, tag, ndef.Message{ndef.MIME("a/b", make([]byte, 20000))})
	l := ndef.Layout{Size: 70000}
	if cc := l.CC(); cc.Version != 0x30 || cc.Files[0].Kind != ndef.KindExtended || cc.Files[0].Capacity() != 69996 {
		t.Errorf("%+v", cc)
	}
	l.Size = 1 << 24
	if _, err := l.Commands(); err == nil {
		t.Error("a file of 16 MiB")
	}
}

func TestReadOnlyTag(t *testing.T) {
	_, card := newCard(t, wire.EV3)
	rights := wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: wire.Never, Change: 0}
	format(t, card, ndef.Layout{Access: rights, Message: messages[1], Keys: wire.NewKeySett2(wire.KeyAES, 1)})
	tag, err := ndef.Open(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	check(t, tag, messages[1])
	if err := tag.Write(t.Context(), messages[2]); !errors.Is(err, ndef.ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
	// Its owner writes with the key.
	if err := card.SelectApplication(t.Context(), ndef.DefaultAID); err != nil {
		t.Fatal(err)
	}
	for no := range wire.FileNo(2) {
		if _, err := card.FileSettings(t.Context(), no+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := card.Authenticate(t.Context(), 0, key.Zero(key.TypeAES)); err != nil {
		t.Fatal(err)
	}
	files := map[wire.ISOFID]wire.FileNo{ndef.CCFile: 1, ndef.NDEFFile: 2}
	for _, iso := range []bool{false, true} {
		own, err := ndef.OpenNative(t.Context(), card, files, iso)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if err := own.Write(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			check(t, own, m)
		}
	}
	if _, err := ndef.OpenNative(t.Context(), card, nil, false); err == nil {
		t.Error("files of no number are found")
	}
}

func TestNTAG424(t *testing.T) {
	_, card := newCard(t, wire.NTAG424)
	tag, err := ndef.Open(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := tag.Write(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		check(t, tag, m)
	}
	native, err := ndef.OpenNative(t.Context(), card, map[wire.ISOFID]wire.FileNo{ndef.CCFile: 1, ndef.NDEFFile: 2}, true)
	if err != nil {
		t.Fatal(err)
	}
	check(t, native, messages[len(messages)-1])
}

// A write that breaks off leaves the message from before or none, never half of
// one.
func TestTornWrite(t *testing.T) {
	for n := 1; ; n++ {
		c, card := newCard(t, wire.EV2)
		format(t, card, ndef.Layout{Size: 400, Message: messages[1]})
		tag, err := ndef.Open(t.Context(), card)
		if err != nil {
			t.Fatal(err)
		}
		c.TearAfter(n)
		err = tag.Write(t.Context(), messages[2])
		c.ClearFaults()
		if err == nil {
			if n < 5 {
				t.Fatalf("a long message in %d commands", n)
			}
			return
		}
		if err := card.Reconnect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if tag, err = ndef.Open(t.Context(), card); err != nil {
			t.Fatal(err)
		}
		m, err := tag.Read(t.Context())
		if err != nil || len(m) > 0 && !reflect.DeepEqual(m, messages[1]) && !reflect.DeepEqual(m, messages[2]) {
			t.Fatalf("torn in command %d: %+v, %v", n, m, err)
		}
	}
}

func TestNoTag(t *testing.T) {
	_, card := newCard(t, wire.EV2)
	if _, err := ndef.Open(t.Context(), card); !errors.Is(err, wire.StatusISOFileNotFound) || !strings.Contains(err.Error(), "D2760000850101") {
		t.Errorf("%v", err)
	}
}

// broken is a card whose files are not what they should be.
type broken struct {
	files map[wire.ISOFID][]byte
	ef    wire.ISOFID
	short int // bytes that a read lacks
}

func (b *broken) Run(_ context.Context, cmd wire.Command, rsp wire.Message) error {
	switch m := cmd.(type) {
	case *wire.ISOSelect:
		b.ef = m.FID
	case *wire.ISOReadBinary:
		f := b.files[b.ef]
		if int(m.Offset) >= len(f) {
			return wire.StatusISOWrongP1P2
		}
		d := f[m.Offset:]
		d = d[:min(len(d), m.Length)]
		rsp.(*wire.Data).Data = append([]byte{}, d[:max(len(d)-b.short, 0)]...)
	case *wire.ISOUpdateBinary:
		return wire.StatusISOMemoryFailure
	}
	return nil
}

func TestBrokenTags(t *testing.T) {
	good := "000F 20 003A 0034 0406 E104 0100 00 00"
	for name, x := range map[string]struct {
		cc, file string
		short    int
		opens    bool
	}{
		"no CC":             {"", "", 0, false},
		"no NDEF file":      {"000F 20 003A 0034 0506 E104 0100 00 00", "", 0, false},
		"a tiny file":       {"000F 20 003A 0034 0406 E104 0001 00 00", "", 0, false},
		"too long CC":       {"FFFF 20 003A 0034 0406 E104 0100 00 00", "", 0, false},
		"unreadable CC":     {"FFFF 20 0000 0034 0406 E104 0100 00 00", "", 0, false},
		"empty answers":     {good, "0000", 100, false},
		"no file":           {good, "", 0, true},
		"no length":         {good, "00", 0, true},
		"longer than it is": {good, "00FF D1", 0, true},
		"beyond the end":    {good, "0200 D1", 0, true},
		"nonsense":          {good, "0003 112233", 0, true},
	} {
		card := &broken{files: map[wire.ISOFID][]byte{0xE103: unhex(t, x.cc), 0xE104: unhex(t, x.file)}, short: x.short}
		tag, err := ndef.Open(t.Context(), card)
		if (err == nil) != x.opens {
			t.Errorf("%s: open: %v", name, err)
		}
		if err != nil {
			continue
		}
		if m, err := tag.Read(t.Context()); err == nil {
			t.Errorf("%s: read %+v", name, m)
		}
		if err := tag.Write(t.Context(), messages[2]); !errors.Is(err, wire.StatusISOMemoryFailure) {
			t.Errorf("%s: write: %v", name, err)
		}
	}
}

func FuzzTag(f *testing.F) {
	f.Add([]byte("\x00\x0f\x20\x00\x3a\x00\x34\x04\x06\xe1\x04\x01\x00\x00\x00"), []byte("\x00\x05\xD1\x01\x01U\x00"))
	f.Fuzz(func(t *testing.T, cc, file []byte) {
		if c, err := ndef.ParseCC(cc); err == nil {
			if b, err := c.Encode(); err == nil {
				if again, err := ndef.ParseCC(b); err != nil || !reflect.DeepEqual(again, c) {
					t.Fatalf("%+v, %v; want %+v", again, err, c)
				}
			}
		}
		tag, err := ndef.Open(t.Context(), &broken{files: map[wire.ISOFID][]byte{0xE103: cc, 0xE104: file}})
		if err != nil {
			return
		}
		m, err := tag.Read(t.Context())
		if err != nil {
			return
		}
		whole, err := tag.File.ParseFile(file)
		if err != nil || !reflect.DeepEqual(m, whole) {
			t.Fatalf("read %+v; the file holds %+v, %v", m, whole, err)
		}
	})
}
