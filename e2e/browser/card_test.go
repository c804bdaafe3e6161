package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// What a person sees of a card: how full it is, who may do what with it, what it holds.
// It comes and goes with the card, and what somebody opened stays open.
func TestCard(t *testing.T) {
	bench, err := play.New(&play.Config{First: &play.Recipe{Content: "campus", Generation: wire.EV3}})
	must(t, err)
	p := open(t, web.Config{Play: bench})
	p.wait("h1", "MIFARE DESFire EV3")
	p.wait("h2", "What could not be read")
	for selector, words := range map[string]string{
		".page-head": "3 applications", ".cardpic": "of 8192 bytes free", ".legend": "F48122", ".cv": "Worth knowing", ".rights .lead": "25", ".rights th.key": "purse-pay",
		".rights td": "debit", ".keytab": "purse-master", ".facts": "GetVersion", ".file .lead": "25", ".file .txt": "Ada Lovelace",
	} {
		p.wait(selector, words)
	}
	p.looks("card")

	// A refresh takes neither what is open nor the focus.
	p.click(".file summary", "Data with backup")
	p.until(`!document.activeElement.closest('details').open`, "a file that was closed")
	p.eval(`window.before = document.activeElement; window.swaps = 0; document.addEventListener('htmx:after:swap', () => { window.swaps++ }); scrollBy(0, 37); window.at = scrollY; document.querySelector('#card').dispatchEvent(new CustomEvent('refresh'))`, nil)
	p.until(`window.swaps > 0`, "a refresh")
	p.until(`document.activeElement === window.before && scrollY === window.at && scrollY > 37 && !window.before.closest('details').open`, "focus, scroll and what is closed stay")
	// The job has ended before the page hears that it began.
	p.eval(`{ const plain = window.fetch; window.fetch = async (...a) => { const r = await plain(...a); if (String(a[0].url ?? a[0]).includes('card-read')) await new Promise(d => setTimeout(d, 700)); return r } }`, nil)
	p.click("button", "Read everything")
	p.wait(".card-job", "Done")
	p.wait("button", "Read everything again")
	p.wait(".facts", "Delegated")
	p.until(`window.before.isConnected && !window.before.closest('details').open`, "what was closed stays closed")

	// The file's own number leads to its content, and opens it.
	p.eval(`document.querySelector('a.fno[href="#a1f1"]').click()`, nil)
	p.until(`document.getElementById('a1f1').getClientRects().length > 0`, "the content of the file")

	// What can be done with a file unfolds below it, stays there, and goes away again.
	p.click(".file button", "Get, debit, credit")
	p.wait(".do-here", "Debit")
	p.eval(`window.swaps = 0; document.querySelector('#card').dispatchEvent(new CustomEvent('refresh'))`, nil)
	p.until(`window.swaps > 0`, "a refresh")
	p.wait(".do-here", "Debit")
	p.click(".do-here + .close button", "Close")
	p.gone(".do-here", "Debit")

	bench.Lift()
	p.wait("h1", "No card lies on the simulated reader")
	bench.Return()
	p.wait(".rights th.key", "purse-pay")
	must(t, bench.Make(t.Context(), play.Recipe{Content: play.Empty, Generation: wire.EV1}))
	p.wait("h1", "MIFARE DESFire EV1")
	p.wait("h2", "Nothing is on this card yet")
	p.gone(".cv", "purse-pay")
}

// Text of a card that wants to be markup, an address or another direction of writing
// stays text.
func TestCardHostile(t *testing.T) {
	p := open(t, web.Config{Source: simreader.New("desk", hostileCard(t))})
	p.wait(".offer", "Offers to save a contact")
	for selector, words := range map[string]string{
		".shown .doubt": "What stands before @ is no host", ".shown .facts": "evil.example", ".shown .offer": "Wi-Fi", ".app": "<img src=x>",
		".shown p.txt": `\u202E`, ".file .txt": "<script>",
	} {
		p.wait(selector, words)
	}
	p.until(`!document.querySelector('#card img, #card script, #card iframe') && [...document.querySelectorAll('#card a')].every(a => a.pathname === location.pathname && a.hash || a.host === location.host)`, "nothing of the card is markup or a link")
	p.eval(`document.querySelectorAll('#card details').forEach(d => { d.open = true })`, nil)
	for _, width := range widths {
		p.as(width, "light")
		p.wide()
	}
	p.axe("a hostile card")
}

