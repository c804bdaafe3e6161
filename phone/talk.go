package phone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/coder/websocket"
)

// talk is a connection on which the two ends speak in turn: pairing.
type talk struct {
	*conn
	heard chan *message
}

func newTalk(ws *websocket.Conn, raw io.Closer, c clock, computer bool) *talk {
	t := &talk{newConn(ws, raw, c, computer), make(chan *message, 1)}
	t.start(func(m *message) error {
		select {
		case t.heard <- m:
			return nil
		default:
			return broken("a message out of turn: %q", bounded(m.Type))
		}
	}, func([]byte) error { return broken("a binary message in pairing") })
	return t
}

// hear waits for a message of one of the types. Any other ends the connection.
func (t *talk) hear(ctx context.Context, want ...string) (*message, error) {
	var m *message
	select {
	case m = <-t.heard:
	case <-t.lost:
		select { // it came before the end
		case m = <-t.heard:
		default:
			return nil, t.ended()
		}
	case <-ctx.Done():
		err := context.Cause(ctx)
		code := Late
		if errors.Is(err, context.Canceled) {
			code = Given
		}
		t.end(err, code)
		return nil, err
	}
	if !slices.Contains(want, m.Type) {
		return nil, t.wrong("a message %q where %q was to come", bounded(m.Type), want[0])
	}
	return m, nil
}

// wrong ends the connection for what the other end did.
func (t *talk) wrong(format string, args ...any) error {
	err := &protocolError{fmt.Errorf(format, args...)}
	t.endFor(err)
	return err
}

// bound is ctx, which also ends with the connection.
func (t *talk) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		select {
		case <-t.lost:
			cancel(t.ended())
		case <-stopped:
		}
	}()
	return ctx, func() { close(stopped); cancel(nil) }
}

// leave ends the connection, and waits until nothing of it runs.
func (t *talk) leave() {
	t.end(ErrServerClosed, Given)
	<-t.done
}
