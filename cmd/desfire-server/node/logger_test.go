package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Whoever is connected cannot fill the log.
func TestLoggerIsBounded(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	l := &logger{log: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	for range 10_000 {
		l.Errorf("%s - Publish Violation", "cid:7")
	}
	if n := strings.Count(out.String(), "Publish Violation"); n != mostLines {
		t.Errorf("%d lines of one minute, want %d", n, mostLines)
	}
	out.Reset()
	now = now.Add(time.Minute)
	l.Warnf("later")
	if s := out.String(); !strings.Contains(s, "left_out=9940") || !strings.Contains(s, "nats: later") {
		t.Errorf("a minute later: %s", s)
	}
	out.Reset()
	l.Errorf("once more")
	if s := out.String(); strings.Contains(s, "left_out") || !strings.Contains(s, "once more") {
		t.Errorf("it is told twice: %s", s)
	}
}
