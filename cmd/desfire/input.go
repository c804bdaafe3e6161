package main

import (
	"context"
	"io"
	"os"
)

// untilEnd runs what may wait for ever, as a read of a pipe that nobody writes
// to, and leaves it where the context ends first.
func untilEnd[T any](ctx context.Context, wait func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := wait()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}

// interruptible reads from in until the context ends.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

func (r interruptible) Read(p []byte) (int, error) {
	b, err := untilEnd(r.ctx, func() ([]byte, error) {
		b := make([]byte, len(p)) // p is the caller's again once the context has ended
		n, err := r.in.Read(b)
		return b[:n], err
	})
	return copy(p, b), err
}

// readUpTo reads a file, or standard input for -, up to a limit.
func (a *app) readUpTo(ctx context.Context, path string, limit int64) ([]byte, error) {
	return untilEnd(ctx, func() ([]byte, error) {
		in := a.stdin
		if path != "-" {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			in = f
		}
		return io.ReadAll(io.LimitReader(in, limit))
	})
}
