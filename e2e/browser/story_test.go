package browser

import (
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/web"
)

// A story is begun, goes on by a key, shows what card and reader know, is looked back
// at, and run again from a step.
func TestStory(t *testing.T) {
	p := open(t, web.Config{})
	p.view("/play")
	p.stories()
	p.until(`document.querySelectorAll('.storylist > li').length === 10`, "ten stories")
	p.click(".storylist button", "A torn debit and its settlement")
	p.step("Step 1: Look at the purse")
	p.until(`document.activeElement.id === 'story-step-h'`, "the focus on the step")
	p.press("n")
	p.step("Step 2:")
	p.press("n")
	p.wait("#story-live", "Step 3 of 8: Tear the card out in the commit")
	p.wait(".story .scene-words", "torn out")
	p.wait(".story .say", "may or may not have happened")
	p.until(`(([holds, knows]) => /^\d\d\s\d{3}$/.test(holds) && new RegExp('^' + holds + ' or \\d\\d\\s\\d{3}$').test(knows))([...document.querySelectorAll('.story .big')].map(e => e.textContent))`, "one value that the card holds, two that the reader can know")
	p.looks("story")

	p.click(".exch summary", "Debit")
	p.until(`document.querySelector('.exch[open] .bytes .b').getClientRects().length > 0`, "the bytes of another message")
	p.click(".story .steps button", "A debit of")
	p.step("Step 2:")
	p.wait("#story-on", "Tear the card out in the commit")
	p.click(".story button", "Run this step again")
	p.until(`document.querySelectorAll('.story .steps .todo').length === 6 && document.querySelectorAll('.story .steps .done').length === 1`, "the steps after it are to come again")
	p.click(".story button", "All stories")
	p.wait(".storylist button", "Go on at step 2")
}

// All stories are told to their end.
func TestStoriesToTheEnd(t *testing.T) {
	p := open(t, web.Config{})
	p.view("/play")
	for _, s := range play.Stories() {
		p.stories()
		p.click(".storylist button", s.Title)
		for no := 1; no <= len(s.Titles()); no++ {
			p.step(fmt.Sprintf("Step %d:", no))
			p.press("n")
		}
	}
	p.stories()
}

// stories waits for the list of stories, and until it can be used.
func (p *tab) stories() {
	p.Helper()
	p.until(`document.querySelectorAll('.storylist button[data-htmx-powered]').length >= 10`, "the list of stories")
}

// step waits for a step of a story, and until it can go on.
func (p *tab) step(title string) {
	p.Helper()
	p.until(fmt.Sprintf(`!!document.getElementById('story-step-h')?.textContent.includes(%q) && !!document.querySelector('.story-acts [data-key=N][data-htmx-powered]')`, title), title)
}
