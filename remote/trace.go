package remote

import (
	"context"
	"strings"
)

type traceKey struct{}

// WithTrace says to which presentation of a card the requests belong that are made with
// the context: the id that the agent has given it.
func WithTrace(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

// Trace is what WithTrace has said, empty without it.
func Trace(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// CleanTrace is an id as it may stand in logs: letters, digits, hyphens, dots, colons and
// slashes, 64 at most; what else stands in a text of others is left out.
func CleanTrace(id string) string {
	id = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:/", r) {
			return r
		}
		return -1
	}, id[:min(len(id), 256)])
	return id[:min(len(id), 64)]
}