// A card with all that fits on it is shown at once; its applications open when asked.
func TestCardFull(t *testing.T) {
	p := open(t, web.Config{Source: simreader.New("desk", fullCard(t))})
	p.wait(".page-head", "29 applications, 897 files")
	p.until(`document.querySelector('.cardpic .big').textContent === '0'`, "no byte is free")
	p.until(`document.querySelectorAll('*').length < 3500`, "a page of a size")
	p.click(".app summary", "32 files, keys and settings")
	p.wait(".rights th.what", "Data")
	p.wait(".file", "Read, write")
	p.wide()
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// blankCard is a card as it is delivered, and a session to fill it in.
func blankCard(t *testing.T, conf *sim.Config) (*sim.Card, *desfire.Card) {
	t.Helper()
	picc, err := sim.New(conf)
	must(t, err)
	card, err := desfire.Connect(t.Context(), picc.Present(), nil)
	must(t, err)
	return picc, card
}

func hostileCard(t *testing.T) *sim.Card {
	picc, card := blankCard(t, nil)
	ctx := t.Context()
	const markup = "</td></table><script>document.title='x'</script><img src=x onerror=alert(1)>\u202Eabc{{.}}"
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xF48121, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3) | wire.SettISOFiles, FID: 0x7A31, DFName: []byte("\"><img src=x>\xE2\x80\xAE")}),
		card.SelectApplication(ctx, 0xF48121), card.Authenticate(ctx, 0, key.Zero(key.TypeAES)),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, FID: 0x7B01, Access: wire.AccessRightsFromUint16(0xEEE0), Size: 128}),
		card.WriteData(ctx, 0, 0, []byte(markup)),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 1, FID: 0x7B02, Access: wire.AccessRightsFromUint16(0xEEE0), RecordSize: 128, MaxRecords: 4}),
	)
	for range 3 {
		_, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, 1, 0, []byte(markup)) })
		must(t, err)
	}
	poster, err := ndef.SmartPoster(ndef.Poster{URI: "javascript:alert(1)", Titles: []ndef.Phrase{{Language: "en", Text: markup}}})
	must(t, err)
	wifi := []byte("\x10\x0E\x00\x1B\x10\x45\x00\x07<b>net\x00\x10\x03\x00\x02\x00\x20\x10\x27\x00\x06secret")
	commands, err := (&ndef.Layout{Size: 1024, Message: ndef.Message{
		ndef.URI("https://bank.example@evil.example/" + strings.Repeat("long", 60) + "\u202Egpj"), ndef.Text("<en>", markup), poster,
		ndef.MIME("text/vcard", []byte("BEGIN:VCARD\nFN:"+markup+"\nTEL:<i>1\nEND:VCARD")), ndef.MIME("application/vnd.wfa.wsc", wifi), ndef.External("a.example:<b>", []byte(markup)),
	}}).Commands()
	must(t, err, card.SelectApplication(ctx, wire.PICC))
	for _, c := range commands {
		_, err := desfire.Do(ctx, card, c)
		must(t, err)
	}
	must(t, card.Close())
	return picc
}

// fullCard has no byte left.
func fullCard(t *testing.T) *sim.Card {
	picc, card := blankCard(t, &sim.Config{Generation: wire.EV2, Storage: 32768})
	ctx := t.Context()
	for n := range 28 {
		aid := wire.AID(0xA00000 + n)
		must(t, card.SelectApplication(ctx, wire.PICC), card.CreateApplication(ctx, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}),
			card.SelectApplication(ctx, aid), card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
		for no := range 32 {
			if err := card.CreateFile(ctx, &wire.CreateStdDataFile{File: wire.FileNo(no), Access: wire.AccessRightsFromUint16(0xEEE0), Size: 1}); err != nil {
				t.Fatal(fmt.Errorf("application %d, file %d: %w", n, no, err))
			}
		}
	}
	must(t, card.SelectApplication(ctx, wire.PICC), card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xB00000, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}))
	free, err := card.FreeMemory(ctx)
	must(t, err, card.SelectApplication(ctx, 0xB00000), card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, Access: wire.AccessRightsFromUint16(0xEEE0), Size: free}), card.Close())
	return picc
}
