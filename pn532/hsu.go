package pn532

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"go.bug.st/serial"
)

const (
	// look is how long a read of the port takes before it looks at its context.
	look = 20 * time.Millisecond
	// closing is how long the end of a write is waited for.
	closing = 100 * time.Millisecond
)

// hsu is the line of a serial port.
type hsu struct {
	port    serial.Port
	at      address
	unlock  func()
	closed  bool
	writing sync.WaitGroup
	buf     [512]byte
}

// openHSU opens a serial port, for this program alone.
func openHSU(_ context.Context, at address, c *Config) (line, error) {
	failed := func(err error) error { return &LineError{Address: at.text, Problem: portProblem(err), Err: err} }
	unlock, err := lockPort(at.device)
	if err != nil {
		return nil, failed(err)
	}
	port, err := serial.Open(at.device, &serial.Mode{BaudRate: c.baud(), DataBits: 8})
	if err != nil {
		unlock()
		return nil, failed(err)
	}
	h := &hsu{port: port, at: at, unlock: unlock}
	if err := port.SetReadTimeout(look); err != nil {
		_ = h.Close()
		return nil, failed(err)
	}
	return h, nil
}

// portProblem judges the error of opening a port.
func portProblem(err error) Problem {
	var p *serial.PortError
	switch {
	case errors.Is(err, errLocked):
		return InUse
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV):
		return NotThere
	case errors.Is(err, fs.ErrPermission):
		return NoRight
	case !errors.As(err, &p):
		return Failed
	}
	switch p.Code() {
	case serial.PortBusy:
		return InUse
	case serial.PortNotFound:
		return NotThere
	case serial.PermissionDenied:
		return NoRight
	}
	return Failed
}

// hsuWake is what wakes the chip: rising edges, and time until its clock runs.
var hsuWake = []byte{0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

func (h *hsu) wake(ctx context.Context) error { return h.write(ctx, hsuWake) }

// write does not wait for a port that takes nothing: the line is over then.
func (h *hsu) write(ctx context.Context, frame []byte) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case h.closed:
		return h.gone(os.ErrClosed)
	}
	out := append([]byte(nil), frame...)
	done := make(chan error, 1)
	h.writing.Add(1)
	go func() {
		defer h.writing.Done()
		for len(out) > 0 {
			n, err := h.port.Write(out)
			if err != nil {
				done <- h.gone(err)
				return
			}
			out = out[n:]
		}
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		_ = h.Close()
		return ctx.Err()
	}
}

func (h *hsu) read(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if h.closed {
			return nil, h.gone(os.ErrClosed)
		}
		n, err := h.port.Read(h.buf[:])
		if err != nil {
			return nil, h.gone(err)
		}
		if n > 0 {
			return h.buf[:n], nil
		}
	}
}

// wasted is the most that discard looks at: a line full of noise has no end.
const wasted = 4096

func (h *hsu) discard() (all []byte) {
	if h.closed {
		return nil
	}
	if readsAtOnce && h.port.SetReadTimeout(0) == nil {
		for len(all) < wasted {
			n, err := h.port.Read(h.buf[:])
			if n == 0 || err != nil { // the next read says what is wrong
				break
			}
			all = append(all, h.buf[:n]...)
		}
		_ = h.port.SetReadTimeout(look)
	}
	if !readsAtOnce || len(all) >= wasted {
		_ = h.port.ResetInputBuffer()
	}
	return all
}

// Close does not wait for a write that waits for room, and lets go of the port
// after it: its number would be another file's.
func (h *hsu) Close() error {
	if h.closed {
		return nil
	}
	h.closed = true
	_ = h.port.ResetOutputBuffer()
	end := func() error {
		h.writing.Wait()
		defer h.unlock()
		return h.port.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	wait := time.NewTimer(closing)
	defer wait.Stop()
	select {
	case err := <-ended:
		return err
	case <-wait.C:
		return nil
	}
}

func (h *hsu) gone(err error) error { return &LineError{Address: h.at.text, Problem: Gone, Err: err} }
