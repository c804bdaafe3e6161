package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/web"
)

// bentLog is the log of a real session with an EV1 card in which one bit of one CMAC
// was bent.
func bentLog(t *testing.T) string {
	t.Helper()
	rec, err := trace.ReadFile("../../testdata/traces/skjolber-ev1-testaes3.json")
	if err != nil {
		t.Fatal(err)
	}
	e := &rec.Exchanges[25]
	e.Response[3] ^= 0x10
	name := filepath.Join(t.TempDir(), "skjolber-ev1-testaes3.json")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Write(f, trace.FormatJSON); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// A log is dropped, its first wrong exchange is open; others are opened, found,
// verified with other keys, and saved.
func TestLog(t *testing.T) {
	p := open(t, web.Config{})
	p.view("/log")
	p.wait("#log", "Drop a log here")
	p.shotAt("log-empty")
	dir := t.TempDir()
	garbage := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(garbage, []byte("Dear reader, there is nothing here.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.upload("input[type=file]", garbage)
	p.wait("[role=alert]", "this is no recording that can be read")
	p.upload("input[type=file]", bentLog(t))
	p.wait("h1", "skjolber-ev1-testaes3.json")
	p.wait(".values", "failed")
	p.wait(".values", "10 of 11")
	p.wait("#x25 h2", "25 WriteData")
	p.wait(".cmp mark", "A7")
	p.wait(".causes", "A bit was bent")
	p.looks("log")
	p.as(360, "light")
	p.until(`document.querySelector('#log .tools input[type=search]').offsetWidth > 250`, "room to search on a phone")
	p.as(1600, "light")

	p.click(".xs a", "ChangeKeySettings")
	p.wait("#log-open .tag", "CRC and MAC right")
	p.wait(".inner", "C1 68 4E F0")
	p.until(`document.querySelector('.xs a[aria-current]').textContent.includes('ChangeKeySettings')`, "the opened line is marked")
	// A byte tells what it is, for the keyboard as well.
	p.eval(`document.querySelector('.inner .k-crc').focus()`, nil)
	p.until(`getComputedStyle(document.querySelector('.inner .k-crc .tip')).display === 'block'`, "what the CRC is")
	p.until(`document.getElementById(document.querySelector('.inner .k-crc').getAttribute('aria-describedby')).textContent.includes('right')`, "the description of the CRC")
	p.shotAt("log-byte")

	p.click(".reasons a", "25")
	p.wait("#x25 h2", "25 WriteData")
	p.fill("#log input[type=search]", "readdata")
	p.wait("#log-rows .gap", "1 to 2 of 2")
	p.fill("#log input[type=search]", "")
	p.fill("#log select[name=show]", "wrong")
	p.wait("#log-rows .gap", "1 to 1 of 1")

	p.eval(`document.querySelector('input[name=defaults]').click()`, nil)
	p.click("button", "Verify with these keys")
	p.wait(".values", "not checked")
	p.fill("input[name=key]", "aes:0011")
	p.click("button", "Verify with these keys")
	p.wait("[role=alert]", "key 1 of 1")
	p.fill("input[name=key]", "aes:00000000000000000000000000000000")
	p.click("button", "Verify with these keys")
	p.wait(".values", "failed")
	p.wait("#log", "given here, 1")
	var shown bool
	p.eval(`document.documentElement.outerHTML.includes('000000000000000000') || document.querySelector('input[name=key]').value !== ''`, &shown)
	if shown {
		t.Error("the page shows a key that was typed")
	}

	status, file := p.fetch("GET", "/v/log/file?id=l1")
	if status != 200 {
		t.Fatal(status, file)
	}
	name := filepath.Join(dir, "saved.html")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	saved := blank(t)
	saved.navigate("file://" + name)
	saved.wait("h1", "skjolber-ev1-testaes3.json")
	saved.wait("#x25", "One bit of 64 differs")
	saved.shotAt("log-file")
}

// A log of somebody who means no good: names, statuses and texts that look like
// markup are text.
func TestHostileLog(t *testing.T) {
	p := open(t, web.Config{})
	p.view("/log")
	log := "> 905A00000356341200\n< 9100\nTX <script>document.title='owned'</script> 90 60 <img src=x onerror=alert(1)>\n> 9060000000\n< 040101330018 91AF\n"
	name := filepath.Join(t.TempDir(), "<img src=x onerror=alert(1)>.log")
	if err := os.WriteFile(name, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	p.upload("input[type=file]", name)
	p.wait("h1", "<img src=x onerror=alert(1)>.log")
	p.wait(".values", "in clear")
	var found int
	p.eval(`document.querySelectorAll('main img, main script').length`, &found)
	if found != 0 {
		t.Error("a log made elements of the page")
	}
	p.shotAt("log-hostile")
}

// A log of thousands of exchanges has all its marks in view, in windows of any width.
func TestLongLog(t *testing.T) {
	p := open(t, web.Config{})
	p.view("/log")
	file := filepath.Join(t.TempDir(), "long.log")
	if err := os.WriteFile(file, []byte(strings.Repeat("> 905A00000356341200\n< 91A0\n> 9060000000\n< 91AE\n", 3000)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.upload("input[type=file]", file)
	p.wait("h1", "long.log")
	for _, width := range widths {
		p.as(width, "light")
		p.until(`(e => e.children.length > 60 && [...e.children].every(i => i.offsetWidth > 0) && e.lastElementChild.getBoundingClientRect().right <= e.getBoundingClientRect().right + 1)(document.querySelector('.ticks'))`, "all marks in view")
		p.wide()
	}
}
