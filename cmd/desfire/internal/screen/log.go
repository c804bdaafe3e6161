package screen

import (
	"io"
	"log/slog"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/lmittmann/tint"
)

// NewLog is a log for people. What is written to it is made visible.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(visible.Handler(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !TakesColor(w)})))
}
