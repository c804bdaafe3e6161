package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/go-desfire/desfire/web"
)

// Who works with the keyboard goes on where they were, whatever an answer took away, hid
// or disabled: the focus is never lost.
func TestFocus(t *testing.T) {
	p := open(t, web.Config{})
	has := func(selector, words string) {
		t.Helper()
		p.until(`document.activeElement.matches('`+selector+`') && document.activeElement.textContent.includes('`+words+`')`, "the focus on "+words)
	}
	p.click(".file button", "Read, write")
	p.wait(".do-here", "Read")
	p.click(".do-here + .close button", "Close")
	has("button", "Read, write")

	// Words are explained wherever a person is.
	p.click("footer summary", "What the words mean")
	p.until(`document.querySelector('footer dl').checkVisibility()`, "the words")

	p.view("/layout")
	p.click("main li a", "Campus card")
	has("h1", "Campus card")
	p.click("button", "Another layout")
	has("h1", "Layout")

	p.view("/play")
	p.wait("#story-h", "Ten stories")
	p.click("button", "Lift")
	has("button", "Return")
	p.press(kb.Enter)
	has("button", "Lift")
	p.click(".storylist button", "Begin")
	has("h2", "Step 1")
	p.click("button", "All stories")
	has("h2", "Ten stories")

	// Whoever has left everything is left alone.
	p.eval(`document.activeElement.blur(); window.settled = 0; document.addEventListener('htmx:after:settle', () => setTimeout(() => { window.settled++ }, 100))`, nil)
	p.press("l")
	p.until(`window.settled > 0 && document.activeElement === document.body`, "the focus nowhere")
}
