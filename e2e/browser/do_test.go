package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// only leaves one part of the page, to look at.
func (p *tab) only(selector string) {
	p.Helper()
	p.eval(fmt.Sprintf(`{ const e = document.querySelector(%q), h = document.querySelector('main .page-head'); document.querySelector('#main').replaceChildren(h, e); window.htmx.process(e); undefined }`, selector), nil)
}

// What a person does with files: they are read and written, and what would be written is
// shown before; records, values; nothing is deleted without the digits.
func TestDoFile(t *testing.T) {
	bench, err := play.New(&play.Config{First: &play.Recipe{Content: "campus", Generation: wire.EV3}})
	must(t, err)
	p := open(t, web.Config{Play: bench})
	p.wait("h2", "What could not be read")
	p.click(".file button", "file 2")
	p.wait(".do h3", "Delete this file")
	p.fill(".do textarea", "Ada Lovelace, member since 1833")
	p.click(".do button", "Show what would be written")
	p.wait(".doout", "Would stand there")
	p.wait(".job .end", "Waits for an answer")
	p.click(".doout button", "Write 31 bytes")
	p.wait(".doout", "The card has confirmed the commit")

	// The page has read the card again, and what was opened is still there.
	p.wait(".cv .file", "Ada Lovelace, member since 1833")
	p.click(".do button", "Read")
	p.wait(".doout h3", "As bytes")
	p.fill(".do textarea", "AABB")
	p.eval(`document.querySelector('.do select[name=as]').value = 'hex'; undefined`, nil)
	p.click(".do button", "Show what would be written")
	p.wait(".doout", "62 bytes of old content stay behind it")
	p.click(".do button", "Delete the file")
	p.wait(".losses", "file 2, data with backup, which holds something")
	p.only(".do")
	p.looks("do-file")

	// The button waits for the digits, and the safe way out keeps the file.
	p.until(`document.querySelector('.asks [type=submit]').disabled`, "a button that cannot be pressed")
	p.fill(".asks input[name=digits]", "0000")
	p.until(`document.querySelector('.asks [type=submit]').disabled`, "a button that cannot be pressed with other digits")
	p.click(".asks button", "Keep the file")
	p.wait(".doout", "Nothing was done.")
}

// What a person does with a card: report, dump, test, restore, format; the card may leave
// in the middle.
func TestDoCard(t *testing.T) {
	bench, err := play.New(&play.Config{First: &play.Recipe{Content: "campus", Generation: wire.EV3}})
	must(t, err)
	p := open(t, web.Config{Play: bench})
	p.wait("h2", "What could not be read")
	p.click(".page-head button", "Test this card")
	p.click(".do button", "Begin the test")
	p.wait(".card-job", "The card does what is known of its generation")
	p.wait(".tests", "GetVersion in three parts")
	p.click(".page-head button", "Report")
	p.wait(".do", "To give away")
	p.eval(`document.querySelector('.do input[name=redact]').click(); undefined`, nil)
	p.click(".do button", "Read the card")
	p.wait(".card-job", "Save as JSON")
	p.wait(".card-job h3", "Left out")
	p.click(".page-head button", "Dump")
	p.wait(".do h2", "Dump")
	p.click(".do button", "Read the card")
	p.wait(".card-job", "Save the dump")
	var save string
	p.eval(`document.querySelector('[data-save]').dataset.save`, &save)
	status, dumped := p.fetch("GET", save)
	if status != 200 {
		t.Fatal(status, dumped)
	}
	file := filepath.Join(t.TempDir(), "card.json")
	must(t, os.WriteFile(file, []byte(dumped), 0o600))

	p.click(".card-acts button", "Format")
	p.click(".do button", "Show what would be lost")
	p.wait(".losses", "a purse of 25 000 in file 1")
	p.only(".do:has(.losses)")
	p.shotAt("do-format")
	var digits string
	p.eval(`document.querySelector('form[data-confirm]').dataset.confirm`, &digits)
	p.fill(".asks input[name=digits]", digits)
	p.click(".asks button", "Format")
	p.wait(".doout", "The card is formatted")
	p.view("/card")
	p.wait("h2", "Nothing is on this card yet")

	// A restore goes on when the card that left is back.
	p.click(".card-acts button", "Restore")
	p.upload(".do input[type=file]", file)
	p.click(".do button", "Show the plan")
	p.wait(".plan", "Create application F48122")
	p.only(".do")
	p.shotAt("do-restore")
	must(t, bench.Tear(play.TearAfter))
	p.click(".doout button", "Restore")
	p.wait(".doout", "Put the same card back")
	bench.Return()
	p.wait(".doout", "found as card.json says")
}
