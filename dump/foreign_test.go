package dump_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func load(t testing.TB, path ...string) *dump.Dump {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	d, err := dump.Read(b)
	if err != nil {
		t.Fatalf("%v: %v", path, err)
	}
	return d
}

func app(t testing.TB, c *inspect.Card, aid wire.AID) *inspect.Application {
	t.Helper()
	i := slices.IndexFunc(c.Applications, func(a inspect.Application) bool { return a.AID == aid })
	if i < 0 {
		t.Fatalf("no application %v: %+v", aid, c.Applications)
	}
	return &c.Applications[i]
}

func file(t testing.TB, a *inspect.Application, no wire.FileNo) *inspect.File {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f inspect.File) bool { return f.No == no })
	if i < 0 {
		t.Fatalf("no file %v: %+v", no, a.Files)
	}
	return &a.Files[i]
}

const collected = "../testdata/dumps"

// Two programs wrote the same card: it is the same one.
func TestSameCardOfTwoPrograms(t *testing.T) {
	for one, other := range map[string]string{
		"flipper-orca.nfc":          "orca-d40-4k.json",
		"flipper-documentation.nfc": "flipper-doc-ev2-8k.json",
	} {
		a, b := load(t, "testdata", one), load(t, collected, other)
		if a.Format != dump.FormatFlipper || b.Format != dump.FormatCollected || a.Notes != nil || b.Notes != nil {
			t.Errorf("%+v\n%+v", a, b)
		}
		if !reflect.DeepEqual(a.Card, b.Card) {
			t.Errorf("%s\n%+v\n%+v", one, a.Card, b.Card)
		}
		if d := dump.Diff(a.Card, b.Card); d != nil {
			t.Errorf("%s: %+v", one, d)
		}
	}
}

func TestFlipper(t *testing.T) {
	d := load(t, "testdata", "flipper-orca.nfc")
	c := d.Card
	if d.Version != 4 || c.Generation != wire.D40 || c.Name != "MIFARE DESFire D40 04153729991B80" || c.Year != 2008 || len(c.Applications) != 2 {
		t.Fatalf("%+v", c)
	}
	a := app(t, c, 0xF21030) // sent as 30 10 F2
	if a.KeySettings.Keys != 5 || !slices.Equal(a.KeyVersions[:2], []inspect.KeyVersion{{Key: 0, Version: 2}, {Key: 1, Version: 2}}) || a.KeySettings.Settings[0] != 0x1B {
		t.Errorf("%+v", a)
	}
	f := file(t, a, 2)
	if f.Words != "read free; append key 4 or 3; clear key 3; change key 2" || f.Type != "cyclic" || f.SizeWords() != "10 of 10 records (11 slots), 48 bytes each" {
		t.Errorf("%s, %s", f.Words, f.SizeWords())
	}
	if m := f.MissingPart(inspect.PartContent); m == nil || m.Needs != "" || f.Content != nil {
		t.Errorf("%+v", f)
	}
	f = file(t, app(t, c, 0xFFFFFF), 15)
	if f.Words != "read free; write never; change key 2" || len(f.Data) != 9 || f.Missing != nil {
		t.Errorf("%+v", f)
	}

	c = load(t, "testdata", "flipper-documentation.nfc").Card
	a = app(t, c, 0x123456) // createapp --aid 123456
	if f := file(t, a, 1); string(f.Data[:2]) != "\x13\x37" || f.Size != 256 || *c.FreeMemory != 7520 || c.Generation != wire.EV2 {
		t.Errorf("%+v", f)
	}

	// A file that ends after the list of applications.
	c = load(t, "testdata", "flipper-list.nfc").Card
	if len(c.Applications) != 2 || c.Applications[0].AID != 1 || c.Applications[0].MissingPart(inspect.PartFiles) == nil || c.Applications[0].Files != nil ||
		c.KeyVersions[0].Version != 0xA2 || c.Generation != wire.EV1 {
		t.Errorf("%+v", c)
	}
}

// A Flipper Zero's file with what the real ones do not have.
const flipperHead = `Filetype: Flipper NFC device
Version: 3
Device type: Mifare DESFire
UID: 08 11 22 33
ATQA: 03 44
SAK: 20
PICC Version: 04 01 01 33 00 1A 05 04 01 01 03 00 1A 05 00 00 00 00 00 00 00 BA 54 90 DB 80 21 24
`

