package centre_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire/remote/centre"
)

// logged is a log to look at.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// Who connects when it can is told why it cannot: each reason once, and again after there
// was a connection.
func TestWhyNotConnected(t *testing.T) {
	w := start(t, false, nil)
	w.serve()
	f := w.agent("gate7")
	w.hub.Stop()
	log := new(logged)
	nc, err := f.Dial(within(t), &centre.DialConfig{Offline: true, MaxWait: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	const refused = "refused"
	eventually(t, "told that nobody listens", func() bool { return log.count("not connected to the fleet") > 0 })
	w.startHub()
	eventually(t, "connected", nc.IsConnected)
	if n := log.count(refused); n > 1 {
		t.Errorf("told %d times", n)
	}
	w.hub.Stop()
	eventually(t, "told again", func() bool { return log.count(refused) > 1 || log.count("not connected to the fleet") > 2 })
}

// A member that was revoked while it was away is told so when it starts.
func TestRevokedIsTold(t *testing.T) {
	w := start(t, false, nil)
	w.serve()
	f := w.agent("gate7")
	if err := w.auth.Revoke("gate7"); err != nil {
		t.Fatal(err)
	}
	log := new(logged)
	nc, err := f.Dial(within(t), &centre.DialConfig{Offline: true, MaxWait: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	eventually(t, "told", func() bool { return log.count("this member was revoked") > 0 })
}
