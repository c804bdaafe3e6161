package dump_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// der is a data object of DER: a tag, and what is in it.
func der(tag byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	switch n := len(body); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, body...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, body...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body...)
	}
}

func digitsOf(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	must(t, err)
	return b
}

// binaryDFC is the card of dfcText in the binary form. The tags are those of
// dfc-core's table; the content of the transaction MAC file is one that its tests
// print, with another key.
func binaryDFC(t testing.TB) []byte {
	x := func(tag byte, s string) []byte { return der(tag, digitsOf(t, s)) }
	const key = "C53A9ED7C53A9ED7C53A9ED7C53A9ED7"
	keys := func(tag byte, version string) []byte {
		return der(tag, der(0x30, x(0x80, "00"), x(0x81, key), x(0x82, version)))
	}
	return der(0x60, x(0x80, "06"),
		der(0xA1, x(0x80, "03"), x(0x81, "0800"), x(0x82, "04223344556677"), x(0x83, "00")),
		der(0xA2, x(0x80, "0F"), x(0x81, "01"), x(0x82, "03"), keys(0xA9, "05"), der(0xAA)),
		der(0xA3,
			der(0x30, x(0x80, "F48121"), x(0x81, "E110"), x(0x82, "D2760000850101"), x(0x83, "0F"), x(0x84, "A1"), x(0x85, "04"), keys(0xA6, "07"),
				der(0xA7,
					der(0x30, x(0x80, "01"), x(0x81, "00"), x(0x82, "00"), x(0x83, "E123"), x(0x84, "E104"), der(0xA5, x(0x80, "20"), x(0x81, "12345678"), x(0x82, "00")),
						der(0xA9, x(0x80, "C1"), x(0x81, "E1F0"), x(0x82, "02"), x(0x83, "10"), x(0x85, "00"), x(0x86, "16"), x(0x8A, "09"))),
					der(0x30, x(0x80, "02"), x(0x81, "02"), x(0x82, "01"), x(0x83, "123E"), der(0xA6, x(0x80, "F9"), x(0x81, "03E8"), x(0x82, "FD"), x(0x83, "03"))),
					der(0x30, x(0x80, "0A"), x(0x81, "04"), x(0x82, "03"), x(0x83, "EEEE"), der(0xA7, x(0x80, "02"), x(0x81, "04"), x(0x82, "02"), x(0x83, "FF"), der(0xA4, x(0x04, "0102"), x(0x04, "0304")))),
					der(0x30, x(0x80, "1F"), x(0x81, "05"), x(0x82, "03"), x(0x83, "1000"), der(0xA8, x(0x80, "09"), x(0x81, "0123456789ABCDEF"), x(0x82, "02"), x(0x83, "03"),
						x(0x84, key), x(0x85, "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF"))),
					der(0x30, x(0x80, "03"), x(0x81, "01"), x(0x82, "00"), x(0x83, "EEEE"), der(0xA5, x(0x80, "02"), x(0x81, "ABCD"), x(0x82, "FF"))),
				), x(0x8B, "01")),
			der(0x30, x(0x80, "000001"), x(0x83, "0F"), x(0x84, "81"), x(0x85, "04"),
				der(0xA8, x(0x80, "01"), x(0x81, "10"), x(0x82, "00"), der(0xA3,
					der(0x30, x(0x80, "00"), x(0x81, "11"), x(0x82, "02"), x(0x83, "FF"), keys(0xA4, "21")),
					der(0x30, x(0x80, "01"), x(0x81, "12"), x(0x82, "02"), x(0x83, "00"), keys(0xA4, "22")))),
				der(0xA7)),
		))
}

// The binary form of a credential says what the text form says, and no key of it
// gets out.
func TestBinaryDFC(t *testing.T) {
	text, err := dump.Read([]byte(dfcText))
	must(t, err)
	d, err := dump.Read(binaryDFC(t))
	must(t, err)
	first := func(c *inspect.Card) inspect.Application { return c.Applications[0] }
	if a, b := first(text.Card), first(d.Card); !reflect.DeepEqual(a, b) {
		t.Errorf("\n got %+v\nwant %+v", b, a)
	}
	if d.Format != dump.FormatDFC || d.Version != 6 || d.Notes != nil || string(d.Card.UID) != "\x04\x22\x33\x44\x55\x66\x77" || d.Card.Storage != 2048 || d.Card.Generation != wire.EV3 {
		t.Errorf("%+v %+v", d, d.Card)
	}
	second := d.Card.Applications[1]
	if len(second.KeySets) != 2 || second.KeySets[1].Version != 0x12 || len(second.KeyVersions) != 1 || second.KeyVersions[0].Version != 0x21 {
		t.Errorf("%+v", second)
	}
	if s := written(t, d.Card); strings.Contains(s, "C53A9ED7") {
		t.Error("a key got out")
	}
}