const flipperApp = `Application Count: 1
Application IDs: 21 81 F4
Application 2181f4 Change Key ID: 0E
Application 2181f4 Config Changeable: false
Application 2181f4 Free Create Delete: true
Application 2181f4 Free Directory List: true
Application 2181f4 Key Changeable: true
Application 2181f4 Flags: 08
Application 2181f4 Max Keys: 02
Application 2181f4 Key 0 Version: 10
Application 2181f4 Key 1 Version: 11
Application 2181f4 File IDs: 01 02 0A 0B
Application 2181f4 File 1 Type: 02
Application 2181f4 File 1 Communication Settings: 03
Application 2181f4 File 1 Access Rights: 00 1E
Application 2181f4 File 1 Hi Limit: 1000
Application 2181f4 File 1 Lo Limit: 4294967291
Application 2181f4 File 1 Limited Credit Value: 3
Application 2181f4 File 1 Limited Credit Enabled: true
Application 2181f4 File 1: FC FF FF FF
Application 2181f4 File 2 Type: 03
Application 2181f4 File 2 Communication Settings: 00
Application 2181f4 File 2 Access Rights: 00 E0
Application 2181f4 File 2 Size: 2
Application 2181f4 File 2 Max: 5
Application 2181f4 File 2 Cur: 3
Application 2181f4 File 2: 01 02 03 04
Application 2181f4 File 10 Type: 00
Application 2181f4 File 10 Communication Settings: 00
Application 2181f4 File 10 Access Rights: 00 00
Application 2181f4 File 10 Size: 0
Something Else: 1
`

func TestFlipperMore(t *testing.T) {
	d, err := dump.Read([]byte(strings.ReplaceAll(flipperHead+flipperApp, "\n", "\r\n")))
	must(t, err)
	c := d.Card
	if !c.RandomID || len(c.UID) > 0 || c.Name != "MIFARE DESFire EV3 (random ID)" || c.MissingPart(inspect.PartKeySettings) == nil {
		t.Errorf("%+v", c)
	}
	if want := []string{`line 39, "Something Else", is not read`}; !slices.Equal(d.Notes, want) {
		t.Errorf("%q, want %q", d.Notes, want)
	}
	a := app(t, c, 0xF48121)
	if k := a.KeySettings; k.Keys != 2 || k.KeyType != "AES" || k.Settings[0] != 0xE7 || a.KeyVersions[1] != (inspect.KeyVersion{Key: 1, Version: 0x11}) {
		t.Errorf("%+v", a)
	}
	f := file(t, a, 1)
	if *f.Value != -4 || *f.Lower != -5 || *f.Upper != 1000 || *f.LimitedCredit != 3 || f.Comm != "full" || f.Access.Read != "key 1" || f.Access.Write != "free" {
		t.Errorf("%+v", f)
	}
	f = file(t, a, 2)
	if len(f.Content) != 2 || string(f.Content[0]) != "\x01\x02" || f.MissingPart(inspect.PartContent).Reason != "only the first 2 of 3 records are in the file" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 10); f.Settings != nil || f.MissingPart(inspect.PartSettings) == nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 11); f.Settings != nil || f.MissingPart(inspect.PartSettings).Reason != "it is not in the file" {
		t.Errorf("%+v", f)
	}
}

func TestProxmark(t *testing.T) {
	d := load(t, "testdata", "proxmark3-ev2.json")
	c := d.Card
	if d.Format != dump.FormatProxmark || d.By != "proxmark3" || d.Notes != nil || c.Generation != wire.EV2 || *c.FreeMemory != 1984 || len(c.Signature) != 56 || c.Missing != nil {
		t.Fatalf("%+v\n%+v", d, c)
	}
	a := app(t, c, 0x112233) // createapp --aid 112233
	if string(a.Wire) != "\x33\x22\x11" || string(a.DFName) != "pm3test1" || string(a.ISOID) != "\x11\x22" || a.KeySettings.KeyType != "AES" || len(a.KeyVersions) != 3 {
		t.Errorf("%+v", a)
	}
	if f := file(t, a, 1); f.Comm != "full" || string(f.Data[:9]) != "Proxmark3" || string(f.ISOID) != "\x00\x01" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 2); *f.Value != 42 || *f.Upper != 1000 || f.Comm != "mac" || f.LimitedCredit == nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 3); len(f.Content) != 2 || string(f.Content[0]) != "RECORD01" || f.Access.Read != "free" || f.Access.Write != "key 0" {
		t.Errorf("%+v", f)
	}
	if f := file(t, app(t, c, 0x445566), 0); string(f.Data) != "HELLO PROXMARK!3" {
		t.Errorf("%+v", f)
	}
}

