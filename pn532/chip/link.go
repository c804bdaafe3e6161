package chip

import (
	"context"
	"sync"
)

// link is the protocol between a host and a chip (6.2.2): the chip acknowledges a command, then answers. Frames for the host
// leave by send, in order, which does not block.
type link struct {
	chip *Chip
	send func(frame []byte)
	left func() // is called when an answer has left; may be nil

	mu   sync.Mutex
	stop context.CancelFunc // of the command under way
	done chan struct{}
	last []byte // answer frame, for a host that did not understand it
}

// take is called for each frame of the host.
func (l *link) take(k kind, command []byte) {
	switch k {
	case ackFrame: // the host has what it wants, or gives up
		l.abort()
	case nackFrame:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.last != nil {
			l.send(l.last)
		}
	case commandFrame:
		l.abort() // a new command ends the old one
		l.begin(append([]byte(nil), command...))
	}
}

func (l *link) begin(command []byte) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.mu.Lock()
	l.stop, l.done, l.last = stop, done, nil
	l.mu.Unlock()
	l.send(frameACK)
	go func() {
		defer close(done)
		defer stop()
		answer, silent := l.chip.execute(ctx, command)
		l.mu.Lock()
		defer l.mu.Unlock()
		if silent || ctx.Err() != nil {
			return
		}
		if l.last = frameError; answer != nil {
			l.last = appendFrame(nil, answer)
		}
		l.send(l.last)
		if l.left != nil {
			l.left()
		}
	}()
}

// abort ends the command under way, which is not answered, and waits for its end.
func (l *link) abort() {
	l.mu.Lock()
	stop, done := l.stop, l.done
	if stop != nil {
		stop()
	}
	l.mu.Unlock()
	if done != nil {
		<-done
	}
}
