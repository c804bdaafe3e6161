package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// campus is a simulated card with some applications, whose keys the page has.
func campus(t *testing.T) *play.Bench {
	t.Helper()
	bench, err := play.New(&play.Config{First: &play.Recipe{Generation: wire.EV3, Content: "campus"}})
	if err != nil {
		t.Fatal(err)
	}
	return bench
}

// read waits until the page has read the card that lies on the reader, and returns how
// many exchanges there are. When another card lay there before, the page must know by
// now that it is gone.
func (p *tab) read() (have int) {
	p.Helper()
	p.until(`(lies => lies.includes('MIFARE DESFire') && !lies.includes('being read'))(document.querySelector('#rail a[aria-current=true]')?.textContent ?? '')`, "a card that has been read")
	have = p.said()
	p.wait("[data-sum]", grouped(have)+" exchanges, the last with 04")
	return have
}

// rows is how many lines the list has.
func (p *tab) rows() (n int) {
	p.Helper()
	p.eval(`+(document.querySelector('.rows li')?.ariaSetSize ?? 0)`, &n)
	return n
}

// lists waits until the list shows some commands, and all of them are such; or, if so is
// false, not all of them.
func (p *tab) lists(such, what string, so ...bool) {
	p.Helper()
	p.until(fmt.Sprintf(`(all => all.length > 3 && all.every(%s) === %v)([...document.querySelectorAll('.rows .cmd')].map(c => c.textContent))`, such, len(so) == 0), what)
}

// present lifts the card and lays it there again, and waits until the page has read it.
func present(p *tab, bench *play.Bench) (exchanges int) {
	p.Helper()
	bench.Lift()
	p.wait("#rail", "No card")
	bench.Return()
	return p.read()
}

// seen are the numbers of the rows that are in view, from the first to the last.
func (p *tab) seen() (first, last, total int) {
	p.Helper()
	var n []int
	p.eval(`(() => {
		const box = document.querySelector('.rows').getBoundingClientRect();
		const at = [...document.querySelectorAll('.rows li')].filter(li => { const r = li.getBoundingClientRect(); return r.bottom > box.top + 1 && r.bottom < box.bottom + 2; });
		return [+at[0].ariaPosInSet, +at.at(-1).ariaPosInSet, +at[0].ariaSetSize];
	})()`, &n)
	return n[0], n[1], n[2]
}

// newest waits until the last row is in view.
func (p *tab) newest(total int) {
	p.Helper()
	p.until(fmt.Sprintf(`(() => {
		const li = document.querySelector('.rows li[aria-posinset="%d"][aria-setsize="%[1]d"]'), box = document.querySelector('.rows');
		return !!li && li.getBoundingClientRect().bottom <= box.getBoundingClientRect().bottom + 2;
	})()`, total), fmt.Sprintf("row %d in view", total))
}

