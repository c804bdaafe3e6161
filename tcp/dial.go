package tcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-desfire/desfire/internal/link"
	"github.com/go-desfire/desfire/wire"
)

// errSilent: the answer to reset did not come in time.
var errSilent = errors.New("no answer to the request for the answer to reset")

// dial connects and asks for the answer to reset. Where none comes in time it
// connects anew without asking.
func dial(ctx context.Context, addr string, cfg *Config) (*conn, error) {
	c, err := ask(ctx, addr, cfg, nil)
	if errors.Is(err, errSilent) {
		return connect(ctx, addr, cfg)
	}
	return c, err
}

// ask connects and asks for the answer to reset; errSilent if none comes in
// time. slow, if not nil, is called when it does not come at once.
func ask(ctx context.Context, addr string, cfg *Config, slow func()) (*conn, error) {
	c, err := connect(ctx, addr, cfg)
	if err != nil || cfg.ATRTimeout < 0 {
		return c, err
	}
	asking, cancel := context.WithTimeout(ctx, cmp.Or(cfg.ATRTimeout, time.Second))
	defer cancel()
	atr, err := c.answer(asking, []byte{link.ReadATR}, slow)
	switch {
	case err == nil:
		if len(atr) >= 2 && (atr[0] == 0x3B || atr[0] == 0x3F) { // else an answer to an unknown command
			c.atr = append([]byte(nil), atr...)
		}
		return c, nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, errSilent
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	c.end(err)
	return nil, fmt.Errorf("%w (%w)", ErrNoCard, c.err)
}

func connect(ctx context.Context, addr string, cfg *Config) (*conn, error) {
	d := net.Dialer{Timeout: cmp.Or(cfg.DialTimeout, 5*time.Second)}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newConn(nc), nil
}

// slowly is after what time somebody else may have the card. It takes longer
// than the way over a network and back.
const slowly = 300 * time.Millisecond

// answer exchanges a frame, and calls slow if the answer does not come at once.
func (c *conn) answer(ctx context.Context, frame []byte, slow func()) (response []byte, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		response, _, err = c.exchange(ctx, frame)
	}()
	wait := time.NewTimer(slowly)
	defer wait.Stop()
	select {
	case <-done:
		return response, err
	case <-wait.C:
	}
	if slow != nil {
		slow()
	}
	<-done
	return response, err
}

// reach connects as dial does, but to a card that it is this client's turn to
// use: it waits until a command is answered where there is no answer to reset.
// It calls busy when that takes long.
func reach(ctx context.Context, addr string, cfg *Config, busy func()) (*conn, error) {
	c, err := ask(ctx, addr, cfg, busy)
	if !errors.Is(err, errSilent) {
		return c, err
	}
	if c, err = connect(ctx, addr, cfg); err != nil {
		return nil, err
	}
	version := []byte{0x90, 0x60, 0, 0, 0} // GetVersion changes nothing
	if cfg.Framing == wire.FramingNative {
		version = version[1:2]
	}
	waited := false
	_, err = c.answer(ctx, version, func() { waited = true; busy() })
	c.end(ErrFinished)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w (%w)", ErrNoCard, err)
	case waited:
		return dial(ctx, addr, cfg)
	}
	return connect(ctx, addr, cfg) // this server knows no answer to reset
}

// final reports whether no waiting mends what keeps a connection from being made.
func final(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsNotFound && !dns.IsTemporary
	}
	return errors.As(err, new(*net.AddrError)) || errors.As(err, new(*net.ParseError)) || errors.As(err, new(net.InvalidAddrError))
}
