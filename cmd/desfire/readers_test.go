package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/place"
)

// A list of readers that does not come ends with --timeout.
func TestReadersTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(strings.NewReader(""), io.Discard, io.Discard)
		a.given = &place.Place{Name: "a slow reader", List: func(ctx context.Context) ([]place.Reader, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		root := a.rootCommand()
		root.SetArgs([]string{"readers", "--timeout", "3s"})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := root.ExecuteContext(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "--timeout 3s") || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