// What a reader and its card say is listed while it is said, and opened.
func TestTraffic(t *testing.T) {
	bench := campus(t)
	p := open(t, web.Config{Play: bench})
	p.view("/traffic")
	each := p.read()
	lines := p.rows() // of one presentation, with its mark
	p.newest(lines)
	bench.Lift()
	p.wait(".xs .mark", "The card left the field")
	p.wait("#rail", "No card")
	bench.Return()
	if have := p.read(); have != 2*each {
		t.Errorf("%d exchanges, then %d", each, have)
	}
	p.newest(2*lines + 1)
	p.fill("input[name=q]", "SAME card")
	p.wait(".xs .mark", "Presented again: 04")
	p.fill("input[name=q]", "")
	p.newest(2*lines + 1)

	// Space pauses: what comes is counted, and not shown.
	p.eval(`document.activeElement.blur()`, nil)
	p.press(" ")
	p.wait("[data-pause][aria-pressed=true]", "Pause")
	bench.Lift()
	p.wait(".gap", "1 more since the list was paused")
	bench.Return()
	p.wait(".gap", fmt.Sprint(1+lines, " more since the list was paused"))
	p.newest(2*lines + 1)
	p.press(" ")
	p.newest(3*lines + 2)

	// Whoever scrolls stays where they are, until they want the newest.
	p.eval(`{ document.querySelector('.rows').scrollTop = 0; undefined }`, nil)
	p.shown(".gap button", "Newest")
	present(p, bench)
	if first, _, total := p.seen(); first != 1 || total != 4*lines+3 {
		t.Errorf("the first row in view is %d of %d", first, total)
	}
	p.click(".gap button", "Newest")
	p.newest(4*lines + 3)

	// The keyboard alone: the list is one stop of Tab, arrows move in it.
	p.eval(`document.querySelector('select[name=show]').focus()`, nil)
	p.press(kb.Tab)
	focus := func(want int) {
		t.Helper()
		p.until(fmt.Sprintf(`document.activeElement.closest('.rows li')?.ariaPosInSet === '%d'`, want), fmt.Sprint("the focus in row ", want))
	}
	focus(4*lines + 3)
	p.press(kb.Home)
	focus(1)
	p.press(kb.ArrowDown)
	focus(2)
	p.press(kb.PageDown)
	p.until(`+document.activeElement.closest('.rows li')?.ariaPosInSet > 9`, "the focus a page further down")
	var at int
	p.eval(`+document.activeElement.closest('.rows li').ariaPosInSet`, &at)
	if first, last, _ := p.seen(); at < first || at > last {
		t.Errorf("the focus is in row %d, in view are %d to %d", at, first, last)
	}
	p.press(kb.End)
	focus(4*lines + 3)
	p.press(kb.PageUp)
	p.until(fmt.Sprintf(`+document.activeElement.closest('.rows li')?.ariaPosInSet < %d`, 4*lines), "the focus a page further up")
	p.eval(`+document.activeElement.closest('.rows li').ariaPosInSet`, &at)
	p.press(kb.ArrowUp)
	at--
	focus(at)
	present(p, bench)
	focus(at)
	no := p.text(".rows a:focus .no")
	p.press(kb.Enter)
	p.wait(".detail h2", no+" ")
	p.wait(".rows a[aria-current] .no", no)

	// Search by command, by bytes, and by what went wrong.
	p.fill("input[name=q]", "getfilesettings")
	p.lists(`c => c.startsWith('GetFileSettings')`, "only GetFileSettings")
	p.fill("input[name=q]", "")
	p.lists(`c => c.startsWith('GetFileSettings')`, "others as well", false)
	p.fill("input[name=q]", "90 F5 00")
	p.lists(`c => c.startsWith('GetFileSettings')`, "only GetFileSettings")
	p.fill("input[name=q]", "")
	p.fill("select[name=show]", "sessions")
	p.lists(`c => !c.includes('SelectApplication')`, "no SelectApplication")
	p.fill("select[name=show]", "errors")
	p.wait(".gap", "Nothing fits.")
	p.fill("select[name=show]", "")

	// An exchange beside the list: bytes, state, time, fields.
	p.click(".rows a:has(.pm.full)", "ReadDataISO file 4, 64 bytes")
	p.wait(".detail", "Reader to card")
	p.wait(".detail .state", "Command counter")
	p.wait(".detail .tag.good", "both MACs right")
	p.wait(".detail .inner", "opened with the session key")
	p.wait(".detail .fields", "FileNo")

	// Plots say in words what they draw.
	p.wait("[data-id=rate] details p", "s ago: ")
	p.until(`document.querySelector('[data-id=time] [role=img]').ariaLabel.startsWith('Time of each of the last 80 commands')`, "the words of a plot")
	var drawn int
	p.eval(`[...document.querySelectorAll('.plot canvas')].filter(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x)).length`, &drawn)
	if drawn != 3 {
		t.Errorf("%d plots show something", drawn)
	}

	// What was said is saved as any recording.
	status, body := p.fetch("GET", "/v/traffic/trace")
	rec, _, err := trace.Parse([]byte(body))
	if status != 200 || err != nil || len(rec.Exchanges) != 5*each || len(rec.Keys) != 0 {
		t.Errorf("the recording: %d, %v", status, err)
	}
	if r := trace.Verify(rec, nil); r.Verdict != trace.Unverifiable {
		t.Errorf("the recording is %v without keys", r.Verdict)
	}
	p.looks("traffic")

	// On a phone the exchange unfolds under its line.
	p.as(360, "light")
	p.until(`document.querySelector('.rows li > [data-opened] .detail') !== null && document.querySelector('.rows li:has([data-opened]) a').ariaCurrent === 'true'`, "the exchange under its line")
	var gap float64
	p.eval(`{ const li = document.querySelector('.rows li:has([data-opened])'); li.nextElementSibling.getBoundingClientRect().top - li.getBoundingClientRect().bottom }`, &gap)
	if gap < -1 || gap > 1 {
		t.Errorf("the line behind the exchange is %v pixels off", gap)
	}
}