// Files of old cards keep bits that mean nothing to them, and the bytes are what
// the card answered; what a key protects has the reason.
func TestCollected(t *testing.T) {
	d := load(t, collected, "hsl-ev1-4k.json")
	a := app(t, d.Card, 0xEF2014)
	f := file(t, a, 9)
	if f.Comm != "full" || f.Size != 480 || string(f.Raw) != "\x00\xFF\x31\x23\xE0\x01\x00" || f.Access.Read != "key 2" || f.MissingPart(inspect.PartContent).Reason != "Authentication error" {
		t.Errorf("%+v", f)
	}
	if d.Notes != nil {
		t.Errorf("%q", d.Notes)
	}
	if f := file(t, a, 4); len(f.Content) != 7 || f.Missing != nil {
		t.Errorf("%+v", f)
	}
	if a.MissingPart(inspect.PartKeySettings) == nil {
		t.Errorf("%+v", a)
	}
	c := load(t, collected, "clipper-ev1-4k.json").Card
	if f := file(t, app(t, c, 0xF21190), 8); f.Words != "read free; write never; change key 0" || len(f.Data) != 32 {
		t.Errorf("%+v", f)
	}
}

// A credential in the text form of DFC, as its schema says.
const dfcText = `Filetype: DFC Credential
Version: 6
Card Generation: EV3
Card Storage: 2048
UID: 04 22 33 44 55 66 77
UID Provenance: Real
PICC Key Settings 1: 0F
PICC Key Settings 2: 01
PICC Authentication Commands: D40, ISO
PICC Key Count: 1
PICC Key 00: C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7
PICC Key 00 Version: 05
PICC File Count: 0
Application Count: 2
Application 00 AID: F4 81 21
Application 00 ISO File ID: E1 10
Application 00 DF Name: D2 76 00 00 85 01 01
Application 00 Key Settings 1: 0F
Application 00 Key Settings 2: A1
Application 00 Authentication Commands: AES
Application 00 Key Count: 1
Application 00 Key 00: C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7
Application 00 Key 00 Version: 07
Application 00 File Count: 5
Application 00 File 00 Number: 01
Application 00 File 00 Type: Standard Data
Application 00 File 00 Communication Settings: 00
Application 00 File 00 Access Rights: E1 23
Application 00 File 00 ISO File ID: E1 04
Application 00 File 00 Size: 32
Application 00 File 00 Data: 12 34 56 78
Application 00 File 00 Data Complete: 0
Application 00 File 00 SDM Options: C1
Application 00 File 00 SDM Access Rights: E1 F0
Application 00 File 00 SDM UID Offset: 2
Application 00 File 00 SDM Counter Offset: 16
Application 00 File 00 SDM MAC Input Offset: 0
Application 00 File 00 SDM MAC Offset: 22
Application 00 File 00 SDM Read Counter: 9
Application 00 File 01 Number: 02
Application 00 File 01 Type: Value
Application 00 File 01 Communication Settings: 01
Application 00 File 01 Access Rights: 12 3E
Application 00 File 01 Value Lower Limit: -7
Application 00 File 01 Value Upper Limit: 1000
Application 00 File 01 Value: -3
Application 00 File 01 Limited Credit: 03
Application 00 File 02 Number: 0A
Application 00 File 02 Type: Cyclic Record
Application 00 File 02 Communication Settings: 03
Application 00 File 02 Access Rights: EE EE
Application 00 File 02 Record Size: 2
Application 00 File 02 Max Records: 4
Application 00 File 02 Record Count: 2
Application 00 File 02 Record 00: 01 02
Application 00 File 02 Record 01: 03 04
Application 00 File 02 Record Complete: 1
Application 00 File 03 Number: 1F
Application 00 File 03 Type: Transaction MAC
Application 00 File 03 Communication Settings: 03
Application 00 File 03 Access Rights: 10 00
Application 00 File 03 Transaction Counter: 9
Application 00 File 03 Transaction MAC: 01 23 45 67 89 AB CD EF
Application 00 File 03 Transaction Key Type: 2
Application 00 File 03 Transaction Key Version: 03
Application 00 File 03 Transaction Key: C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7
Application 00 File 03 Previous Reader ID: C0 C1 C2 C3 C4 C5 C6 C7 C8 C9 CA CB CC CD CE CF
Application 00 File 04 Number: 03
Application 00 File 04 Type: Backup Data
Application 00 File 04 Communication Settings: 00
Application 00 File 04 Access Rights: EE EE
Application 00 File 04 Size: 2
Application 00 File 04 Data: AB CD
Application 00 File 04 Data Complete: 1
Application 00 SM Disable: 01
Application 01 AID: 00 00 01
Application 01 Key Settings 1: 0F
Application 01 Key Settings 2: 91
Application 01 Key Set Key Count: 1
Application 01 Key Set Maximum Key Size: 16
Application 01 Key Set Settings: 00
Application 01 Key Set Count: 2
Application 01 Key Set 00 Version: 04
Application 01 Key Set 00 Type: AES
Application 01 Key Set 00 Initialized: 1
Application 01 Key Set 00 Key Count: 1
Application 01 Key Set 00 Key 00: C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7 C5 3A 9E D7
Application 01 Key Set 00 Key 00 Version: 01
Application 01 Key Set 01 Version: 00
Application 01 File Count: 0
`

