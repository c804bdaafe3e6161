package tcp

import (
	"context"
	"net"
	"slices"
	"time"
)

// quiet is a connection that has said nothing yet.
type quiet struct {
	net.Conn
	since time.Time
}

// silence adds a connection that has said nothing yet. It may have to wait until
// the oldest of them has had its time.
func (f *field) silence(ctx context.Context, nc net.Conn) {
	for !f.makeRoom(nc) {
		wait := time.NewTimer(f.untilRoom())
		select {
		case <-f.room:
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (f *field) makeRoom(nc net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.silent) == maxWaiting {
		if time.Since(f.silent[0].since) < grace {
			return false
		}
		f.silent[0].Close()
		f.silent = slices.Delete(f.silent, 0, 1)
	}
	f.silent = append(f.silent, quiet{nc, time.Now()})
	return true
}

func (f *field) untilRoom() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.silent) < maxWaiting {
		return 0
	}
	return grace - time.Since(f.silent[0].since)
}

func (f *field) spoke(nc net.Conn) {
	f.mu.Lock()
	f.silent = slices.DeleteFunc(f.silent, func(c quiet) bool { return c.Conn == nc })
	f.mu.Unlock()
	select {
	case f.room <- struct{}{}:
	default:
	}
}
