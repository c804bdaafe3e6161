package phone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/filelock"
)

// ServerConfig says how a Server works. The zero value, and nil, are sensible.
type ServerConfig struct {
	// Listen is the address, HOST:PORT, or :PORT for every address of the computer; empty
	// is that of the book.
	Listen string
	// Elsewhere says that another program listens with this book, as it may: one server
	// at a time is for cards, others only pair. Phones are sent to the address of the book.
	Elsewhere bool
	// Logger is told who comes and goes, if not nil.
	Logger *slog.Logger

	clock clock
}

// Server is the computer's end: it listens for the phones in a book, and is the Source of
// their cards. A phone that connects is a reader named "phone:" and its name.
type Server struct {
	book  *Book
	log   *slog.Logger
	clock clock
	addr  net.Addr
	http  *http.Server
	lock  *filelock.Lock // nil if another program serves

	announced string        // instead of addr
	ended     chan struct{} // closed with closing
	work      sync.WaitGroup

	mu      sync.Mutex
	closing bool
	failed  error // the listener has failed
	links   map[Fingerprint]*link
	changed chan struct{} // closed and made anew when links or their cards change
	pairing *pairing
}

var _ desfire.Source = (*Server)(nil)

// Listen listens for phones until Close. While another program listens with the same book
// the error has InUse() bool.
func Listen(book *Book, conf *ServerConfig) (s *Server, err error) {
	c := ServerConfig{}
	if conf != nil {
		c = *conf
	}
	s = &Server{book: book, log: c.Logger, clock: c.clock, ended: make(chan struct{}), links: map[Fingerprint]*link{}, changed: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = systemClock{}
	}
	if c.Listen == "" {
		c.Listen = book.Listen()
	}
	if c.Elsewhere {
		s.announced = book.Listen()
	} else if s.lock, err = book.serving(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		s.unlock()
		return nil, fmt.Errorf("listen for phones: %w", err)
	}
	s.addr = l.Addr()
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.answer),
		ReadHeaderTimeout: helloLimit,
		MaxHeaderBytes:    8 << 10,
		TLSConfig: book.self.tls(func(state tls.ConnectionState) error {
			_, err := peerOf(&state)
			return err
		}),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ErrorLog:     log.New(io.Discard, "", 0), // strangers who do not speak TLS
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			if t, ok := nc.(*tls.Conn); ok {
				ctx = context.WithValue(ctx, strangerKey{}, t.NetConn())
			}
			return ctx
		},
	}
	s.work.Go(func() {
		err := s.http.ServeTLS(newGate(l), "", "")
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closing {
			s.failed = fmt.Errorf("listen for phones: %w", err)
			s.tell()
		}
	})
	s.work.Go(s.watchBook)
	return s, nil
}

type strangerKey struct{}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.addr }

// Close ends all connections, and returns when nothing of the server runs any more.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		close(s.ended)
		s.tell()
	}
	links := make([]*link, 0, len(s.links))
	for _, l := range s.links {
		links = append(links, l)
	}
	s.mu.Unlock()
	_ = s.http.Close()
	for _, l := range links {
		l.end(ErrServerClosed, GoingAway)
	}
	s.work.Wait()
	s.unlock()
	return nil
}

// unlock lets another program serve.
func (s *Server) unlock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil {
		_ = s.lock.Release()
		s.lock = nil
	}
}

// tell wakes whoever waits for a change. s.mu is held.
func (s *Server) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// answer takes a connection that somebody makes.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int) { http.Error(w, http.StatusText(status), status) }
	raw, ok := r.Context().Value(strangerKey{}).(*stranger)
	switch {
	case r.TLS == nil || !ok:
		refuse(http.StatusForbidden)
		return
	case r.URL.Path != Path:
		refuse(http.StatusNotFound)
		return
	case r.Header.Get("Origin") != "": // a page in a browser
		refuse(http.StatusForbidden)
		return
	}
	key, err := peerOf(r.TLS)
	if err != nil {
		refuse(http.StatusForbidden)
		return
	}
	if !s.begin() {
		refuse(http.StatusServiceUnavailable)
		return
	}
	defer s.work.Done()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Protocol}})
	if err != nil {
		return
	}
	defer raw.Close()
	if ws.Subprotocol() != Protocol {
		_ = ws.Close(websocket.StatusPolicyViolation, "want the subprotocol "+Protocol)
		return
	}
	s.greet(ws, raw, key)
}