func TestDFC(t *testing.T) {
	d, err := dump.Read([]byte(dfcText))
	must(t, err)
	c := d.Card
	if d.Format != dump.FormatDFC || d.Version != 6 || c.Name != "MIFARE DESFire EV3 04223344556677" || c.Storage != 2048 || c.KeyVersions[0].Version != 5 || c.Missing != nil {
		t.Errorf("%+v", c)
	}
	for _, n := range d.Notes {
		if strings.Contains(n, "C5 3A") || !strings.Contains(n, "SM Disable") && !strings.Contains(n, "Key Set") {
			t.Errorf("%q", n)
		}
	}
	a := app(t, c, 0xF48121)
	if string(a.ISOID) != "\xE1\x10" || len(a.DFName) != 7 || a.KeySettings.KeyType != "AES" || !a.KeySettings.ISOFiles || a.KeyVersions[0].Version != 7 {
		t.Errorf("%+v", a)
	}
	f := file(t, a, 1)
	if f.Access.Read != "free" || f.Access.Write != "key 1" || f.Access.Change != "key 3" || len(f.Data) != 4 || f.MissingPart(inspect.PartContent) == nil || string(f.ISOID) != "\xE1\x04" {
		t.Errorf("%+v", f)
	}
	if s := f.SDM; s == nil || s.MetaRead != "free" || s.FileRead != "key 1" || s.Counter != "key 0" || s.Settings.UIDOffset != 2 || s.Settings.MACOffset != 22 || *f.ReadCounter != 9 {
		t.Errorf("%+v", f.SDM)
	}
	if f := file(t, a, 2); *f.Value != -3 || *f.Lower != -7 || f.Settings.Flags != 3 || f.Comm != "mac" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 10); len(f.Content) != 2 || string(f.Content[1]) != "\x03\x04" || f.Missing != nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 31); string(f.Data) != "\x09\x00\x00\x00\x01\x23\x45\x67\x89\xAB\xCD\xEF" || *f.KeyVersion != 3 || f.KeyType != "AES" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 3); string(f.Data) != "\xAB\xCD" {
		t.Errorf("%+v", f)
	}
	a = app(t, c, 1)
	if string(a.Wire) != "\x01\x00\x00" || *a.KeySettings.Sets != (inspect.KeySets{Sets: 2, ActiveVersion: 4, MaxKeySize: 16}) || len(a.KeySets) != 2 || a.KeyVersions[0].Version != 1 {
		t.Errorf("%+v", a)
	}

	c = load(t, "testdata", "dfc-cut.dfc").Card
	if a := app(t, c, 0x53494F); a.KeySettings.Settings[0] != 0x0B || a.KeySettings.Keys != 4 || a.MissingPart(inspect.PartFiles) == nil {
		t.Errorf("%+v", a)
	}
	if c.MissingPart(inspect.PartKeySettings) == nil || c.Generation != wire.EV1 || c.Storage != 4096 {
		t.Errorf("%+v", c)
	}
}

