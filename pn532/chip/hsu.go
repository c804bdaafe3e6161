package chip

import (
	"context"
	"io"
	"sync"
)

// ServeHSU is the chip at the end of a serial line (6.1, high speed UART), until the line ends; its error is
// returned, nil for the end of a file. When ctx ends, and the line is an io.Closer, it is closed, and the
// error is that of ctx.
func (c *Chip) ServeHSU(ctx context.Context, line io.ReadWriter) error {
	out := newOutbox()
	var writing sync.WaitGroup
	writing.Go(func() { out.write(line) })
	end := context.AfterFunc(ctx, func() {
		if closer, ok := line.(io.Closer); ok {
			closer.Close()
		}
	})
	l := &link{chip: c, send: out.put, left: c.power.answered}
	err := l.receive(line)
	l.abort()
	out.close()
	if !end() && ctx.Err() != nil {
		err = ctx.Err()
	}
	writing.Wait()
	if err == io.EOF {
		return nil
	}
	return err
}

// receive feeds the link from a line until that ends.
func (l *link) receive(line io.Reader) error {
	var r receiver
	var buf [512]byte
	for {
		n, err := line.Read(buf[:])
		for _, b := range buf[:n] {
			if !l.chip.power.hears(b) {
				r.restart()
				continue
			}
			if k, command := r.feed(b); k != noFrame {
				l.take(k, command)
			}
		}
		if err != nil {
			return err
		}
	}
}

// outbox holds frames until the line takes them, so that a host which sends while it does not listen never waits for
// the chip.
type outbox struct {
	mu     sync.Mutex
	frames [][]byte
	ended  bool
	some   chan struct{}
}

func newOutbox() *outbox { return &outbox{some: make(chan struct{}, 1)} }

func (o *outbox) put(frame []byte) {
	o.mu.Lock()
	o.frames = append(o.frames, frame)
	o.mu.Unlock()
	o.wake()
}

func (o *outbox) close() {
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	o.wake()
}

func (o *outbox) wake() {
	select {
	case o.some <- struct{}{}:
	default:
	}
}

// write writes frames, each by one call, until the outbox is closed or the line fails.
func (o *outbox) write(line io.Writer) {
	for {
		o.mu.Lock()
		if o.ended {
			o.mu.Unlock()
			return
		}
		var frame []byte
		if len(o.frames) > 0 {
			frame, o.frames = o.frames[0], o.frames[1:]
		}
		o.mu.Unlock()
		if frame == nil {
			<-o.some
			continue
		}
		if _, err := line.Write(frame); err != nil {
			return
		}
	}
}
