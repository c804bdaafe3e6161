package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestThreatBody(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	var got error
	var n int
	g.mux.HandleFunc("POST /do/reads", func(w http.ResponseWriter, r *http.Request) {
		var b []byte
		b, got = io.ReadAll(r.Body)
		n = len(b)
	})
	post := func(size int, change ...func(*http.Request)) {
		g.ask("POST", "/do/reads "+strings.Repeat("x", size), change...)
	}
	if post(1000); got != nil || n != 1000 {
		t.Fatal(n, got)
	}
	if post(mostBody + 1); got == nil || n > mostBody {
		t.Errorf("%d bytes were read: %v", n, got)
	}
	g.is("a long form without a session", g.ask("POST", "/login "+strings.Repeat("x", mostForm+1), noCookie), 404)
	// What a form may hold stays in memory: keys that somebody gives are on no disk.
	if mostBody > 32<<20 {
		t.Error("http.Request.FormValue would write a part of such a body to a file")
	}
	g = guard(t, remote(t))
	g.is("a long password", g.ask("POST", "/login password="+strings.Repeat("x", mostForm)), 400)
}

func TestThreatFlood(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	n := 0
	for n < 2000 && g.ask("GET", "/v/rail").Code == 200 {
		n++
	}
	if n < 300 || n >= 2000 {
		t.Errorf("%d requests of one page at once", n)
	}
	for range 5000 { // somebody without a session does not slow the page
		g.ask("GET", "/v/rail", noCookie)
	}
	g.is("a flood", g.ask("GET", "/v/rail", noCookie), 429)
	g.pass(time.Second)
	g.is("later", g.ask("GET", "/v/rail"), 200)
	l := newLimiter(1, time.Minute)
	for i := range 3 * mostNetworks {
		l.take(fmt.Sprintf("%d.%d.%d.1:1", 1+i>>16, i>>8&0xFF, i&0xFF), g.clock())
	}
	if len(l.from) > mostNetworks {
		t.Errorf("%d networks are remembered", len(l.from))
	}
}

func TestThreatAtOnce(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	entered, leave := make(chan bool, mostAtOnce), make(chan bool)
	g.mux.HandleFunc("POST /do/waits", func(http.ResponseWriter, *http.Request) { entered <- true; <-leave })
	var all sync.WaitGroup
	form := header("Content-Type", "multipart/form-data; boundary=x")
	begin := func(change ...func(*http.Request)) {
		all.Go(func() {
			if w := g.ask("POST", "/do/waits", change...); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
				entered <- false
			}
		})
		<-entered
	}
	for range mostUploads {
		begin(form)
	}
	g.is("one more upload", g.ask("POST", "/do/waits", form), 503)
	g.is("written otherwise", g.ask("POST", "/do/waits", header("Content-Type", "Multipart/Form-Data; boundary=x")), 503)
	g.is("a long form", g.ask("POST", "/do/waits "+strings.Repeat("x", mostForm+1)), 503)
	g.is("a form of unknown length", g.ask("POST", "/do/waits", func(r *http.Request) { r.ContentLength = -1 }), 503)
	g.is("no upload", g.ask("GET", "/v/rail"), 200)
	for range mostAtOnce - mostUploads {
		begin()
	}
	w := g.ask("GET", "/v/rail")
	if g.is("one more", w, 503); w.Header().Get("Retry-After") == "" {
		t.Error("the page is not told to come back")
	}
	close(leave)
	all.Wait()
	g.is("later", g.ask("GET", "/v/rail"), 200)
}

// Strangers who send slowly, or do not read, leave room for who has a session.
func TestThreatStrangersAtOnce(t *testing.T) {
	g := guard(t, remote(t))
	g.take(g.ask("POST", "/login password="+password))
	entered, leave := make(chan bool, mostAtOnce), make(chan bool)
	g.mux.HandleFunc("/assets/waits/{x}", func(http.ResponseWriter, *http.Request) { entered <- true; <-leave })
	g.mux.HandleFunc("POST /do/takes", func(http.ResponseWriter, *http.Request) {})
	var all sync.WaitGroup
	for i := range mostStrange {
		all.Go(func() {
			g.ask("POST", fmt.Sprintf("/assets/waits/%d", i), noCookie, header("Content-Type", "multipart/form-data; boundary=x"))
		})
		<-entered
	}
	g.is("one more", g.ask("GET", "/assets/app.js", noCookie), 503)
	g.is("the page", g.ask("GET", "/v/rail"), 200)
	g.is("an upload", g.ask("POST", "/do/takes", header("Content-Type", "multipart/form-data; boundary=x")), 200)
	close(leave)
	all.Wait()
	g.is("later", g.ask("GET", "/assets/app.js", noCookie), 200)
}

// pipes is a listener whose connections are in memory, so that time can be a test's.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return loopback{} }

type loopback struct{}

func (loopback) Network() string { return "tcp" }
func (loopback) String() string  { return "127.0.0.1:7341" }

// local is a connection from this computer.
type local struct{ net.Conn }

func (local) RemoteAddr() net.Addr { return loopback{} }

func (p *pipes) dial() net.Conn {
	a, b := net.Pipe()
	p.conns <- local{b}
	return a
}

// served is a page behind its own http.Server, in a bubble of synctest.
func served(t *testing.T) (*Server, *pipes, func()) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	hs := s.HTTP()
	var running sync.WaitGroup
	running.Go(func() { _ = hs.Serve(l) })
	return s, l, func() {
		_ = s.Close()
		_ = hs.Close()
		running.Wait()
	}
}