// The image of a card is that card, with or without its keys.
func TestImage(t *testing.T) {
	for _, g := range wire.Generations {
		picc := filled(t, g)
		c := whole(t, picc)
		var first *inspect.Card
		for _, i := range []*sim.Image{picc.Image(), picc.Image().WithoutKeys()} {
			d, err := dump.Read(i.Encode())
			must(t, err)
			if d.Format != dump.FormatImage || d.Notes != nil {
				t.Errorf("%v: %+v", g, d)
			}
			for _, x := range dump.Diff(c, d.Card) {
				// An image knows more than a card tells, never less.
				if !x.Unread || x.A != "" {
					t.Errorf("%v: %s", g, x.Words())
				}
			}
			if first != nil && !reflect.DeepEqual(first, d.Card) {
				t.Errorf("%v: without keys it is another one", g)
			}
			first = d.Card
		}
	}
}

// What is read of others can be written and read back.
func TestForeignRoundTrip(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.*")
	must(t, err)
	more, err := filepath.Glob(collected + "/*k.json")
	must(t, err)
	for _, path := range append(paths, more...) {
		if strings.HasSuffix(path, ".md") {
			continue
		}
		c := load(t, path).Card
		d, err := dump.Read([]byte(written(t, c)))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !reflect.DeepEqual(d.Card, c) {
			t.Errorf("%s: %+v\n%+v", path, d.Card, c)
		}
	}
}

