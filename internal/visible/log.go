package visible

import (
	"context"
	"fmt"
	"log/slog"
)

// Handler is one whose records are made visible before another one prints them.
func Handler(h slog.Handler) slog.Handler { return visibly{h} }

type visibly struct{ slog.Handler }

// Handle implements slog.Handler.
func (h visibly) Handle(ctx context.Context, r slog.Record) error {
	shown := slog.NewRecord(r.Time, r.Level, Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(visibleAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, shown)
}

// WithAttrs implements slog.Handler.
func (h visibly) WithAttrs(attrs []slog.Attr) slog.Handler {
	shown := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		shown[i] = visibleAttr(a)
	}
	return visibly{h.Handler.WithAttrs(shown)}
}

// WithGroup implements slog.Handler.
func (h visibly) WithGroup(name string) slog.Handler { return visibly{h.Handler.WithGroup(name)} }

func visibleAttr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Text(v.String()))
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			a.Value = slog.StringValue(Text(x.Error()))
		case fmt.Stringer:
			a.Value = slog.StringValue(Text(x.String()))
		default:
			a.Value = slog.StringValue(Text(fmt.Sprint(x)))
		}
	case slog.KindGroup:
		var attrs []any
		for _, inner := range v.Group() {
			attrs = append(attrs, visibleAttr(inner))
		}
		return slog.Group(a.Key, attrs...)
	}
	return a
}
