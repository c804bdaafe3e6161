package screen

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/go-desfire/desfire/internal/visible"
)

// NewNotes is a log for programs that are over in a moment: no times, and no
// more than a word before what matters.
func NewNotes(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(visible.Handler(&notes{w: w, level: level, pal: NewPalette(TakesColor(w)), mu: new(sync.Mutex)}))
}

type notes struct {
	w     io.Writer
	level slog.Leveler
	pal   Palette
	mu    *sync.Mutex
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (n *notes) Enabled(_ context.Context, l slog.Level) bool { return l >= n.level.Level() }

// Handle implements slog.Handler. What it is given is visible already.
func (n *notes) Handle(_ context.Context, r slog.Record) error {
	head := Text("")
	switch {
	case r.Level >= slog.LevelError:
		head = n.pal.Bad.Render("error:") + " "
	case r.Level >= slog.LevelWarn:
		head = n.pal.Warn.Render("warning:") + " "
	case r.Level < slog.LevelInfo:
		head = n.pal.Dim.Render("debug:") + " "
	}
	line := head + Visible(r.Message)
	add := func(a slog.Attr) bool {
		line += n.pal.Dim.Render(fmt.Sprintf(" %s=%s", a.Key, visible.Text(a.Value.String())))
		return true
	}
	for _, a := range n.attrs {
		add(a)
	}
	r.Attrs(add)
	n.mu.Lock()
	defer n.mu.Unlock()
	return Fprintf(n.w, "%s\n", line)
}

// WithAttrs implements slog.Handler.
func (n *notes) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *n
	more.attrs = append(append([]slog.Attr(nil), n.attrs...), attrs...)
	return &more
}

// WithGroup implements slog.Handler; groups are not told apart.
func (n *notes) WithGroup(string) slog.Handler { return n }