// A page that is slower than the card says so, and holds up neither card nor others.
func TestTrafficSlowPage(t *testing.T) {
	field := talkative(t)
	p := open(t, web.Config{Source: field})
	p.view("/traffic?reader=r1")
	p.wait(".xs .cmd", "GetFileSettings")
	other := visit(t, p.server, p.url)
	other.view("/traffic?reader=r1")
	before := other.readsAll(field)
	p.eval(`{ // it does not look for a while
		window.held = window.fetch;
		window.fetch = (...args) => new Promise(done => { (window.waiting ??= []).push(() => done(window.held(...args))); });
		undefined
	}`, nil)
	other.talk(field, before+1000)
	p.eval(`{ window.fetch = window.held; window.waiting.forEach(go => go()); undefined }`, nil)
	p.wait(".gap", "exchanges not shown: this page was slower than the card")
	p.click(".gap button", "Load")
	p.until(fmt.Sprintf(`[...document.querySelectorAll('.rows li .no')].some(n => +n.textContent >= %d - 5 && +n.textContent < %[1]d + 60)`, before), "the first line that was not shown")
	p.shown(".gap button", "Newest")
}

// A commit that nobody answered is seen by another page: what was asked for, byte by
// byte, and that its outcome is unknown.
func TestTrafficTorn(t *testing.T) {
	bench, err := play.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	plays := open(t, web.Config{Play: bench})
	plays.view("/play")
	plays.wait("#play-reader .tag", "on the reader")
	plays.press("v")
	plays.wait("#play-told .knows div:nth-child(2)", "5000")
	p := visit(t, plays.server, plays.url)
	p.view("/traffic")
	p.wait(".rows .cmd", "GetValue file 2 = 5000")
	plays.press("a")
	plays.wait("#play-reader", "Planned: power goes after the card has committed")
	plays.press("p")
	plays.wait("#play-told .doubtful", "4750 or 5000")
	p.wait(".rows .cmd .bad", "no answer")
	p.wait(".rows .mark.bad", "unknown")
	p.fill("select[name=show]", "errors")
	p.until(`(all => all.length > 0 && all.every(c => c.includes('CommitTransaction') && c.includes('no answer')))([...document.querySelectorAll('.rows .cmd')].map(c => c.textContent))`, "only the commit without an answer")
	p.fill("select[name=show]", "")
	p.click(".rows a", "Debit file 2, 250")
	p.wait(".detail .prose", "Takes 250 from file 2.")
	p.wait(".detail .inner .b", "FA 00 00 00")
	p.wait(".detail .state .chg", "debit 250")
	p.as(1600, "dark")
	p.shot("testdata/shots/traffic-torn-1600-dark.png", 1600)
	p.click(".rows a", "CommitTransaction no answer")
	p.wait(".detail h2", "CommitTransaction")
	p.wait(".says", "may or may not have happened")
}
