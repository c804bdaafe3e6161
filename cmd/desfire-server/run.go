package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/remote/admin"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/remote/view"
)

// Names of the parts, for people, metrics and health.
const (
	partNATS   = "NATS"
	partStore  = "JetStream"
	partView   = "registry"
	partLedger = "ledger"
)

// running is the centre while it runs.
type running struct {
	*app
	flags   *runFlags
	began   time.Time
	health  *operations.Health
	metrics *operations.Registry
	space   *space

	auth  *centre.Authority
	keys  *keys // nil: none
	books books
	used  uint64 // the last use of a key that is shown
	nats  *natsd
	// Of the streams; what a foreign cluster has of it.
	replicas  int
	syncAfter time.Duration
	proved    []string // applications, as wire.Place prints itself
	conn      *nats.Conn
	view      *view.View
	page      *page

	nat, join, seen, told *address // NATS, joining, page, metrics
	leafs                 *address // NATS for servers of sites; nil: none
	urls                  []string // of NATS
	ending                []func()
}

// newRunning makes a centre that does not run yet.
func (a *app) newRunning(f *runFlags) *running {
	c := &running{app: a, flags: f, began: time.Now(), metrics: operations.NewRegistry(version())}
	a.running = c
	c.health = operations.NewHealth(func() {
		if c.view != nil {
			c.view.Touch()
		}
	}, partNATS, partStore, partView, partLedger)
	return c
}

// close ends what was opened, the last first.
func (c *running) close() {
	for i := len(c.ending) - 1; i >= 0; i-- {
		c.ending[i]()
	}
}

// run runs the centre until ctx ends.
func (a *app) run(ctx context.Context, f *runFlags) (err error) {
	c := a.newRunning(f)
	defer c.close()
	if err := c.open(ctx); err != nil || f.check {
		if err == nil {
			a.printf("All is well: %s can start.\n", a.fleet)
		}
		return err
	}
	if err := c.start(ctx); err != nil {
		return err
	}
	return c.serve(ctx)
}

// end has f called when the centre ends, the last ones first.
func (c *running) end(f func()) { c.ending = append(c.ending, f) }

// open checks what was given, listens, and opens what is on disk.
func (c *running) open(ctx context.Context) (err error) {
	f := c.flags
	if err := c.checkFlags(); err != nil {
		return err
	}
	if f.cluster != "" {
		f.listen = ""
	}
	for _, d := range []struct {
		at   **address
		flag string
		text string
	}{{&c.nat, "listen", f.listen}, {&c.leafs, "leafs", f.leafs}, {&c.join, "join", f.join}, {&c.seen, "page", f.page}, {&c.told, "metrics", f.metrics}} {
		if d.text == "" || d.text == "off" && d.flag == "page" {
			continue
		}
		if *d.at, err = open(ctx, d.flag, d.text); err != nil {
			return err
		}
		l := (*d.at).listener
		c.end(func() { _ = l.Close() })
	}
	if err := c.openPage(ctx); err != nil {
		return err
	}
	if err := c.openKeys(ctx); err != nil {
		return err
	}
	conf := centre.Config{Dir: filepath.Join(c.dir, "centre"), Fleet: c.fleet, Cert: f.cert, Key: f.certKey, CA: f.ca, Logger: c.log}
	if f.cluster != "" {
		if conf.Cluster, err = centre.LoadCluster(f.cluster); err != nil {
			return bad(err, "")
		}
		conf.URLs, c.replicas, c.syncAfter = conf.Cluster.URLs, conf.Cluster.Replicas, conf.Cluster.SyncInterval
	} else if conf.URLs, err = c.nat.urls("nats", "tls", f.hosts); err != nil {
		return err
	}
	c.urls = conf.URLs
	if c.leafs != nil {
		if conf.LeafURLs, err = c.leafs.urls("nats", "tls", f.hosts); err != nil {
			return err
		}
	}
	joins, err := c.join.urls("http", "https", f.hosts)
	if err != nil {
		return err
	}
	conf.JoinURL = joins[0]
	conf.Hosts = f.hosts
	for _, d := range []*address{c.nat, c.leafs, c.join, c.seen} {
		if d != nil && !d.own && len(f.hosts) == 0 {
			names, err := d.names(nil)
			if err != nil {
				return err
			}
			conf.Hosts = append(conf.Hosts, names...)
		}
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return bad(err, "Another --dir, perhaps.")
	}
	if c.auth, err = centre.Open(conf); err != nil {
		return noAuthority(conf, err)
	}
	c.end(func() {
		if err := c.auth.Close(); err != nil {
			c.log.Error("the registry of the fleet could not be closed", "err", err)
		}
	})
	if c.space, err = newSpace(c.disk, c.dir, uint64(f.reserve)); err != nil {
		return bad(err, "")
	}
	if conf.Cluster == nil {
		c.nats = newNATS(c.log, c.auth, filepath.Join(c.dir, "nats"), c.nat, c.leafs)
	}
	return nil
}

