package pcsc

import (
	"context"
	"fmt"
	"time"
)

// How long connecting waits for programs that look at a new card for a moment,
// as desktops do.
const (
	shareFrom = 3 // the attempt from which on sharing is good enough
	busyTries = 10
	busyPause = 50 * time.Millisecond
)

// ShareMode is whether other programs may use a card at the same time.
type ShareMode uint8

// Share modes.
const (
	ShareAuto      ShareMode = iota // exclusive, and shared where another program shares the card
	ShareExclusive                  // or fail
	ShareShared                     // always
)

// Connect connects to the card in a reader, by its whole name.
//
// Errors are *OpError: ErrReaderBusy where another program holds the card,
// ErrRemoved where there is no card, ErrNoReader and ErrNoService.
func (r *Readers) Connect(ctx context.Context, reader string) (*Conn, error) {
	if err := r.waitFormer(ctx, reader); err != nil {
		return nil, err
	}
	type connected struct {
		conn *Conn
		err  error
	}
	got, err := await(ctx, func() connected {
		conn, err := r.connect(ctx, reader)
		return connected{conn, err}
	}, func(late connected) {
		if late.conn != nil {
			late.conn.Close()
		}
	})
	if err != nil {
		return nil, &OpError{Op: "connect", Reader: reader, Err: err}
	}
	if got.err != nil {
		return nil, got.err
	}
	r.mu.Lock()
	r.former[reader] = got.conn
	r.mu.Unlock()
	return got.conn, nil
}

// waitFormer waits until an ended connection to the reader has been given
// back: it would make the reader busy for ourselves.
func (r *Readers) waitFormer(ctx context.Context, reader string) error {
	r.mu.Lock()
	former := r.former[reader]
	r.mu.Unlock()
	if former == nil {
		return nil
	}
	select {
	case <-former.ended:
	default:
		return nil // in use, and the service will say so
	}
	select {
	case <-former.released:
	case <-ctx.Done():
		return &OpError{Op: "connect", Reader: reader, Err: fmt.Errorf(
			"%w: the reader has not let go of an exchange that was given up: %w", ErrReaderBusy, ctx.Err())}
	}
	r.mu.Lock()
	if r.former[reader] == former {
		delete(r.former, reader)
	}
	r.mu.Unlock()
	return nil
}

// connect makes a connection with a context of its own, so that a card that
// does not answer holds up no other.
func (r *Readers) connect(ctx context.Context, reader string) (*Conn, error) {
	goos := r.api.platform().name
	hContext, code := r.api.establishContext()
	if code != codeOK {
		return nil, failed(goos, "connect", reader, code)
	}
	l := link{
		api: r.api, context: hContext, name: reader, profile: r.profile(reader), logger: r.log,
		response: make([]byte, maxBuffer),
	}
	for try := 1; ; try++ {
		mode := r.config.Share
		if mode == ShareAuto && try < shareFrom {
			mode = ShareExclusive
		}
		if code = l.connect(mode); code != codeSharingViolation || try == busyTries {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(busyPause):
			continue
		}
		break
	}
	if code != codeOK {
		r.api.releaseContext(hContext)
		return nil, failed(goos, "connect", reader, code)
	}
	c := &Conn{
		link: l, reader: reader, shared: l.share == shareShared, log: r.log,
		requests: make(chan request), results: make(chan result, 1),
		ended: make(chan struct{}), released: make(chan struct{}),
	}
	if s, code := r.api.status(l.card); code == codeOK {
		c.atr = s.atr
	}
	c.commandLimit, c.responseLimit = c.link.limits()
	c.link.carriers = l.profile.direct
	c.link.stopPolling()
	if c.shared && r.config.Share != ShareShared {
		r.log.Warn("another program shares this card, so we share it too, and keep it to ourselves by a transaction "+
			"from the first command until the end; close the other program to be sure", "reader", reader)
	}
	go c.own()
	return c, nil
}

// connect connects the link as mode says.
func (l *link) connect(mode ShareMode) (code Error) {
	code = codeSharingViolation
	if mode != ShareShared {
		l.share = shareExclusive
		l.card, l.protocol, code = l.api.connect(l.context, l.name, l.share, protocolT0|protocolT1)
	}
	if code == codeSharingViolation && mode != ShareExclusive {
		l.share = shareShared
		l.card, l.protocol, code = l.api.connect(l.context, l.name, l.share, protocolT0|protocolT1)
	}
	return code
}