// newSession is what a browser with a session sends with each request.
func newSession(t *testing.T, s *Server) (lines string) {
	t.Helper()
	cookie, ok := s.sessions.exchange(s.Code(), s.clock())
	if !ok {
		t.Fatal("no session")
	}
	token := s.sessions.all[len(s.sessions.all)-1].offer()
	return fmt.Sprintf("Host: %s\r\nOrigin: http://%s\r\nCookie: %s=%s\r\nX-Desfire-Token: %s\r\n", here, here, s.sessions.cookie, cookie, token)
}

// Who sends slowly, or nothing at all, is let go.
func TestThreatSlowRequest(t *testing.T) {
	for what, sends := range map[string]struct {
		text   string
		within time.Duration
	}{
		"nothing":       {"", 6 * time.Second},
		"half a header": {"GET / HTTP/1.1\r\nHost: " + here + "\r\nX-A: ", 6 * time.Second},
		"half a body":   {"POST /do/stop HTTP/1.1\r\nSESSIONContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nid=j", bodyWithin + time.Second},
		"nothing more":  {"GET /assets/icon.svg HTTP/1.1\r\nHost: " + here + "\r\n\r\n", 3 * time.Minute},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, l, end := served(t)
				defer end()
				c := l.dial()
				begun := time.Now()
				go func() { _, _ = io.WriteString(c, strings.Replace(sends.text, "SESSION", newSession(t, s), 1)) }()
				_, _ = io.Copy(io.Discard, c) // until the page hangs up
				if took := time.Since(begun); took > sends.within {
					t.Errorf("the page waited for %v", took)
				}
			})
		})
	}
}

// A page that does not read its stream holds up nobody, and is let go.
func TestThreatSlowPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, end := served(t)
		defer end()
		lines := newSession(t, s)
		sess := s.sessions.all[0]
		ticket, _ := sess.ticket(s.clock())
		c := l.dial()
		_, _ = io.WriteString(c, "GET /stream?ticket="+ticket+" HTTP/1.1\r\n"+lines+"\r\n")
		if line, err := bufio.NewReader(io.LimitReader(c, 9)).ReadString('1'); err != nil || line != "HTTP/1" {
			t.Fatal(line, err)
		}
		synctest.Wait()
		begun := time.Now()
		for i := range 100_000 {
			s.tellData("traffic", "r1", i)
			s.tell("card", "r1")
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("telling a page that does not read took %v", took)
		}
		s.pages.mu.Lock()
		for q := range s.pages.open {
			if n := len(q.waiting); n > mostWaiting {
				t.Errorf("%d events wait", n)
			}
		}
		s.pages.mu.Unlock()
		time.Sleep(pageStuck + beatEvery + time.Second)
		synctest.Wait()
		s.pages.mu.Lock()
		open := len(s.pages.open)
		s.pages.mu.Unlock()
		if open != 0 || sess.streams != 0 {
			t.Errorf("a page that takes nothing is still followed")
		}
	})
}

func TestThreatStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, end := served(t)
		defer end()
		open := func(lines string) (status string) {
			sess := s.sessions.all[len(s.sessions.all)-1]
			ticket, ok := sess.ticket(s.clock())
			if !ok {
				return "no ticket"
			}
			c := l.dial()
			_, _ = io.WriteString(c, "GET /stream?ticket="+ticket+" HTTP/1.1\r\n"+lines+"\r\n")
			in := bufio.NewReader(c)
			status, _ = in.ReadString('\n')
			go func() { _, _ = io.Copy(io.Discard, in) }()
			return strings.TrimSpace(status)
		}
		all := 0
		for range mostSessions {
			lines := newSession(t, s)
			for n := 0; ; n++ {
				if n > mostStreams {
					t.Fatalf("a session has %d streams", n)
				}
				if open(lines) != "HTTP/1.1 200 OK" {
					break
				}
				all++
			}
		}
		if all != allStreams {
			t.Errorf("%d streams, want %d", all, allStreams)
		}
	})
}

// A stream ends with its session, and the page learns that it did.
func TestThreatStreamOutlivesSession(t *testing.T) {
	for what, over := range map[string]func(*Server){
		"closed":  func(s *Server) { s.sessions.close(s.sessions.all[0]) },
		"too old": func(*Server) { time.Sleep(sessionLife + beatEvery) },
		"ending":  func(s *Server) { _ = s.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, l, end := served(t)
				defer end()
				lines := newSession(t, s)
				ticket, _ := s.sessions.all[0].ticket(s.clock())
				c := l.dial()
				_, _ = io.WriteString(c, "GET /stream?ticket="+ticket+" HTTP/1.1\r\n"+lines+"\r\n")
				got := make(chan string)
				go func() {
					resp, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil {
						got <- err.Error()
						return
					}
					b, _ := io.ReadAll(resp.Body)
					got <- string(b)
				}()
				synctest.Wait()
				over(s)
				if text := <-got; !strings.HasSuffix(text, `data: {"kind":"end"}`+"\n\n") {
					t.Errorf("the stream ends with %q", text[max(0, len(text)-80):])
				}
			})
		})
	}
}

func TestThreatPanic(t *testing.T) {
	g := guard(t, Config{})
	g.enter()
	g.mux.HandleFunc("GET /v/panics", func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	w := g.ask("GET", "/v/panics")
	if g.is("a view that fails", w, 500); strings.Contains(w.Body.String(), "on purpose") || strings.Contains(w.Body.String(), ".go") {
		t.Errorf("the page shows %s", w.Body)
	}
	g.is("the rest", g.ask("GET", "/v/rail"), 200)
	if !strings.Contains(g.logged(), "on purpose") {
		t.Error("nobody learns of it")
	}
}