// noAuthority says what to do about files of the fleet that cannot be used.
func noAuthority(conf centre.Config, err error) error {
	switch {
	case errors.As(err, new(*filelock.HeldError)):
		return err
	case conf.Cert != "":
		return bad(err, "Look at the files of --tls-cert and --tls-key, and at "+conf.Dir+".")
	}
	return bad(err, "Put a copy of the folder "+conf.Dir+" back. Without one everybody joins anew: move it away.")
}

// start starts NATS and connects to it.
func (c *running) start(ctx context.Context) error {
	if err := c.nats.start(); err != nil {
		return err
	}
	c.end(func() { c.nats.stop(true) })
	c.health.Set(partNATS, true, "")
	file, err := c.auth.ServiceFile("centre")
	if err != nil {
		return err
	}
	dial := &centre.DialConfig{Client: "desfire-server", MaxWait: time.Second, Logger: c.log}
	if c.nats != nil {
		dial.Inside = c.nats
	}
	if c.conn, err = file.Dial(ctx, dial); err != nil {
		return err
	}
	c.end(c.conn.Close)
	c.view, err = view.New(view.Config{
		Conn: c.conn, Fleet: c.fleet, Members: c.members, Parts: c.parts, Ledger: &c.books, Build: version(), Since: c.began, Logger: c.log,
	})
	return err
}

// admin sees to it that who runs the centre has a fleet file for tools. It joins as
// everybody does, so that it can be revoked as everybody.
func (c *running) admin(ctx context.Context) error {
	path := c.adminFile()
	file, err := centre.LoadFile(path)
	if err == nil && file.Fleet == c.fleet && slices.Equal(file.URLs, c.urls) && c.joined(file) {
		return nil
	}
	line, err := c.auth.Invite(centre.Invitation{Name: "admin", Role: centre.Admin, Replace: true})
	if err != nil {
		return err
	}
	host := c.join.host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	u, err := url.Parse(line.URL)
	if err != nil {
		return err
	}
	public := line.URL
	u.Host = net.JoinHostPort(host, c.join.port)
	line.URL = u.String()
	if file, err = centre.Join(ctx, line.String(), ""); err != nil {
		return err
	}
	file.Join = public
	return file.Write(path)
}

// serve runs the parts until ctx ends, and then ends them in order.
func (c *running) serve(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	failed := make(chan error, 1)
	part := func(name string, run func(context.Context) error) {
		parts.Go(func() { c.keep(work, name, run) })
	}
	c.reloads(work, &parts)
	operator := &operator{View: c.view, centre: c}
	part(partView, func(ctx context.Context) error {
		c.health.Set(partView, true, "")
		return c.auth.Serve(ctx, c.conn)
	})
	part("view", c.view.Run)
	part("operators", func(ctx context.Context) error {
		return admin.Serve(ctx, admin.Config{Conn: c.conn, Fleet: c.fleet, View: operator, Logger: c.log, More: map[string]func(context.Context, []byte) (any, error){
			askPage:   c.page.answer,
			askMember: c.answerMember,
			askBackup: c.answerBackup,

			keyservice.AskChange: c.answerKeyChange,
		}})
	})
	part("watch", c.watch)
	part("uses of keys", c.followUses)
	part(partLedger, c.serveLedger)
	if c.keys != nil {
		part(partKeys, c.serveKeys)
	}
	c.metrics.Collect(c.health.Collect)
	c.metrics.Collect(c.collect)
	closers := c.doors(&parts, failed)
	if c.page != nil {
		closer, err := c.page.serve(work, &parts, operator, failed)
		if err != nil {
			return err
		}
		closers = append(closers, closer)
	}
	if err := c.admin(ctx); err != nil {
		failed <- fmt.Errorf("no fleet file for who runs the centre: %w", err)
	} else {
		c.say()
	}
	var err error
	select {
	case <-ctx.Done():
		c.log.Info("draining")
	case err = <-failed:
		c.log.Error("a part has failed for good", "err", err)
	}
	c.health.Drain()
	for _, f := range closers {
		f()
	}
	return err
}

