package web

import (
	"context"
	crand "crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/play"
)

// Server is the page of one program. Its methods may be called from any goroutine.
type Server struct {
	conf     Config
	mux      *http.ServeMux
	views    []viewName
	patterns []string        // of views and actions
	hosts    map[string]bool // of Remote
	password *passwordHash
	sessions *sessions
	pages    *pages
	hub      *hub
	jobs     *jobs
	ledgers  *ledgers
	money    *money
	plans    *plans
	logs     logs
	asks     asks
	played   *played

	clock     func() time.Time // of sessions and limits: not that of Config, which may stand still
	strangers *limiter         // requests without a session
	guesses   *limiter         // codes and passwords
	hashing   sync.Mutex
	atOnce    chan struct{}
	strange   chan struct{}
	uploads   chan struct{}

	refused refusedKeys

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	ending sync.Mutex     // nothing is added to work any more once ctx has ended
	work   sync.WaitGroup // looks and jobs
}

// New makes the page. Run follows the readers, and Close ends everything.
func New(conf Config) (*Server, error) {
	if conf.Now == nil {
		conf.Now = time.Now
	}
	if conf.Rand == nil {
		conf.Rand = crand.Reader
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Play == nil {
		var err error
		if conf.Play, err = play.New(nil); err != nil {
			return nil, err
		}
	}
	s := &Server{
		conf: conf, mux: http.NewServeMux(), clock: wallClock,
		strangers: newLimiter(400, 10*time.Millisecond), guesses: newLimiter(5, 10*time.Second),
		atOnce: make(chan struct{}, mostAtOnce), strange: make(chan struct{}, mostStrange), uploads: make(chan struct{}, mostUploads),
	}
	if conf.Remote != nil {
		var err error
		if s.hosts, s.password, err = conf.Remote.prepare(); err != nil {
			return nil, err
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.sessions = newSessions(conf.Remote != nil)
	s.pages = newPages()
	s.hub = &hub{server: s}
	s.jobs = newJobs()
	s.ledgers, s.money, s.plans = newLedgers(conf.Journal, conf.Rand), newMoney(), newPlans(conf.Layouts)
	s.played = &played{}
	s.views = viewsOf(&s.conf)
	s.routes()
	return s, nil
}

// Code is a new one-time code for the address of the page: /?code=CODE. It is
// valid once, and for a minute, and makes a session of 12 hours at most. Whoever has
// it first has the page: show it to nobody else, and write it to no log. With
// Config.Remote there are none, and it is empty.
func (s *Server) Code() string {
	if s.conf.Remote != nil {
		return ""
	}
	return s.sessions.newCode(s.clock())
}

// HTTP is a server for the page, with the limits that a handler cannot set itself:
// of headers, and of connections that say nothing. Where it listens is the
// caller's: a loopback address, or with Config.Remote any with TLS. A Server may be
// given to another http.Server; that one needs ReadHeaderTimeout.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.conf.Logger.Handler(), slog.LevelDebug),
	}
}

// wallClock goes on while the computer sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// Run follows the readers until ctx ends, which is no error.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var bench sync.WaitGroup
	defer bench.Wait()
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	bench.Go(func() { s.followBench(ctx) })
	if s.conf.Fleet != nil {
		bench.Go(func() { s.followFleet(ctx) })
	}
	if s.conf.Source == nil {
		<-ctx.Done()
		return nil
	}
	err := s.hub.follow(ctx, s.conf.Source)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// Close stops jobs, ends sessions and streams, and waits for what works with cards.
func (s *Server) Close() error {
	s.ending.Lock()
	s.cancel()
	s.ending.Unlock()
	s.sessions.endAll()
	s.work.Wait()
	return nil
}

// cardConfig is how cards are connected for a reader.
func (s *Server) cardConfig(rd *reader) *desfire.Config {
	return &desfire.Config{Reader: rd.name, Observe: rd.traffic.observe, Logger: s.conf.Logger}
}
