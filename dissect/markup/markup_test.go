package markup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
	"github.com/go-desfire/desfire/trace"
)

func read(t *testing.T, name string) *trace.Recording {
	t.Helper()
	rec, err := trace.ReadFile(filepath.Join("../../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// The policy of pages forbids what would be an inline style, script or handler.
func TestPolicy(t *testing.T) {
	files, err := filepath.Glob("*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	bad := regexp.MustCompile(`(?i)\sstyle=|<script|\son[a-z]+=|(href|src|action)="(\{\{|http)`)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if found := bad.Find(b); found != nil {
			t.Errorf("%s: %s", f, found)
		}
	}
	if !bad.MatchString(`<p style="x">`) || !bad.MatchString(`<a href="{{.}}">`) {
		t.Error("nothing would be found")
	}
}

func TestExchange(t *testing.T) {
	m := dissect.One(read(t, "traces/skjolber-ev1-testaes3.json"), 7, &dissect.Config{DefaultKeys: true})
	var b bytes.Buffer
	if err := markup.Exchange(&b, m); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		`<article class="panel detail" aria-label="Exchange 7" id="x7">`, "CRC and MAC right", "KeySett1 and CRC, enciphered", `class="k-crc"`,
		"The enciphered part of the command, opened with the session key", "C1 68 4E F0", "Session after it",
	} {
		if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if strings.Count(text, "<li") != strings.Count(text, `role="tooltip"`)+0 {
		t.Error("a part has no description")
	}
}

// Text of logs is text, whatever it holds.
// Frames are a part of the whole, with the enciphered part and nothing around it.
func TestFrames(t *testing.T) {
	m := dissect.One(read(t, "traces/skjolber-ev1-testaes3.json"), 7, &dissect.Config{DefaultKeys: true})
	var whole, frames bytes.Buffer
	if err := markup.Exchange(&whole, m); err != nil {
		t.Fatal(err)
	}
	if err := markup.Frames(&frames, m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(whole.String(), frames.String()) || strings.Count(frames.String(), `class="msg"`) != 2 ||
		!strings.Contains(frames.String(), "opened with the session key") || strings.Contains(frames.String(), "Session after it") {
		t.Error(frames.String())
	}
}

func TestHostile(t *testing.T) {
	rec := &trace.Recording{Framing: trace.ISO, Exchanges: []trace.Exchange{{
		Command: []byte{0x90, 0x60, 0, 0, 0}, Failed: "<script>alert(1)</script>\x1b[31m\u202e",
	}}}
	var b bytes.Buffer
	if err := markup.Exchange(&b, dissect.One(rec, 0, nil)); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "<script") || strings.Contains(s, "\x1b") || strings.Contains(s, "\u202e") {
		t.Error(s)
	}
}
