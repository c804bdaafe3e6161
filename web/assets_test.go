package web

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// What is vendored is what its authors published.
func TestVendored(t *testing.T) {
	sums, err := files.ReadFile("assets/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for scan := bufio.NewScanner(bytes.NewReader(sums)); scan.Scan(); n++ {
		want, name, _ := strings.Cut(scan.Text(), "  ")
		b, err := files.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s was changed", name)
		}
	}
	if n != 3 {
		t.Errorf("%d files have a checksum, want 3", n)
	}
}

// What the security policy forbids would not work, and is in no template. Addresses
// that a card says are never links.
func TestTemplatesKeepThePolicy(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"a style attribute":       regexp.MustCompile(`(?i)<[^>]*\sstyle=`),
		"a style element":         regexp.MustCompile(`(?i)<style`),
		"an event attribute":      regexp.MustCompile(`(?i)<[a-z][^>]*\s(on[a-z]+|hx-on[:a-z-]*)=`),
		"an inline script":        regexp.MustCompile(`(?i)<script(?:[^>](?:[^>]*)?)?>[^<]`),
		"JavaScript in hx-vals":   regexp.MustCompile(`(?i)hx-(vals|headers)=["']js`),
		"a link to elsewhere":     regexp.MustCompile(`(?i)(href|src|action)="(https?:)?//`),
		"a link that a card says": regexp.MustCompile(`(?i)(href|src|action)="\{\{`),
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, re := range forbidden {
			if found := re.Find(b); found != nil {
				t.Errorf("%s has %s: %s", name, what, found)
			}
		}
	}
	for what, re := range forbidden {
		sample := map[string]string{
			"a style attribute": `<p class="x" style="a">`, "a style element": `<style>`, "an event attribute": `<a hx-on:click="x">`, "an inline script": `<script defer>a`,
			"JavaScript in hx-vals": `<a hx-vals="js:x">`, "a link to elsewhere": `<a href="https://x">`, "a link that a card says": `<a href="{{.URL}}">`,
		}[what]
		if !re.MatchString(sample) {
			t.Errorf("%s is not found in %s", what, sample)
		}
	}
}

// One own script, which one person can read.
func TestScriptIsShort(t *testing.T) {
	b, err := files.ReadFile("assets/app.js")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n >= 400 {
		t.Errorf("app.js has %d lines, want less than 400", n)
	}
	for _, bad := range []string{"eval(", "new Function", "innerHTML", "outerHTML", "document.write", "sessionStorage", "indexedDB", "document.cookie"} {
		if bytes.Contains(b, []byte(bad)) {
			t.Errorf("app.js has %s", bad)
		}
	}
	// Nothing stays in the browser but the token of the session.
	if n := bytes.Count(b, []byte("setItem(")); n != 1 || !bytes.Contains(b, []byte("localStorage.setItem(store, token)")) {
		t.Errorf("app.js stores something %d times, want the token only", n)
	}
}
