package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// bus is the chip at the far end of an I2C or SPI bus. One transfer runs at a
// time. Each may block for as long as the system's driver does.
type bus interface {
	// rouse makes a chip that sleeps wake up. It changes nothing at one that is
	// awake.
	rouse() error
	// status is the byte by which the chip says whether a frame waits.
	status() (byte, error)
	// send gives the chip one frame.
	send(frame []byte) error
	// receive takes the status and, if a frame waits, its first bytes. Beyond its end
	// they mean nothing.
	receive(into []byte) (status byte, err error)
	io.Closer
}

// ready is the status of a chip whose frame waits. Only this byte counts: a wire
// that nothing drives reads FF, whose bit 0 is set as well.
const ready = 0x01

// Times of a bus.
const (
	firstLook = time.Millisecond      // from a frame to the first look at the status
	lastLook  = 5 * time.Millisecond  // between looks, after a while
	rousing   = 2 * time.Millisecond  // what the chip takes to wake up
	roused    = 50 * time.Millisecond // after which one that takes no address is not there
)

// busLine is the line over a bus. The chip has no way to speak first there, so
// read looks at the status again and again.
type busLine struct {
	bus   bus
	at    address
	first int           // bytes of an answer to read at once
	rest  time.Duration // for which the bus has to be left alone after a transfer
	pause func(context.Context, time.Duration) error

	free   chan struct{} // holds one token while no transfer runs
	closed chan struct{}
	once   sync.Once
	ended  time.Time // when the last transfer ended; whoever holds the token has it

	awake bool // the last transfer went well
	short bool // the next frame is the short one that acknowledges a command
	owed  bool // a frame may still come, from before as well
	stale bool // that is to be thrown away
	buf   [longestFrame]byte
}

func newBusLine(b bus, at address, first int, rest time.Duration) *busLine {
	l := &busLine{bus: b, at: at, first: first, rest: rest, pause: sleep, free: make(chan struct{}, 1), closed: make(chan struct{}), owed: true}
	l.free <- struct{}{}
	return l
}

// do runs a transfer. It does not wait for one that ctx or Close has overtaken;
// the next one does.
func (l *busLine) do(ctx context.Context, transfer func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-l.closed:
		return l.problem(Gone, os.ErrClosed)
	case <-ctx.Done():
		return ctx.Err()
	case <-l.free:
	}
	if rest := l.rest - time.Since(l.ended); rest > 0 {
		if err := l.pause(ctx, rest); err != nil {
			l.free <- struct{}{}
			return err
		}
	}
	done := make(chan error, 1)
	l.awake = false
	go func() {
		err := transfer()
		l.ended = time.Now()
		l.free <- struct{}{}
		done <- err
	}()
	select {
	case err := <-done:
		l.awake = err == nil
		if err != nil && left(err) {
			return l.problem(Gone, err)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closed:
		return l.problem(Gone, os.ErrClosed)
	}
}

func (l *busLine) problem(p Problem, err error) error {
	return &LineError{Address: l.at.text, Problem: p, Err: err}
}

