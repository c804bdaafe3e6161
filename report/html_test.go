package report_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

func pageOf(t testing.TB, c *inspect.Card, conf *report.Config) string {
	t.Helper()
	var b bytes.Buffer
	must(t, report.New(c, conf).HTML(&b))
	return b.String()
}

// Every page is well-formed, holds no script, loads nothing, and its policy is that
// of its style; whatever stands on the card or in the file.
func TestPages(t *testing.T) {
	for name, c := range everyCard(t) {
		for _, redact := range []bool{false, true} {
			conf := &report.Config{Redact: redact, By: hostileText, Source: report.Source{
				Kind: "file", File: hostileText, Format: hostileText, By: hostileText, Written: hostileText, Notes: []string{hostileText},
			}}
			page := pageOf(t, c, conf)
			for _, f := range faults(page) {
				t.Errorf("%s, redacted %v: %s", name, redact, f)
			}
			if strings.ContainsRune(page, unicode.ReplacementChar) {
				t.Errorf("%s, redacted %v: a byte was lost", name, redact)
			}
		}
	}
}

// The check of pages finds what it is for.
func TestFaults(t *testing.T) {
	page := pageOf(t, &inspect.Card{}, nil)
	for change, by := range map[string]string{
		"</h1>": "</h1><script>1</script>", "<footer": `<footer onclick="x"`, `class="big"`: `style="color:red"`, `href="#main"`: `href="https://a.example/"`,
		"--bg:": "--bg: url(x);--bg:", "<main": "<div><main", "</p>": "", "sha256-": "sha256-x", "<caption": "<thead", "Memory": "Mem\u202Eory", "<h2": "<h5", `id="main"`: `id="facts"`,
	} {
		changed := strings.Replace(page, change, by, 1)
		if changed == page && change != "<caption" {
			t.Errorf("%q is not on the page", change)
		}
		if changed != page && faults(changed) == nil {
			t.Errorf("%q for %q is not noticed", by, change)
		}
	}
}

// A page says what a card holds.
func TestPageSays(t *testing.T) {
	cards := everyCard(t)
	for name, words := range map[string][]string{
		"campus EV3": {
			"04 C3 5A 9E 71 D6 88", secretText, "731&#8239;938", secretTag, "F48121", "1 transaction", "not signed", "newest", "Opens a web page", "tags.example", "do not say which reader",
			"Anyone can", "8192 bytes free",
		},
		"sun":                 {secretTag + "?u={uid}&amp;c={ctr}&amp;m={mac}", "UID in plain", "The card fills in", "As a template"},
		"closed":              {"The applications could not be listed", "the PICC master key", "Its applications are not known"},
		"empty EV1":           {"No applications."},
		"clipper-ev1-4k.json": {"Clipper", "How sure"},
		"delivered Light":     {"there from the factory", "640 bytes", "Anyone can get it"},
		"campus D40":          {"first generation"},
	} {
		page := strings.ReplaceAll(pageOf(t, cards[name], nil), "&#43;", "+")
		for _, w := range words {
			if !strings.Contains(page, w) {
				t.Errorf("%s: %q is not on the page", name, w)
			}
		}
	}
}

// A chip that nobody knows yet is said to be that.
func TestUnknownGeneration(t *testing.T) {
	c := &inspect.Card{Generation: wire.EV3}
	c.SetVersion(&wire.Version{Hardware: wire.ChipVersion{Vendor: 4, Type: 1, SubType: 1, Major: 0x77, Storage: 0x1A}, UID: wire.UID{4, 1}})
	if page := pageOf(t, c, nil); !strings.Contains(page, "does not know its generation, and takes it for EV3") {
		t.Error("it is taken for known")
	}
}

// A page of a full card stays a size that browsers open at once, and closes what is
// long.
func TestHugePage(t *testing.T) {
	page := pageOf(t, huge(), nil)
	if n := len(page); n > 6<<20 {
		t.Errorf("%d bytes", n)
	}
	if n := strings.Count(page, "<details"); n < 28*32 || strings.Contains(page, `<div class="file"><details open`) {
		t.Errorf("%d parts that can be closed", n)
	}
}
