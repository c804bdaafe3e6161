package pn532

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/pn532/chip"
)

// stream is a line in memory, to be used inside synctest: what a serial port is
// to the host.
type stream struct {
	net.Conn
	mu   sync.Mutex
	got  []byte
	bell chan struct{}
	over chan struct{}
	out  []byte
}

func newStream(c net.Conn) *stream {
	s := &stream{Conn: c, bell: make(chan struct{}, 1), over: make(chan struct{})}
	go func() {
		defer close(s.over)
		var buf [600]byte
		for {
			n, err := c.Read(buf[:])
			if err != nil {
				return
			}
			s.mu.Lock()
			s.got = append(s.got, buf[:n]...)
			s.mu.Unlock()
			select {
			case s.bell <- struct{}{}:
			default:
			}
		}
	}()
	return s
}

func (s *stream) wake(ctx context.Context) error { return s.write(ctx, hsuWake) }

func (s *stream) write(ctx context.Context, frame []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.Write(frame); err != nil {
		return &LineError{Address: "port", Problem: Gone, Err: err}
	}
	return nil
}

func (s *stream) read(ctx context.Context) ([]byte, error) {
	for {
		s.mu.Lock()
		s.out = append(s.out[:0], s.got...)
		s.got = s.got[:0]
		s.mu.Unlock()
		if len(s.out) > 0 {
			return s.out, nil
		}
		select {
		case <-s.bell:
		case <-s.over:
			return nil, &LineError{Address: "port", Problem: Gone, Err: os.ErrClosed}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *stream) discard() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out[:0], s.got...)
	s.got = s.got[:0]
	return s.out
}

// port is a serial port into which chips are plugged, inside synctest.
type port struct {
	chip *chip.Chip
	conf *chip.WireConfig

	mu      sync.Mutex
	refuse  error
	dead    bool
	noise   bool       // what is at the far end is no chip
	left    []byte     // what the program before has sent when it was killed
	wire    *chip.Wire // of the line that is open
	near    net.Conn
	opened  int
	serving sync.WaitGroup
}

func newPort(c *chip.Chip, conf *chip.WireConfig) *port {
	if conf == nil {
		conf = &chip.WireConfig{}
	}
	return &port{chip: c, conf: conf}
}

// reader is a Reader of the port, closed with the test.
func (p *port) reader(t testing.TB, c *Config) *Reader {
	r, err := Open("port", c)
	if err != nil {
		t.Fatal(err)
	}
	r.open = func(_ context.Context, at address, _ *Config) (line, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.refuse != nil {
			return nil, &LineError{Address: at.text, Problem: NotThere, Err: p.refuse}
		}
		near, far := net.Pipe()
		p.opened++
		conf := *p.conf
		conf.Seed += uint64(p.opened)
		p.near, p.wire = near, chip.NewWire(far, &conf)
		w := p.wire
		if p.dead {
			w.Die()
		}
		if p.noise {
			p.serving.Go(func() { chatter(far) })
			return newStream(near), nil
		}
		p.serving.Go(func() {
			p.chip.ServeHSU(context.Background(), w)
			far.Close()
		})
		if p.left != nil {
			if _, err := near.Write(p.left); err != nil {
				t.Error(err)
			}
		}
		return newStream(near), nil
	}
	t.Cleanup(func() {
		r.Close()
		p.serving.Wait()
	})
	return r
}

// chatter answers everything with bytes that mean nothing.
func chatter(far net.Conn) {
	defer far.Close()
	buf := make([]byte, 300)
	for {
		if _, err := far.Read(buf); err != nil {
			return
		}
		go far.Write([]byte("AT+OK\r\n\x00\xFF\x05\x01\xD5 login: "))
	}
}

// do changes the port; what is said of the line counts from the next one on.
func (p *port) do(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// unplug takes the adapter out, until replug.
func (p *port) unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = os.ErrNotExist
	p.near.Close()
}

func (p *port) replug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = nil
}