// Whatever is wrong in a file of others, reading it says where and what, and
// shows no key.
func TestDamagedForeign(t *testing.T) {
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		must(t, err)
		return string(b)
	}
	pm3, flipper := text("proxmark3-ev2.json"), flipperHead+flipperApp
	picc := filled(t, wire.EV3)
	image := string(picc.Image().Encode())
	for _, x := range []struct{ good, old, new, says string }{
		{flipper, "Version: 3", "Version: 5", `a Flipper Zero file: line 2: "Version": it is 5, this program knows 2 to 4`},
		{flipper, "Mifare DESFire", "Mifare Classic", `line 3: "Device type": it is "Mifare Classic", no Mifare DESFire`},
		{flipper, "PICC Version: 04", "PICC Version: 0", `line 7: "PICC Version": want bytes in hexadecimal`},
		{flipper, "PICC Version: 04 01", "PICC Version: 04", `line 7: "PICC Version": Version: YearProd at byte 27: want 1 bytes, have 0`},
		{flipper, "PICC Version: 04 01", "PICC Version: 04 02", `GetVersion is that of MIFARE Plus, which is no DESFire card`},
		{flipper, "PICC Version", "PICC Versjon", `the line "PICC Version" is missing`},
		{flipper, "Application IDs: 21 81 F4", "Application IDs: 21 81", `line 9: "Application IDs": 2 bytes, want 3`},
		{flipper, "Application IDs: 21 81 F4", "Application IDs: 00 00 00", `application 000000 is the card itself`},
		{flipper, "Application Count: 1", "Application Count: 99999", `line 8: "Application Count": want a number, 0 to 1024`},
		{flipper, "Max Keys: 02", "Max Keys: 0F", `15 keys, an application has up to 14`},
		{flipper, "Config Changeable: false", "Config Changeable: 0", `want true or false`},
		{flipper, "File IDs: 01 02 0A 0B", "File IDs: 01 02 01", `file 1 is there twice`},
		{flipper, "File IDs: 01 02 0A 0B", "File IDs: 20", `file 32: want 0 to 31`},
		{flipper, "FC FF FF FF", "FC FF FF", `the value has 3 bytes, want 4`},
		{flipper, "File 2: 01 02 03 04", "File 2: 01 02 03", `3 bytes are no whole records of 2`},
		{flipper, "File 2: 01 02 03 04", "File 2: 01 02 03 04 05 06 07 08", `there are 4 records, but the file has 3`},
		{flipper, "Cur: 3", "Cur: 16777216", `want a number, 0 to 16777215`},
		{flipper, "File 1 Type: 02", "File 1 Type: 05", `05 is no type of file in this format`},
		{flipper, "SAK: 20", "UID: 20", `line 6: "UID": it stands there twice, first in line 4`},
		{flipper, "SAK: 20", "SAK", `line 6: it has no "name: value"`},
		{flipper, "Flipper NFC device", "Flipper IR device", `line 1: want "Filetype: Flipper NFC device" or "Filetype: DFC Credential"`},
		{dfcText, "Version: 6", "Version: 7", `a DFC credential: line 2: "Version": it is 7, this program knows 4 to 6: update the program`},
		{dfcText, "Version: 6", "Version: 2", `it is 2, this program knows 4 to 6`},
		{dfcText, "Generation: EV3", "Generation: EV9", `want EV1, EV2 or EV3`},
		{dfcText, "File 00 Number: 01", "File 00 Number: 1", `want bytes in hexadecimal`},
		{dfcText, "Type: Value", "Type: Purse", `want Standard Data, Backup Data, Value`},
		{dfcText, "File 04 Size: 2", "File 04 Size: 1", `there are 2 bytes of content, but the file has 1`},
		{dfcText, "Record 00: 01 02", "Record 00: 01", `a record has 1 bytes, want 2`},
		{dfcText, "Application 01 AID: 00 00 01", "Application 01 AID: F4 81 21", `application F48121 is there twice`},
		{dfcText, "PICC Key 00:", "PICC Key 00", `line 11: it has no "name: value"`},
		{pm3, "mfdes v1", "mfdes v2", `a Proxmark3 dump: this is a file of keys, as hf mfdes chk writes it`},
		{pm3, "mfdes v1", "mfdes v3", `"FileType" is "mfdes v3", this program knows "mfdes v1"`},
		{pm3, `"FileSize": 32`, `"FileSize": "32"`, `line 57: Applications.112233.Files.01.FileSize: want a number, have a text`},
		{pm3, `"FileSize": 32`, `"FileSize": 31`, `Files."01": there are 32 bytes of content, but the file has 31`},
		{pm3, `"AccessRights": "E000"`, `"AccessRights": "E0"`, `AccessRights: 1 bytes, want 2`},
		{pm3, `"112233": {`, `"11223": {`, `Applications."11223": AID "11223": want six hexadecimal digits`},
		{pm3, `"1": "52`, `"2": "52`, `record 1 of 2 is missing`},
		{pm3, `"encrypt"`, `"secret"`, `CommMode is "secret"`},
		{pm3, `"VersionHW": "04`, `"VersionHW": "`, `VersionHW, VersionSW, VersionProd: `},
		{pm3, `"5072`, `"507`, `Applications.112233.Files.01.Data: "507`},
		{image, `"version": 1,`, `"version": 2,`, `an image of a simulated card: it has version 2, this program knows up to 1: update the program`},
		{image, `"generation": "ev3"`, `"generation": "ev2"`, `generation is EV2, but getVersion says EV3`},
		{image, `"size": 40`, `"size": 4000000`, `application 121314: file 5: the files have more than 65536 bytes`},
		{image, `"keyType": "des"`, `"keyType": "xtea"`, `key type "xtea"`},
		{image, `"uid":`, `"colour":`, `the member "colour" is not known`},
		{image, `"signature": "`, `"signature": "00`, `signature has 57 bytes, want 56`},
	} {
		bad := strings.Replace(x.good, x.old, x.new, 1)
		if bad == x.good {
			t.Fatalf("%s: nothing was changed", x.old)
		}
		_, err := dump.Read([]byte(bad))
		var e *dump.FormatError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), x.says) || strings.Contains(err.Error(), "C5 3A") || strings.Contains(err.Error(), "json") {
			t.Errorf("%s -> %s: %v, want %s", x.old, x.new, err, x.says)
		}
	}
}
