package operations

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-desfire/desfire/internal/visible"
)

// Trace is the attribute of a log line that names the presentation of a card it is about.
const Trace = "trace"

// NewLog is a log of lines: format is text or json. What comes from cards and messages is
// made visible.
func NewLog(w io.Writer, format string, level slog.Leveler) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(visible.Handler(slog.NewTextHandler(w, options))), nil
	case "json":
		return slog.New(visible.Handler(slog.NewJSONHandler(w, options))), nil
	}
	return nil, fmt.Errorf("log %.20q: want text or json", format)
}
