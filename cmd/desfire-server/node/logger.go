package node

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// mostLines is how many warnings and errors of a NATS server are logged in a minute:
// whoever is connected makes one with each message that it may not send.
const mostLines = 60

// logger gives what a NATS server says to slog.
type logger struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	minute time.Time // when the present one began
	lines  int       // in it
}

func (l *logger) Noticef(f string, v ...any) { l.log.Debug(text(f, v)) }
func (l *logger) Warnf(f string, v ...any)   { l.say(slog.LevelWarn, f, v) }
func (l *logger) Errorf(f string, v ...any)  { l.say(slog.LevelError, f, v) }
func (l *logger) Fatalf(f string, v ...any)  { l.log.Error(text(f, v)) }
func (l *logger) Debugf(f string, v ...any)  { l.log.Debug(text(f, v)) }
func (l *logger) Tracef(string, ...any)      {}

// say logs a line, or counts it where there are too many.
func (l *logger) say(level slog.Level, f string, v []any) {
	left, more := l.count()
	if left > 0 {
		l.log.Warn("nats: more lines than are logged", "left_out", left)
	}
	if more {
		l.log.Log(context.Background(), level, text(f, v))
	}
}

// count reports whether a line is logged, and how many were left out in the minute
// that has ended, if it has.
func (l *logger) count() (left int, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); l.minute.IsZero() || now.Sub(l.minute) >= time.Minute || now.Before(l.minute) {
		left = max(0, l.lines-mostLines)
		l.minute, l.lines = now, 0
	}
	l.lines++
	return left, l.lines <= mostLines
}

func text(f string, v []any) string { return "nats: " + strings.TrimSpace(fmt.Sprintf(f, v...)) }
