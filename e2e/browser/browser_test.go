package browser

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"

	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/go-desfire/desfire/web"
)

var update = flag.Bool("update", false, "write the screenshots")

// chromium is the one browser of these tests.
var chromium struct {
	ctx context.Context
	err error
}

func TestMain(m *testing.M) {
	flag.Parse()
	end := startChromium()
	code := m.Run()
	end()
	os.Exit(code)
}

// limit is how long the page may take to show something, on a machine that has
// much else to do.
const limit = 60 * time.Second

func startChromium() (end func()) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		path, err = exec.LookPath("google-chrome")
	}
	if err != nil {
		chromium.err = errors.New("no chromium: apt-get install chromium")
		return func() {}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.WSURLReadTimeout(2*time.Minute),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", false))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	chromium.ctx, chromium.err = ctx, chromedp.Do(ctx)
	return func() { cancelBrowser(); cancel() }
}

// tab is a page of a program, in a browser profile of its own.
type tab struct {
	*testing.T
	ctx    context.Context
	server *web.Server
	url    string

	mu       sync.Mutex
	problems []string // what the browser complained about
	allowed  []string
}

// serve runs the page of a program. It ends with the test.
func serve(t *testing.T, conf web.Config) (s *web.Server, url string) {
	t.Helper()
	needChromium(t)
	s, err := web.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	hs := httptest.NewServer(s)
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
		hs.CloseClientConnections()
		hs.Close()
	})
	return s, hs.URL
}

func needChromium(t *testing.T) {
	t.Helper()
	switch {
	case chromium.err == nil:
	case os.Getenv("DESFIRE_REQUIRE_BROWSER") != "":
		t.Fatal(chromium.err)
	default:
		t.Skip(chromium.err)
	}
}

// open serves a page and opens it in a browser profile of its own, logged in.
func open(t *testing.T, conf web.Config) *tab {
	t.Helper()
	s, url := serve(t, conf)
	return visit(t, s, url)
}

// visit opens a page that is served, logged in. Whatever the browser complains about
// (exceptions, its security policy, requests to elsewhere) fails the test.
func visit(t *testing.T, s *web.Server, url string) *tab {
	t.Helper()
	p := blank(t)
	p.server = s
	p.at(url)
	p.do(chromedp.Navigate(url + "/?code=" + s.Code()))
	p.wait("#live", "Live")
	return p
}

// at is where requests of the page go.
func (p *tab) at(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.url = url
}

// blank is a browser profile of its own with nothing opened.
func blank(t *testing.T) *tab {
	t.Helper()
	needChromium(t)
	p := &tab{T: t}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.heard))
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, x := range p.problems {
			if !p.fine(x) {
				t.Error("the browser says:", x)
			}
		}
	})
	p.do(chromedp.EmulateViewport(1600, 1000))
	return p
}

// allow expects complaints of the browser that hold these words.
func (p *tab) allow(words ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, words...)
}

func (p *tab) fine(problem string) bool {
	for _, words := range p.allowed {
		if strings.Contains(problem, words) {
			return true
		}
	}
	return false
}

func (p *tab) heard(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	problem := ""
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Source == log.EntrySourceSecurity {
			problem = fmt.Sprint(ev.Entry.Source, ": ", ev.Entry.Text, " ", ev.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		problem = ev.ExceptionDetails.Text
		if x := ev.ExceptionDetails.Exception; x != nil {
			problem += " " + x.Description
		}
	case *network.EventRequestWillBeSent:
		if u := ev.Request.URL; p.url != "" && !strings.HasPrefix(u, p.url) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:"+p.url) {
			problem = "a request to elsewhere: " + u
		}
	}
	if problem != "" {
		p.problems = append(p.problems, problem)
	}
}

// do runs actions of chromedp.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.Fatalf("%v; the page: %s", err, p.whole())
	}
}

// run is do for an action with a result.
func run[T any](p *tab, action chromedp.Action[T]) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		p.Fatalf("%v; the page: %s", err, p.whole())
	}
	return v
}

// whole is the text of the page, for messages.
func (p *tab) whole() string {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body?.innerText ?? ''`))
	if err != nil {
		return err.Error()
	}
	return text
}

// eval evaluates JavaScript, a promise as well, and stores the result in out, if not nil.
func (p *tab) eval(js string, out any) {
	p.Helper()
	if out == nil {
		p.do(chromedp.Evaluate[chromedp.Void](js, chromedp.EvalAwaitPromise))
		return
	}
	raw := run(p, chromedp.Evaluate[[]byte](js, chromedp.EvalAwaitPromise))
	if err := json.Unmarshal(raw, out); err != nil {
		p.Fatalf("%s: %v: %s", js, err, raw)
	}
}

// view opens a view of the page by its address: "/traffic".
func (p *tab) view(path string) {
	p.Helper()
	p.do(chromedp.Navigate(p.url + path))
	p.wait("#live", "Live")
}

// navigate opens an address.
func (p *tab) navigate(url string) {
	p.Helper()
	p.do(chromedp.Navigate(url))
}

// wait waits until an element that selector finds holds words.
func (p *tab) wait(selector, words string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.replace(/\s+/g, ' ').includes(%q))`, selector, words), selector+" with "+words)
}