// farebotText is a card in the form of FareBot before 2014, numbers in the place of
// bytes; the identifiers are made up.
const farebotText = `<?xml version="1.0" encoding="UTF-8"?>
<card type="2" id="04112233445566" scanned_at="1485511978401">
  <applications>
    <application id="9441778">
      <files>
        <file id="1"><settings><filetype>0</filetype><commsetting>1</commsetting><accessrights>10e1</accessrights><filesize>4</filesize></settings>
          <data>AQIDBA==
</data></file>
        <file id="2"><settings><filetype>4</filetype><commsetting>0</commsetting><accessrights>eeee</accessrights><recordsize>2</recordsize><maxrecords>3</maxrecords><currecords>2</currecords></settings>
          <data>qrvM3Q==</data></file>
        <file id="3" unauthorized="true"><settings><filetype>1</filetype><commsettings>3</commsettings><accessrights>1223</accessrights><filesize>32</filesize></settings>
          <error>Authentication error</error></file>
        <file id="4"><settings><filetype>2</filetype><commsettings>0</commsettings><accessrights>1eee</accessrights><min>-5</min><max>500</max><limitcredit>0</limitcredit><limitcreditenabled>true</limitcreditenabled></settings>
          <data>ZAAAAA==</data></file>
        <file id="5"><error>java.lang.Exception: Unknown status code: ae</error></file>
      </files>
    </application>
  </applications>
  <manufacturing-data>
    <hw-vendor-id>4</hw-vendor-id><hw-type>1</hw-type><hw-sub-type>1</hw-sub-type><hw-major-version>1</hw-major-version>
    <hw-minor-version>0</hw-minor-version><hw-storage-size>24</hw-storage-size><hw-protocol>5</hw-protocol>
    <sw-vendor-id>4</sw-vendor-id><sw-type>1</sw-type><sw-sub-type>1</sw-sub-type><sw-major-version>1</sw-major-version>
    <sw-minor-version>4</sw-minor-version><sw-storage-size>24</sw-storage-size><sw-protocol>5</sw-protocol>
    <uid>287454020</uid><batch-no>-1168862128</batch-no><week-prod>33</week-prod><year-prod>20</year-prod>
  </manufacturing-data>
</card>
`

func TestFarebot(t *testing.T) {
	d, err := dump.Read([]byte(farebotText))
	must(t, err)
	c := d.Card
	if d.Format != dump.FormatFarebot || c.Generation != wire.EV1 || c.Storage != 4096 || string(c.UID) != "\x04\x11\x22\x33\x44\x55\x66" || c.Week != 21 || c.Year != 2014 || d.Written.Year() != 2017 {
		t.Errorf("%+v %+v", d, c)
	}
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "batch") {
		t.Errorf("notes %q", d.Notes)
	}
	a := app(t, c, 0xF21190)
	if f := file(t, a, 1); string(f.Data) != "\x01\x02\x03\x04" || f.Comm != "mac" || f.Words != "read free; write key 1; change key 0" || f.Missing != nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 2); len(f.Content) != 2 || string(f.Content[1]) != "\xCC\xDD" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 3); f.Data != nil || f.Size != 32 || len(f.Missing) != 1 || !strings.Contains(f.Missing[0].Reason, "Authentication error") || f.Missing[0].Needs == "" {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 4); f.Value == nil || *f.Value != 100 || *f.Lower != -5 || f.LimitedCredit == nil {
		t.Errorf("%+v", f)
	}
	if f := file(t, a, 5); f.Settings != nil || f.MissingPart(inspect.PartSettings) == nil {
		t.Errorf("%+v", f)
	}

	// The bytes themselves, as Metrodroid keeps them, in a list of cards.
	raw := `<cards><card type="0" id="11223344"/><card type="2" id="04512492b23a80"><applications><application id="3229011"><auth-log/><files/></application></applications>` +
		`<manufacturing-data><raw>BAEBAQAYBQQBAQEEGAUEUSSSsjqAulSQhxAhFA==</raw></manufacturing-data></card></cards>`
	d, err = dump.Read([]byte(raw))
	must(t, err)
	if d.Card.Product != "MIFARE DESFire EV1" || d.Card.Batch == nil || app(t, d.Card, 0x534531).KnownAs == "" || len(d.Notes) != 1 {
		t.Errorf("%+v %+v", d, d.Card)
	}
	for _, bad := range []string{
		`<card type="0" id="04"/>`, `<cards/>`, `<html></html>`, `<card type="2" id="xyz"/>`, `<card`, `<card type="2" id="04"/><x/>`, `<card type="2" id="04"></x>`,
		`<card type="2" id="04"><applications><application id="16777216"/></applications></card>`,
		`<card type="2" id="04"><applications><application id="1"><files><file id="77"/></files></application></applications></card>`,
		strings.Replace(farebotText, "10e1", "10e", 1), strings.Replace(farebotText, "<filetype>4", "<filetype>9", 1), strings.Repeat("<card type='2'>", 30),
	} {
		if d, err := dump.Read([]byte(bad)); err == nil {
			t.Errorf("%.60q is read: %+v", bad, d.Card)
		}
	}
}

