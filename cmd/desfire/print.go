package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/visible"
)

// What the tool prints goes through these functions, which make what comes from
// a card visible. Results go to stdout, everything else to stderr.

// emit prints one JSON object on a line of its own.
func (a *app) emit(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	line := visible.JSON(b.Bytes())
	checkEmitted(v, line)
	_, err := a.stdout.Write(line)
	return cannotPrint(err)
}

// checkEmitted is for tests: it is told every object that is printed.
var checkEmitted = func(v any, line []byte) {}

// printf prints a result. That it could not is the error of the whole run.
func (a *app) printf(format string, args ...any) { _ = screen.Fprintf(a.stdout, format, args...) }

// cannotPrint is the error of output that could not be written.
func cannotPrint(err error) error {
	if err == nil {
		return nil
	}
	return withCode(exitInput, &outputError{err})
}

// outputError is output that was lost.
type outputError struct{ err error }

func (e *outputError) Error() string { return "the result could not be printed: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// unwritten is the first error of writing to stdout or stderr, nil if all was
// written.
func (a *app) unwritten() error {
	return cannotPrint(cmp.Or(a.stdout.Error(), a.stderr.Error()))
}

// endless is the context of a verb that goes on until Ctrl-C: it ends as well
// when nobody can read any more what the verb prints.
func (a *app) endless(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-a.console.Failed():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// progress begins to show how far a job is that may take more than a second.
func (a *app) progress(what string) *screen.Progress { return a.console.Progress(what) }

// sayf tells people something that is no result.
func (a *app) sayf(format string, args ...any) {
	_ = screen.Fprintf(a.stderr, format, args...)
}

// row prints a name and what it is, with the name in a column of a width.
func (a *app) row(width int, name string, value any) {
	a.printf("  %s%s  %s\n", a.out.Dim.Render(name), screen.Pad(name, width), shown(value))
}

// shown is a value as it is printed.
func shown(v any) screen.Text { return screen.Sprintf("%v", v) }
