package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/web"
)

// page is the page of the fleet.
type page struct {
	centre *running
	at     *address
	remote *web.Remote // nil: for this machine only
	server *web.Server
}

// openPage reads what the page needs.
func (c *running) openPage(ctx context.Context) error {
	f := c.flags
	switch {
	case c.seen == nil:
		return nil
	case c.seen.own && f.passwordFile != "":
		return wrong("--password-file is for a page that others reach: --page says where")
	case !c.seen.own && f.passwordFile == "":
		return wrong("--password-file missing: --page %s lets others in", f.page)
	}
	c.page = &page{centre: c, at: c.seen}
	if c.seen.own {
		return nil
	}
	names, err := c.seen.names(f.hosts)
	if err != nil {
		return err
	}
	text, _, err := keytext.ReadFile(ctx, f.passwordFile, keytext.MaxFile)
	if err != nil {
		return bad(err, "")
	}
	defer clear(text)
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	if len(bytes.TrimSpace(rest)) > 0 {
		return bad(fmt.Errorf("%s has more than one line", f.passwordFile), "The password alone stands there.")
	}
	hash, err := web.HashPassword(string(bytes.TrimSuffix(line, []byte("\r"))))
	if err != nil {
		return bad(fmt.Errorf("the password in %s: %w", f.passwordFile, err), "")
	}
	c.page.remote = &web.Remote{Hosts: names, Password: hash}
	return nil
}

// serve serves the page; close ends it.
func (p *page) serve(ctx context.Context, parts *sync.WaitGroup, o *operator, failed chan<- error) (closer func(), err error) {
	c := p.centre
	readers, err := remote.NewClient(c.conn, &remote.ClientConfig{Fleet: c.fleet, Holder: "the page of the centre"})
	if err != nil {
		return nil, err
	}
	conf := web.Config{Source: readers.Source("", ""), Remote: p.remote, Fleet: o, OnDemand: true, Place: "fleet " + c.fleet, Logger: c.log}
	c.pageKeys(&conf)
	p.server, err = web.New(conf)
	if err != nil {
		return nil, err
	}
	parts.Go(func() { c.keep(ctx, "page", p.server.Run) })
	var secure *tls.Config
	if p.remote != nil {
		secure = c.auth.TLS()
	}
	stop := serveHTTP(p.server.HTTP(), p.at, secure, parts, failed)
	return func() {
		_ = p.server.Close()
		stop()
	}, nil
}

// once reports whether addresses of the page work once.
func (p *page) once() bool { return p.remote == nil }

// address is one of the page, a new one each time.
func (p *page) address() string {
	if !p.once() {
		return "https://" + net.JoinHostPort(p.remote.Hosts[0], p.at.port) + "/"
	}
	return "http://" + net.JoinHostPort(p.at.host, p.at.port) + "/?code=" + p.server.Code()
}