// begin counts a connection as work, unless the server ends.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.work.Add(1)
	}
	return !s.closing
}

// greet finds out what somebody wants, and serves that until it ends.
func (s *Server) greet(ws *websocket.Conn, raw *stranger, key Fingerprint) {
	l := &link{conn: newConn(ws, raw, s.clock, true), s: s, key: key, open: map[uint64]*call{}}
	first := make(chan *message, 1)
	l.start(func(m *message) error { return l.message(m, first) }, l.answer)
	defer func() { <-l.done }()
	var m *message
	select {
	case m = <-first:
	case <-l.lost:
		return
	case <-s.ended:
		l.end(ErrServerClosed, GoingAway)
		return
	case <-s.clock.After(helloLimit):
		l.end(errors.New("nothing was said"), Late)
		return
	}
	switch m.Type {
	case typeHello:
		s.serve(l, raw)
	case typePair:
		s.candidate(l, raw, m)
	default:
		l.endFor(broken("a message %q, which begins nothing", bounded(m.Type)))
	}
}

// serve is the connection of a phone that says it is paired.
func (s *Server) serve(l *link, raw *stranger) {
	phone, ok, err := s.book.byKey(l.key)
	if err != nil {
		s.log.Error("the list of phones cannot be read", "err", err)
		l.end(err, NotAllowed)
		return
	}
	if !ok {
		s.log.Debug("a phone that is not paired was turned away", "from", raw.RemoteAddr())
		l.end(&ByeError{Code: NotPaired}, NotPaired)
		return
	}
	raw.known()
	l.phone = phone
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		l.end(ErrServerClosed, GoingAway)
		return
	}
	old := s.links[l.key]
	s.links[l.key] = l
	s.tell()
	s.mu.Unlock()
	if old != nil {
		s.log.Warn("a phone connects a second time: its first connection is ended", "phone", phone.Name)
		old.end(&ByeError{Code: Replaced}, Replaced)
	}
	s.log.Debug("phone connected", "phone", phone.Name, "from", raw.RemoteAddr())
	l.welcome()
	<-l.lost
	s.log.Debug("phone gone", "phone", phone.Name, "why", l.ended())
	s.mu.Lock()
	if s.links[l.key] == l {
		delete(s.links, l.key)
	}
	s.tell()
	s.mu.Unlock()
}

// watchBook ends the connections of phones that were revoked.
func (s *Server) watchBook() {
	for {
		select {
		case <-s.ended:
			return
		case <-s.clock.After(bookEvery):
		}
		s.mu.Lock()
		all := make([]*link, 0, len(s.links))
		for _, l := range s.links {
			all = append(all, l)
		}
		s.mu.Unlock()
		for _, l := range all {
			_ = s.allowed(l)
		}
	}
}

// allowed ends a connection whose phone is not in the book any more.
func (s *Server) allowed(l *link) error {
	_, ok, err := s.book.byKey(l.key)
	switch {
	case err != nil: // nobody knows who is revoked
		err = fmt.Errorf("the list of phones cannot be read: %w", err)
		l.end(err, NotAllowed)
	case !ok:
		err = fmt.Errorf("%s was revoked", l.phone.Name)
		l.end(err, NotPaired)
	}
	return err
}

// Connected are the names of the phones that are connected now.
func (s *Server) Connected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, l := range s.links {
		names = append(names, l.phone.Name)
	}
	slices.Sort(names)
	return names
}
