package main

import (
	"bytes"
	"encoding/json"
	"fmt"

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
	if _, err := a.stdout.Write(line); err != nil {
		return a.cannotPrint(err)
	}
	return nil
}

// checkEmitted is for tests: it is told every object that is printed.
var checkEmitted = func(v any, line []byte) {}

// printf prints a result. That it could not is the error of the whole run.
func (a *app) printf(format string, args ...any) {
	if err := screen.Fprintf(a.stdout, format, args...); err != nil {
		_ = a.cannotPrint(err)
	}
}

// cannotPrint notes the first result that could not be printed.
func (a *app) cannotPrint(err error) error {
	if a.unwritten == nil {
		a.unwritten = fmt.Errorf("the result could not be printed: %w", err)
	}
	return a.unwritten
}

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
