package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// TestPlay pays with the simulated card while it is lifted, torn and bent, as a person
// would, and compares what the page says with what the card holds.
func TestPlay(t *testing.T) {
	bench, err := play.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, web.Config{Play: bench})
	holds := func(want int32) {
		t.Helper()
		h := bench.Holds()
		if v, ok := h.Value(wire.Place{AID: 0xF58401}, 2); !ok || v != want {
			t.Errorf("the card holds %d, want %d", v, want)
		}
	}
	p.view("/play")
	p.wait("#play-reader .tag", "on the reader")
	p.wait("#play-told .knows", "not read yet")
	p.press("v")
	p.wait("#play-told .knows div:nth-child(2)", "5000")

	// Torn after the commit: the reader cannot know, and finds out.
	p.press("a")
	p.wait("#play-reader", "Planned: power goes after the card has committed")
	p.press("p")
	p.wait("#play-reader .tag", "torn out")
	p.wait("#play-told .doubtful", "4750 or 5000")
	p.wait("#play-try header", "waiting for the card to come back")
	holds(4750)
	p.looks("play")
	p.press("r")
	p.wait("#play-told .knows div:nth-child(2)", "4750")
	p.gone("#play-told .knows div", "or 5000")
	p.gone("#play-try", "Stop")
	holds(4750)

	// Torn before it: the debit is made again.
	p.click("#play-reader button", "Before it")
	p.wait("#play-reader", "before the card has committed")
	p.click("#play-try button", "Pay")
	p.wait("#play-told .doubtful", "4500 or 4750")
	p.wait("#play-try header", "waiting for the card to come back")
	holds(4750)
	p.click("#play-reader button", "Return")
	p.wait("#play-told .knows div:nth-child(2)", "4500")
	p.gone("#play-told .knows div", "or 4750")
	p.gone("#play-try", "Stop")
	holds(4500)

	// A bit that is bent is noticed, and costs nothing.
	p.press("x")
	p.wait("#play-reader", "Planned: one bit of the next answer")
	p.press("v")
	p.wait("#play-told pre", "is wrong in the answer to")
	p.press("v")
	p.gone("#play-try header", "running")
	holds(4500)

	// Lifted by hand, with the keyboard alone.
	p.eval(`document.querySelector('#play-reader [data-key=L]').focus()`, nil)
	p.press(kb.Enter)
	p.wait("#play-reader .tag", "lifted")
	p.press("r")
	p.wait("#play-reader .tag", "on the reader")

	// Another window follows.
	other := visit(t, p.server, p.url)
	other.view("/play")
	other.wait("#play-reader .tag", "on the reader")
	p.press("l")
	other.wait("#play-reader .tag", "lifted")
}

// TestPlayOthers makes other cards, and gives images away and takes them.
func TestPlayOthers(t *testing.T) {
	bench, err := play.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, web.Config{Play: bench})
	p.view("/play")
	p.fill("select[name=kind]", "NTAG424/0")
	p.wait("#play-contents", "NTAG 424 DNA")
	p.gone("#play-contents", "Transit")
	p.click("#play-another button", "Make it")
	p.wait("#play-reader", "NTAG 424 DNA")
	p.wait("#rail", "NTAG 424 DNA")
	p.wait("#play-try", "no value to pay with")
	if s := bench.State(); s.Card.Generation != wire.NTAG424 || s.Card.Content != "sun-ntag424" {
		t.Errorf("%+v", s.Card)
	}
	p.click("#play-told summary", "Everything the card holds")
	p.wait("#play-told table", "app/2")
	p.shotAt("play-tag")
	p.until(`[...document.querySelectorAll('#play-told td:nth-child(2)')].every(td => { const r = document.createRange(); r.selectNodeContents(td); return r.getClientRects().length === 1; })`, "the types of files on one line each")

	whole, err := bench.Image(true)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := bench.Image(false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	uid := bench.State().Card.UID
	for name, text := range map[string][]byte{"card.json": whole, "bare.json": bare, "<img src=x onerror=alert(1)>.json": []byte("{\"format\": 1")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.view("/play")
	p.fill("select[name=kind]", "D40/4096")
	p.wait("#play-contents", "Visitor")
	p.click("#play-another button", "Make it")
	p.wait("#play-reader", "Visitor badge")
	p.allow("409")
	for name, words := range map[string]string{"bare.json": "saved without keys", "<img src=x onerror=alert(1)>.json": "is no image of a card"} {
		p.upload("input[name=image]", filepath.Join(dir, name))
		p.wait("#notice", words)
		p.click("#notice-close", "")
	}
	p.upload("input[name=image]", filepath.Join(dir, "card.json"))
	p.wait("#play-reader", "An image that was loaded")
	if got := bench.State().Card.UID; string(got) != string(uid) {
		t.Errorf("the card of the image is %X, want %X", []byte(got), []byte(uid))
	}

	p.wait("#rail", "NTAG 424 DNA")
	p.click(".page-head button", "Save image")
	p.wait("#play-save", "whoever has the file has the keys")
	p.shotAt("play-save")
	status, body := p.fetch("GET", "/v/play-image")
	if status != 200 || !strings.Contains(body, `"keys"`) || strings.Contains(body, `"value"`) {
		t.Errorf("an image without keys: %d %s", status, body)
	}
	if status, body = p.fetch("GET", "/v/play-image?keys=yes"); status != 200 || body != string(whole) {
		t.Errorf("an image with keys: %d %s", status, body)
	}

	// The other views work with it.
	p.view("/play")
	p.click("#play-reader a", "Look at it")
	p.wait("h1", "NTAG 424 DNA")
	p.wait("main", "parts.example")
}
