package browser

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// program is a page at an address of its own, that ends and comes back.
type program struct {
	*testing.T
	at      string
	page    *web.Server
	serving *http.Server
	running sync.WaitGroup
}

// begin serves a page at the address of the program.
func (x *program) begin(s *web.Server) {
	x.Helper()
	if x.at == "" {
		x.at = freeport.Address(freeport.Take(x, 1)[0])
	}
	l, err := net.Listen("tcp", x.at)
	if err != nil {
		x.Fatal(err)
	}
	x.page, x.serving = s, s.HTTP()
	serving := x.serving
	x.running.Go(func() {
		if err := serving.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			x.Error(err)
		}
	})
}

// end is how a program ends that is killed.
func (x *program) end() {
	x.Helper()
	if err := x.serving.Close(); err != nil {
		x.Error(err)
	}
	x.running.Wait()
}

func (x *program) fresh(conf web.Config) *web.Server {
	x.Helper()
	s, err := web.New(conf)
	if err != nil {
		x.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	x.Cleanup(func() {
		cancel()
		if err := errors.Join(s.Close(), <-ran); err != nil {
			x.Error(err)
		}
	})
	return s
}

// The program goes away and comes back while its page is open: the page says so, and
// goes on by itself; where it cannot, it says what to do.
func TestProgramGoesAndComesBack(t *testing.T) {
	needChromium(t)
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	desk := field(card)
	x := &program{T: t}
	x.begin(x.fresh(web.Config{Source: desk}))
	defer x.end()
	p := visit(t, x.page, "http://"+x.at)
	p.allow("Failed to fetch", "net::ERR_", "401") // whatever its requests were doing
	p.wait("h1", "DESFire EV2")

	x.end()
	p.wait("#live", "Stopped")
	p.until(`!document.getElementById('stopped').hidden`, "the words that the program has stopped")
	p.axe("stopped")
	p.shotAt("stopped")
	desk.Lift() // nobody tells the page
	x.begin(x.page)
	p.wait("#live", "Live")
	p.until(`document.getElementById('stopped').hidden`, "the words are gone")
	p.wait("h1", "Lay a card on the reader")

	// Another program at the same address does not know this browser.
	x.end()
	if err := desk.Return(); err != nil {
		t.Fatal(err)
	}
	x.begin(x.fresh(web.Config{Source: desk}))
	p.wait("#live", "No session")
	p.until(`!document.getElementById('ended').hidden`, "the words that there is no session")
	p.axe("ended")
	p.do(chromedp.Reload())
	p.wait("h1", "This page has no session")
	p.axe("no-session")
	p.shotAt("no-session")
	code := x.page.Code()
	p.navigate("http://" + x.at + "/?code=" + code)
	p.wait("h1", "DESFire EV2")
	p.navigate("http://" + x.at + "/?code=" + code)
	p.wait("h1", "This address is not valid any more")
}

// A view and its reader stay through links, reloads, and the way back and forth.
func TestHistory(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, web.Config{Source: field(card)})
	p.wait("h1", "DESFire EV2")
	p.click("#rail a", "Simulated")
	p.wait("#rail a[aria-current]", "Simulated")
	p.wait("h1", "DESFire EV3")
	p.click(".top nav a", "Traffic")
	p.wait("h1", "Traffic")
	p.wait("#rail a[aria-current]", "Simulated")
	p.do(chromedp.NavigateBack())
	p.wait("h1", "DESFire EV3")
	p.do(chromedp.Reload())
	p.wait("h1", "DESFire EV3")
	p.wait("#rail a[aria-current]", "Simulated")
	p.do(chromedp.NavigateForward())
	p.wait("h1", "Traffic")
	if token := p.text(`meta[name=token]`); token != "" {
		t.Error("a token is in a page that came after the first")
	}
}

// Everything is reached with the keyboard, in the order in which it is read.
func TestTabOrder(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, web.Config{Source: field(card)})
	p.wait("h1", "DESFire EV2")
	for _, card := range []string{"MIFARE DESFire EV2", "MIFARE DESFire EV3"} {
		p.wait("#rail a", card)
	}
	for _, want := range []string{"Skip to the content", "desfire", "Card", "Traffic", "Play", "Log", "Purse", "Layout", "MIFARE DESFire EV2", "MIFARE DESFire EV3"} {
		p.press(kb.Tab)
		p.until(`document.activeElement.textContent.includes(`+quoted(want)+`)`, "the focus on "+want)
		var seen bool
		p.eval(`(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 })()`, &seen)
		if !seen {
			t.Errorf("the focus on %s cannot be seen", want)
		}
	}
	p.view("/card")
	p.wait("h1", "DESFire EV2")
	p.press(kb.Tab)
	p.press(kb.Enter)
	p.until(`document.activeElement.id === 'main'`, "the focus on the content")
}

func quoted(s string) string { return "'" + s + "'" }
