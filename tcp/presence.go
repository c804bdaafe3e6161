package tcp

import (
	"context"
	"errors"
	"sync"

	"github.com/go-desfire/desfire"
)

// presence is one insertion of a Source's card. A connection stands all the
// time, so that its loss is noticed: that of a Transport, or else a spare one,
// which becomes the next Transport's.
type presence struct {
	addr string
	cfg  Config
	gone chan struct{}   // closed when the card has left
	ctx  context.Context // ends then, too
	end  context.CancelFunc
	turn chan struct{} // held while connecting

	mu    sync.Mutex
	why   error // what ended the last connection
	spare *conn
	users int // Transports not yet closed
}

func present(addr string, cfg Config, c *conn) *presence {
	p := &presence{addr: addr, cfg: cfg, spare: c, gone: make(chan struct{}), turn: make(chan struct{}, 1)}
	p.ctx, p.end = context.WithCancel(context.Background())
	go p.watch(c)
	return p
}

// watch waits for the end of a connection. One that this side ended says
// nothing about the card. One that another client's turn has ended is replaced.
func (p *presence) watch(c *conn) {
	<-c.lost
	switch {
	case errors.Is(c.err, ErrTaken):
		p.turn <- struct{}{}
		defer func() { <-p.turn }()
		p.mu.Lock()
		if p.spare == c {
			p.spare = nil
		}
		p.mu.Unlock()
		p.stand()
	case theirs(c.err):
		p.leave(c.err)
	}
}

// leave ends the insertion. Transports live on until their owners close them.
func (p *presence) leave(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	p.why = why
	p.end()
	close(p.gone)
	if p.spare != nil {
		p.spare.end(ErrClosed)
		p.spare = nil
	}
}

// open makes a Transport of the spare connection, or of a new one.
func (p *presence) open(ctx context.Context) (desfire.Transport, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, unreachable(p.addr, ctx.Err())
	}
	p.mu.Lock()
	c := p.spare
	p.spare = nil
	p.users++
	p.mu.Unlock()
	var err error
	switch {
	case p.ctx.Err() != nil:
		err = ErrRemoved
	case c == nil:
		if c, err = dial(ctx, p.addr, &p.cfg); err == nil {
			go p.watch(c)
		}
	}
	if err != nil {
		p.mu.Lock()
		p.users--
		p.mu.Unlock()
		return nil, unreachable(p.addr, err)
	}
	return &Transport{addr: p.addr, cfg: p.cfg, conn: c, in: p}, nil
}

// released looks whether the card is still there after a Transport was closed.
func (p *presence) released() {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.mu.Lock()
	p.users--
	needed := p.users == 0
	p.mu.Unlock()
	if needed {
		p.stand()
	}
}

// stand makes a spare connection where there is none. The turn is held.
func (p *presence) stand() {
	p.mu.Lock()
	needed := p.spare == nil && p.ctx.Err() == nil
	p.mu.Unlock()
	if !needed {
		return
	}
	c, err := dial(p.ctx, p.addr, &p.cfg)
	if err != nil {
		p.leave(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		c.end(ErrClosed)
		return
	}
	p.spare = c
	go p.watch(c)
}