// The sample of a report that somebody cut off.
func TestFarebotCase(t *testing.T) {
	d := load(t, "../testdata/cases/f22-farebot.xml")
	a := app(t, d.Card, 0x4D4F43)
	if len(a.Files) < 2 || a.Files[0].MissingPart(inspect.PartSettings) == nil || len(d.Notes) != 2 {
		t.Errorf("%+v, notes %q", a, d.Notes)
	}
}

// However early a file ends, what is in it is read, and it is said that it ends
// too early or what is missing; it never says something else than the whole file.
func TestCutFiles(t *testing.T) {
	flipper, err := os.ReadFile(filepath.Join("testdata", "flipper-documentation.nfc"))
	must(t, err)
	orca, err := os.ReadFile(filepath.Join("testdata", "flipper-orca.nfc"))
	must(t, err)
	for name, x := range map[string]struct {
		text string
		from string // from its end on, files are read
	}{
		"flipper": {string(flipper), "PICC Version: "}, "orca": {string(orca), "PICC Version: "}, "dfc": {dfcText, "\nUID: 04 22 33 44 55 66 77\n"},
		"farebot": {farebotText, "scanned_at=\"1485511978401\">"}, "dfcb": {string(binaryDFC(t)), "\x04\x22\x33\x44\x55\x66\x77"},
	} {
		at := strings.Index(x.text, x.from) + len(x.from)
		if end := strings.IndexByte(x.text[at:], '\n'); name == "flipper" || name == "orca" {
			at += end
		}
		whole, err := dump.Read([]byte(x.text))
		must(t, err)
		step := 1 + len(x.text)/250
		for n := at; n < len(x.text); n += step {
			d, err := dump.Read([]byte(x.text[:n]))
			if err != nil {
				t.Errorf("%s, %d of %d bytes: %v", name, n, len(x.text), err)
				break
			}
			if n%7 == 0 {
				hold(t, []byte(x.text[:n]))
			}
			lost := slices.ContainsFunc(d.Notes, saysCut) || slices.ContainsFunc(d.Card.Lost(), func(l inspect.Lost) bool {
				return !slices.ContainsFunc(whole.Card.Lost(), func(o inspect.Lost) bool { return o.Application == l.Application && o.What == l.What && sameFile(o, l) })
			})
			if fewer := len(dump.Diff(d.Card, whole.Card)) > 0; fewer && !lost && n < len(x.text)-2 {
				t.Errorf("%s, %d of %d bytes: something is missing, and nothing says so", name, n, len(x.text))
			}
			for _, diff := range dump.Diff(d.Card, whole.Card) {
				if !diff.Unread && !lost && !cutValue(x.text[:n]) {
					t.Errorf("%s, %d of %d bytes: %s", name, n, len(x.text), diff.Words())
				}
			}
		}
	}
}

func sameFile(a, b inspect.Lost) bool {
	return a.File == nil && b.File == nil || a.File != nil && b.File != nil && *a.File == *b.File
}

func saysCut(note string) bool {
	return strings.Contains(note, "file ends") || strings.Contains(note, "is not in it") || strings.Contains(note, "cut off")
}

// cutValue reports whether a text ends within a line: a number or bytes there may
// be shorter than they were, and nothing can tell.
func cutValue(text string) bool { return !strings.HasSuffix(text, "\n") }