// fatal reports whether another try is of no use.
func fatal(ctx context.Context, err error) bool {
	var e *LineError
	return ctx.Err() != nil || errors.As(err, &e) || isContext(err)
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (l *busLine) status(ctx context.Context) (byte, error) {
	got := make(chan byte, 1)
	err := l.do(ctx, func() error {
		s, err := l.bus.status()
		got <- s
		return err
	})
	if err != nil {
		return 0, err
	}
	return <-got, nil
}

// receive is the status and, if that is ready, the first bytes of a frame. A transfer
// that ctx overtakes still fills its own buffer later.
func (l *busLine) receive(ctx context.Context, want int) ([]byte, byte, error) {
	into := make([]byte, want)
	got := make(chan byte, 1)
	err := l.do(ctx, func() error {
		s, err := l.bus.receive(into)
		got <- s
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return into, <-got, nil
}

// wake gets a chip that sleeps to take its address again.
func (l *busLine) wake(ctx context.Context) error {
	err := l.do(ctx, l.bus.rouse)
	if err != nil && fatal(ctx, err) {
		return err
	}
	if err := l.pause(ctx, rousing); err != nil {
		return err
	}
	return l.listen(ctx)
}

// listen waits until the chip lets its status be read. It sends nothing that a chip
// would act on, so that it may be tried again.
func (l *busLine) listen(ctx context.Context) error {
	for waited := time.Duration(0); ; waited += rousing {
		_, err := l.status(ctx)
		if err == nil {
			return nil
		}
		if fatal(ctx, err) {
			return err
		}
		if waited >= roused {
			return l.problem(Silent, err)
		}
		if err := l.pause(ctx, rousing); err != nil {
			return err
		}
	}
}

// write never sends a frame a second time: a bus that failed may have carried it.
func (l *busLine) write(ctx context.Context, frame []byte) error {
	if !l.awake {
		if err := l.listen(ctx); err != nil {
			return err
		}
	}
	if l.stale {
		if err := l.throwAway(ctx); err != nil {
			return err
		}
	}
	if err := l.send(ctx, frame); err != nil {
		return err
	}
	// What the host acknowledges or asks for again is answered by no acknowledgement.
	l.short = frameLength(frame) != shortFrame
	l.owed = l.owed || !bytes.Equal(frame, ackFrame)
	return nil
}

func (l *busLine) send(ctx context.Context, frame []byte) error {
	own := append([]byte(nil), frame...)
	err := l.do(ctx, func() error { return l.bus.send(own) })
	if err != nil && !fatal(ctx, err) {
		err = l.problem(Failed, fmt.Errorf("writing a frame: %w", err))
	}
	return err
}

func (l *busLine) read(ctx context.Context) ([]byte, error) {
	want := l.first
	if l.short {
		want = shortFrame
	}
	got, err := l.take(ctx, want)
	if err != nil {
		return nil, err
	}
	l.short = false
	long := frameLength(got)
	if long > len(got) && long <= longestFrame {
		// The rest is lost, and NACK has the chip send the frame once more without
		// doing anything else. That it is the same frame, and not one from before, its
		// beginning shows.
		begun := bytes.Clone(got)
		if err := l.send(ctx, nackFrame); err != nil {
			return nil, err
		}
		if got, err = l.take(ctx, long); err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(got, begun) {
			return nil, l.problem(Garbage, errors.New("a frame that was asked for again came as another"))
		}
	}
	if long > 0 && long < len(got) {
		got = got[:long]
	}
	l.owed = long == shortFrame
	return got, nil
}

// take waits until a frame is there and reads so many bytes of it.
func (l *busLine) take(ctx context.Context, want int) ([]byte, error) {
	var last error // of the looks, the newest that failed
	var seen byte
	for look := firstLook; ; look = min(look+firstLook/2, lastLook) {
		if err := l.pause(ctx, look); err != nil {
			return nil, l.gaveUp(err, seen, last)
		}
		// The first look takes the frame with it. If that is not there, only a status
		// that is ready is worth so long a transfer.
		var into []byte
		var s byte
		var err error
		known := false
		if look > firstLook {
			s, err = l.status(ctx)
			known = err == nil && s == ready
		}
		if look == firstLook || known {
			into, s, err = l.receive(ctx, want)
		}
		switch {
		case err != nil && (isContext(err) || ctx.Err() != nil):
			return nil, l.gaveUp(err, seen, last)
		case err != nil && fatal(ctx, err):
			return nil, err
		case err != nil && known: // the frame is lost
			return nil, l.problem(Failed, fmt.Errorf("reading a frame: %w", err))
		case err != nil: // a chip that is busy takes no address
			last = err
			continue
		case s != ready:
			seen, last = s, nil
			continue
		}
		return l.buf[:copy(l.buf[:], into)], nil
	}
}

// gaveUp adds what the bus showed to the end of a wait.
func (l *busLine) gaveUp(ended error, seen byte, last error) error {
	switch {
	case last != nil:
		return &sawError{ended, last}
	case seen == 0xFF:
		return &sawError{ended, errors.New("the wire from the chip is always high, as if nothing drove it")}
	case seen != 0:
		return &sawError{ended, fmt.Errorf("its status was %02X, which no PN532 gives", seen)}
	}
	return ended
}

// sawError is the end of a wait for a frame, and what the bus showed meanwhile.
type sawError struct{ ended, saw error }

func (e *sawError) Error() string   { return fmt.Sprintf("%v; %v", e.ended, e.saw) }
func (e *sawError) Unwrap() []error { return []error{e.ended, e.saw} }

// discard is done by the next write, which has a context. A bus carries a frame once or
// not at all.
func (l *busLine) discard() []byte {
	l.stale = l.owed
	return nil
}

// throwAway takes what waits: at most an acknowledgement and an answer.
func (l *busLine) throwAway(ctx context.Context) error {
	for range 2 {
		_, s, err := l.receive(ctx, l.first)
		if err != nil && fatal(ctx, err) {
			return err
		}
		if err != nil {
			return l.problem(Failed, fmt.Errorf("reading a frame: %w", err))
		}
		if s != ready {
			break
		}
	}
	l.stale, l.owed = false, false
	return nil
}

// Close leaves a transfer that hangs to the system, which ends it.
func (l *busLine) Close() (err error) {
	l.once.Do(func() {
		close(l.closed)
		select {
		case <-l.free:
			err = l.bus.Close()
		default:
			go func() {
				<-l.free
				_ = l.bus.Close()
			}()
		}
	})
	return err
}

// Frames of a bus.
const (
	shortFrame   = 6               // ACK and NACK
	longestFrame = 3 + 5 + 265 + 2 // preamble and start, length, data, sum and postamble
)

// frameLength is how long a frame is whose first bytes are these, 0 if they are of
// none. What is right in it is not judged here.
func frameLength(b []byte) int {
	if len(b) < shortFrame || b[0] != 0 || b[1] != 0 || b[2] != 0xFF {
		return 0
	}
	switch n, sum := b[3], b[4]; {
	case n == 0x00 && sum == 0xFF, n == 0xFF && sum == 0x00:
		return shortFrame
	case n == 0xFF && sum == 0xFF:
		if len(b) < 8 {
			return longestFrame
		}
		if b[5]+b[6]+b[7] != 0 {
			return 0
		}
		return 8 + int(b[5])<<8 + int(b[6]) + 2
	case n+sum == 0:
		return 5 + int(n) + 2
	}
	return 0
}
