package dump_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

func written(t testing.TB, c *inspect.Card) string {
	t.Helper()
	var b bytes.Buffer
	must(t, dump.Write(&b, c, &dump.Info{Written: time.Unix(0, 0)}))
	return b.String()
}

// Whatever is wrong in a dump, reading it says what and in which line.
func TestDamagedDump(t *testing.T) {
	good := written(t, whole(t, filled(t, wire.EV3)))
	line := func(text string) int { return 1 + strings.Count(good[:strings.Index(good, text)], "\n") }
	for name, x := range map[string]struct{ old, new, says string }{
		"newer":             {`"version": 1,`, `"version": 2,`, "it has version 2, this program knows up to 1: update the program"},
		"version 0":         {`"version": 1,`, `"version": 0,`, "version is 0"},
		"text version":      {`"version": 1,`, `"version": "1",`, "version: want a number, have a text"},
		"unknown member":    {`"uid":`, `"colour":`, `the member "colour" is not known`},
		"twice":             {`"product":`, `"reader":`, "reader: it stands there twice"},
		"bad time":          {`"1970-01-01T00:00:00Z"`, `"yesterday"`, `written is "yesterday"`},
		"odd UID":           {`"04112233445566",`, `"041122334455667",`, "uid: "},
		"another UID":       {`"uid": "04112233445566"`, `"uid": "04112233445567"`, "uid is 04112233445567, but get_version says 04112233445566"},
		"size of raw":       {`"size": 40`, `"size": 41`, "size is 41, but raw says 40"},
		"raw of size":       {`"000100E1280000"`, `"000100E1290000"`, "size is 40, but raw says 41"},
		"short raw":         {`"000100E1280000"`, `"000100E128"`, "raw: FileSettings: FileSize at byte 4: want 3 bytes, have 1"},
		"no raw":            {`"raw": "000100E1280000",`, ``, "type is there, but raw says nothing of it"},
		"key count":         {`"keys": 3,`, `"keys": 4,`, "keys is 4, but raw says 3"},
		"card settings":     {`"raw": "0F01"`, `"raw": "0E01"`, `settings is "0F", but raw says "0E"`},
		"no application":    {`"application": "121314",`, ``, "application is missing"},
		"another AID":       {`"aid": "121314"`, `"aid": "121315"`, `aid is "121315", but application says "121314"`},
		"access":            {`"read": "free"`, `"read": "key 3"`, "access is "},
		"status":            {`"reason": "nobody may read it"`, `"reason": "x", "status": "zz"`, `status "zz": want four hexadecimal digits`},
		"lower":             {`"lower": -5`, `"lower": -5000000000`, "lower: -5000000000 is no number that can stand here"},
		"text for a number": {`"value": 7`, `"value": "7"`, "value: want a number, have a text"},
		"cut off":           {good[len(good)/2:], ``, "the text is cut off after"},
		"file number":       {`"file": 5`, `"file": 500`, "file: 500 is no number"},
		"hardware":          {`"version": "33.0"`, `"version": "1.0"`, "hardware is "},
		"file twice":        {`"file": 1,`, `"file": 5,`, "file 5 is there twice"},
		"application twice": {`"application": "F53456",
   "aid": "F53456",
   "wire": "5634F5",`, `"application": "121314",`, "application 121314 is there twice"},
		"unknown generation":  {`"generation": "ev3"`, `"generation": "ev9"`, "generation"},
		"escapes in a member": {`"uid":`, `"\u001b[31m":`, `the member "\x1b[31m" is not known`},
	} {
		bad := strings.Replace(good, x.old, x.new, 1)
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := dump.Read([]byte(bad))
		var e *dump.FormatError
		switch {
		case !errors.As(err, &e) || !strings.Contains(err.Error(), x.says) || e.Format != dump.FormatOwn && name != "cut off" && name != "twice":
			t.Errorf("%s: %v, want %q", name, err, x.says)
		case strings.Contains(err.Error(), "inspect.") || strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "json:") || strings.Contains(err.Error(), "\x1b"):
			t.Errorf("%s: %v", name, err)
		}
		if name == "size of raw" && e.Line != line(`"file": 5`)-1 {
			t.Errorf("%s: line %d, want that of the file", name, e.Line)
		}
		if name == "text for a number" && e.Line != line(`"value": 7`) {
			t.Errorf("%s: line %d", name, e.Line)
		}
	}
}

func TestNoDump(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "it is empty",
		" \n":                      "it is empty",
		"hello":                    "line 1: it has no \"name: value\"",
		"{}":                       `it is JSON without "format": "desfire-dump"`,
		`{"format":"x"}`:           `"format" is "x", want "desfire-dump"`,
		`{"format":1}`:             `it is JSON without "format"`,
		`{"FileType":"mfc v2"}`:    `"FileType" is "mfc v2"`,
		"{":                        "the text is cut off after 1 bytes",
		strings.Repeat("x", 9<<20): "more than 8 MiB",
	} {
		_, err := dump.Read([]byte(text))
		var e *dump.FormatError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

// A refusal that was read back is still that refusal.
func TestRefusalComesBack(t *testing.T) {
	c := whole(t, filled(t, wire.EV2))
	c.Missing = append(c.Missing, inspect.Missing{
		What: inspect.PartApplications, Command: "GetApplicationIDs", Status: "91AE", Reason: "no",
		Err: &desfire.CommandError{Command: "GetApplicationIDs", Status: wire.StatusAuthenticationError},
	})
	d, err := dump.Read([]byte(written(t, c)))
	must(t, err)
	m := d.Card.MissingPart(inspect.PartApplications)
	if m == nil || !errors.Is(m.Err, wire.StatusAuthenticationError) || !inspect.Refused(m.Err) {
		t.Errorf("%+v", m)
	}
}

// Lists without end do not make reading or comparing take for ever.
func TestLongLists(t *testing.T) {
	head := `{"format":"desfire-dump","version":1,"uid":"","applications":[`
	var apps, keys strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&apps, `{"application":"%06X"},`, n+1)
		fmt.Fprintf(&keys, `{"key":%d,"version":0},`, n)
	}
	for text, want := range map[string]string{
		head + strings.TrimSuffix(apps.String(), ",") + "]}":                                                "there are 2000 applications, a card has up to 1024",
		head + `{"application":"000001","key_versions":[` + strings.TrimSuffix(keys.String(), ",") + "]}]}": "there is a list of 2000 keys",
		head + strings.Repeat(`{"application":"000001"},`, 5) + `{"application":"000002"}]}`:                "application 000001 is there twice",
	} {
		if _, err := dump.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