// ready says that a part is, once it is; ctx is that of the part.
func (c *running) ready(ctx context.Context, name string, is <-chan struct{}) {
	select {
	case <-is:
		c.health.Set(name, true, "")
	case <-ctx.Done():
	}
}

// keep runs a part for as long as the centre runs: one that fails is started anew, later
// and later.
func (c *running) keep(ctx context.Context, name string, run func(context.Context) error) {
	const soon = 500 * time.Millisecond
	told := slices.Contains([]string{partView, partKeys, partLedger}, name)
	for wait := soon; ; wait = min(2*wait, 10*time.Second) {
		began := time.Now()
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it has ended")
		}
		if told {
			c.health.Set(name, false, err.Error())
		}
		c.log.Error("a part of the centre failed and is started anew", "part", name, "err", err)
		if time.Since(began) > time.Minute {
			wait = soon
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// doors serves joining, health and metrics.
func (c *running) doors(parts *sync.WaitGroup, failed chan<- error) (closers []func()) {
	health := operations.Handler(c.health, c.metrics, false)
	joins := c.auth.Handler()
	mux := http.NewServeMux()
	mux.Handle("/join", joins)
	mux.Handle("/", health)
	var secure *tls.Config
	if !c.join.own {
		secure = c.auth.TLS()
	}
	closers = append(closers, c.http(c.join, mux, secure, parts, failed))
	if c.told != nil {
		closers = append(closers, c.http(c.told, operations.Handler(c.health, c.metrics, true), nil, parts, failed))
	}
	return closers
}

// http serves a handler; close ends it.
func (c *running) http(at *address, h http.Handler, secure *tls.Config, parts *sync.WaitGroup, failed chan<- error) (closer func()) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: quiet(c.log)}
	return serveHTTP(s, at, secure, parts, failed)
}

func serveHTTP(s *http.Server, at *address, secure *tls.Config, parts *sync.WaitGroup, failed chan<- error) (closer func()) {
	l := at.listener
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	parts.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			select {
			case failed <- fmt.Errorf("--%s: %w", at.flag, err):
			default:
			}
		}
	})
	return func() {
		end, stop := context.WithTimeout(context.Background(), 2*time.Second)
		defer stop()
		if s.Shutdown(end) != nil {
			_ = s.Close()
		}
	}
}

// say tells a person what to do next.
func (c *running) say() {
	if c.page != nil {
		c.printf("The page of fleet %s:\n  %s\n", c.fleet, c.page.address())
		if c.page.once() {
			c.printf("  It works once, and for a minute: desfire-server page prints another.\n")
		}
	}
	c.printf("To let an agent join, where its readers are:\n  %s\nprints the line to type there.\n", c.verb("token NAME"))
	c.printf("To look at the fleet with desfire here:\n  export DESFIRE_FLEET=%s\n", typed(c.adminFile()))
}

// verb is how a verb of this program is called for this fleet.
func (c *running) verb(what string) string {
	s := "desfire-server " + what
	if c.fleet != "main" {
		s += " --fleet " + c.fleet
	}
	if dir, err := defaultDir(c.fleet); err != nil || dir != c.dir {
		s += " --dir " + typed(c.dir)
	}
	return s
}