// shown waits until an element that selector finds holds words and can be seen.
func (p *tab) shown(selector, words string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.replace(/\s+/g, ' ').includes(%q) && e.checkVisibility())`, selector, words), selector+" that shows "+words)
}

// gone waits until no element that selector finds holds words.
func (p *tab) gone(selector, words string) {
	p.Helper()
	p.until(fmt.Sprintf(`![...document.querySelectorAll(%q)].some(e => e.textContent.replace(/\s+/g, ' ').includes(%q))`, selector, words), "no "+selector+" with "+words)
}

// until waits until JavaScript is true.
func (p *tab) until(js, what string) {
	p.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.ctx, limit)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js))
		cancel()
		switch { // while one page takes the place of another there is nothing to ask
		case err == nil && ok:
			return
		case p.ctx.Err() != nil, time.Now().After(end):
			p.Fatalf("never: %s (%v); the page: %s", what, err, p.whole())
		}
	}
}

// text is that of the first element, with single spaces.
func (p *tab) text(selector string) (text string) {
	p.Helper()
	p.eval(fmt.Sprintf(`(document.querySelector(%q)?.textContent ?? '').replace(/\s+/g, ' ').trim()`, selector), &text)
	return text
}

// known is a function of JavaScript: htmx has seen an element and its form, if it is to
// see them. It does so a moment after they are there; no person acts in between.
const known = `(e => [e, e.form].every(x => !x?.matches('[hx-get], [hx-post]') || x.hasAttribute('data-htmx-powered')))`

// click clicks the first visible element that selector finds and that holds words.
func (p *tab) click(selector, words string) {
	p.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => e.textContent.replace(/\s+/g, ' ').includes(%q) && e.getClientRects().length && !e.disabled && %s(e))`, selector, words, known)
	// The click may lead elsewhere: it comes when this was answered, and finds the element
	// anew, since an answer may have put another one in its place.
	p.until(`(find => {
		const click = () => { const e = find(); if (!e) { setTimeout(click, 20); return; } e.scrollIntoView({block: 'center'}); e.focus(); e.click(); };
		if (!find()) return false;
		setTimeout(click);
		return true;
	})(() => `+find+`)`, "something to click: "+selector+" with "+words)
}

// fill types into the first element that selector finds.
func (p *tab) fill(selector, text string) {
	p.Helper()
	p.until(fmt.Sprintf(`(e => {
		if (!e || !%s(e)) return false;
		e.focus();
		e.value = %q;
		for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, {bubbles: true}));
		return true;
	})(document.querySelector(%q))`, known, text, selector), "something to type into: "+selector)
}

// press presses keys as a person does, where the focus is: kb.Tab, "n". What a letter
// presses must be there.
func (p *tab) press(keys string) {
	p.Helper()
	if keys == " " || keys >= "a" && keys <= "z" {
		name := strings.Replace(keys, " ", "space", 1)
		p.until(fmt.Sprintf(`[...document.querySelectorAll('[data-key]')].some(e => e.dataset.key.toLowerCase() === %q && !e.disabled && e.checkVisibility() && %s(e))`, name, known), "a button with the key "+name)
	}
	p.do(chromedp.KeyEvent(keys))
}

// upload gives files to a file input, which then submits nothing by itself.
func (p *tab) upload(selector string, files ...string) {
	p.Helper()
	p.until(fmt.Sprintf(`(e => !!e && %s(e))(document.querySelector(%q))`, known, selector), "something that takes files: "+selector)
	p.do(chromedp.SetUploadFiles(chromedp.CSS(selector), files))
}

// fetch asks the server as the page itself does, and returns status and body.
func (p *tab) fetch(method, path string) (status int, body string) {
	p.Helper()
	var out struct {
		Status int
		Body   string
	}
	p.eval(fmt.Sprintf(`(async () => { const r = await fetch(%q, {method: %q, headers: {'X-Desfire-Token': localStorage.getItem('desfire-' + document.querySelector('meta[name=instance]').content)}}); return {Status: r.status, Body: await r.text()} })()`, path, method), &out)
	return out.Status, out.Body
}
