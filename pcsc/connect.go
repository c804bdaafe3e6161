package pcsc

import (
	"context"
	"fmt"
	"sync/atomic"
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
	c := &Conn{readers: r, reader: reader}
	var err error
	if c.session, err = r.session(ctx, reader, &c.reset); err != nil {
		return nil, err
	}
	return c, nil
}

// session connects to the card in a reader.
func (r *Readers) session(ctx context.Context, reader string, reset *atomic.Bool) (*session, error) {
	if err := r.waitFormer(ctx, reader); err != nil {
		return nil, err
	}
	type connected struct {
		*session
		err error
	}
	got, err := await(ctx, func() connected {
		s, err := r.connect(ctx, reader, reset)
		return connected{s, err}
	}, func(late connected) {
		if late.session != nil {
			late.end(ErrClosed)
		}
	})
	if err != nil {
		return nil, &OpError{Op: "connect", Reader: reader, Err: err}
	}
	if got.err != nil {
		return nil, got.err
	}
	r.mu.Lock()
	r.former[reader] = got.session
	r.mu.Unlock()
	return got.session, nil
}

// waitFormer waits until an ended connection to the reader has been given
// back: it would make the reader busy for ourselves.
func (r *Readers) waitFormer(ctx context.Context, reader string) error {
	r.mu.Lock()
	former := r.former[reader]
	r.mu.Unlock()
	if former == nil || !former.over() { // or in use, as the service will say
		return nil
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
func (r *Readers) connect(ctx context.Context, reader string, reset *atomic.Bool) (*session, error) {
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
		if code = l.open(mode); code != codeSharingViolation || try == busyTries {
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
	s := &session{
		link: l, reset: reset,
		requests: make(chan operation), results: make(chan result, 1),
		ended: make(chan struct{}), released: make(chan struct{}),
	}
	if st, code := r.api.status(l.card); code == codeOK {
		s.atr = st.atr
	}
	s.commandLimit, s.responseLimit = s.limits()
	s.carriers = l.profile.direct
	s.stopPolling()
	if l.share == shareShared && r.config.Share != ShareShared {
		r.log.Warn("another program shares this card, so we share it too, and keep it to ourselves by a transaction "+
			"from the first command until the end; close the other program to be sure", "reader", reader)
	}
	go s.own()
	return s, nil
}

// open connects the link as mode says.
func (l *link) open(mode ShareMode) (code Error) {
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
