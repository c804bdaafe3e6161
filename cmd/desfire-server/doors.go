package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-desfire/desfire/tcp"
)

// address is where something listens.
type address struct {
	flag     string
	listener net.Listener
	own      bool // only this machine reaches it
	host     string
	port     string
}

// open listens at an address that was checked. Port 0 takes a free one.
func open(ctx context.Context, flag, text string) (*address, error) {
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		return nil, wrong("--%s %q: %w", flag, text, err)
	}
	a := &address{flag: flag, host: host}
	if a.own, err = loopback(ctx, host); err != nil {
		return nil, bad(fmt.Errorf("--%s %s: %w", flag, text, err), "")
	}
	if a.own {
		a.listener, err = tcp.Listen(ctx, text)
	} else {
		a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", text)
	}
	if err != nil {
		next := "Give it another port, or end what has this one: another desfire-server, perhaps."
		return nil, &codeError{exitInUse, fmt.Errorf("--%s %s: %w", flag, text, err), next}
	}
	_, a.port, _ = net.SplitHostPort(a.listener.Addr().String())
	return a, nil
}

// loopback reports whether only this machine reaches a host. An empty one is every
// address of the machine.
func loopback(ctx context.Context, host string) (bool, error) {
	if host == "" {
		return false, nil
	}
	list, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(list, func(a net.IPAddr) bool { return !a.IP.IsLoopback() }), nil
}

// names are those by which others reach an address: the hosts that were named, or the
// address itself.
func (a *address) names(hosts []string) ([]string, error) {
	if a.own {
		return []string{a.host}, nil
	}
	if len(hosts) > 0 {
		return hosts, nil
	}
	if ip := net.ParseIP(a.host); ip != nil && !ip.IsUnspecified() {
		return []string{a.host}, nil
	}
	return nil, wrong("--host missing: --%s lets other machines in; say by which name they reach this one", a.flag)
}

// urls are the addresses for others.
func (a *address) urls(scheme, secure string, hosts []string) (urls []string, err error) {
	names, err := a.names(hosts)
	if err != nil {
		return nil, err
	}
	if !a.own {
		scheme = secure
	}
	for _, n := range names {
		urls = append(urls, (&url.URL{Scheme: scheme, Host: net.JoinHostPort(n, a.port)}).String())
	}
	return urls, nil
}

// listens is where NATS is to listen in place of the listener, which ends: it opens its own.
func (a *address) listens() (host string, port int) {
	_ = a.listener.Close()
	port, _ = strconv.Atoi(a.port)
	return cmp.Or(a.host, "0.0.0.0"), port
}
