package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/failure"
	"github.com/spf13/cobra"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// adviceError is an error and what to do about it.
type adviceError struct {
	err  error
	next string
}

func (e *adviceError) Error() string { return e.err.Error() }
func (e *adviceError) Unwrap() error { return e.err }

// advise adds to an error what to do about it, which is printed below it.
func advise(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &adviceError{err, fmt.Sprintf(format, args...)}
}

// errInterrupted ends a verb that Ctrl-C has ended after it said what it had
// to say.
var errInterrupted = errors.New("interrupted")

// errorObject is what is printed with --json when a verb failed, after what it
// printed before. The card is there if it was known.
type errorObject struct {
	UID     *hexBytes   `json:"uid,omitempty"`
	Product string      `json:"product,omitempty"`
	Reader  string      `json:"reader,omitempty"`
	Error   errorDetail `json:"error"`
}

type errorDetail struct {
	Code   string `json:"code"` // names the exit code
	What   string `json:"what"`
	Status string `json:"status"` // four digits, where the card gave one
	Next   string `json:"next"`   // what to do, where that is known
}

// report prints the error of the run and gives the exit code.
func (a *app) report(ctx context.Context, err error) int {
	if a.tracer != nil {
		a.tracer.summary()
	}
	if a.recorder != nil && (a.shell == nil || a.recorder != a.shell.recorder) && !errors.As(err, new(*usageError)) {
		err = a.diagnosed(err)
		err = errors.Join(err, a.recorder.WriteFile(a.traceTo))
	}
	if lost := a.unwritten(); lost != nil && !errors.As(err, new(*outputError)) {
		err = errors.Join(err, lost)
	}
	if err == nil {
		return exitDone
	}
	return a.fail(ctx, err)
}

// fail prints an error and gives its exit code.
func (a *app) fail(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	d := a.detail(code, err)
	a.complain(d.What)
	for _, line := range screen.Wrap(screen.Visible(d.Next), max(a.columns()-adviceIndent, 40)) {
		a.sayf("%s%s\n", strings.Repeat(" ", adviceIndent), line)
	}
	var usage *usageError
	if code == exitUsage && errors.As(err, &usage) && usage.cmd != nil && d.Next == "" {
		a.sayf("See '%s --help'.\n", usage.cmd.CommandPath())
	}
	if a.json && a.stdout.Error() == nil {
		o := errorObject{Error: d}
		if a.card.Product != "" {
			o.UID, o.Product, o.Reader = &a.card.UID, a.card.Product, a.card.Reader
		}
		_ = a.emit(o)
	}
	return code
}

// adviceIndent is where what to do about an error begins, below the error.
const adviceIndent = len("desfire: ")

// columns is how wide what people read may be.
func (a *app) columns() int {
	if n := screen.Columns(a.stderr); n > 0 {
		return min(n, maxColumns)
	}
	return 80
}

// maxColumns is how wide running text gets on a wide terminal.
const maxColumns = 100

// detail is an error in words.
func (a *app) detail(code int, err error) errorDetail {
	d := errorDetail{Code: string(codeNames[code]), What: oneLine(err)}
	if code == exitInterrupted && !errors.Is(err, errNotConfirmed) {
		d.What = "interrupted"
	}
	var advice *adviceError
	if errors.As(err, &advice) {
		d.Next = advice.next
	}
	if d.Next == "" {
		d.Next = a.doctorFor(err)
	}
	var refused *desfire.CommandError
	var answered *statusError
	switch {
	case errors.As(err, &refused):
		d.Status = fmt.Sprintf("%04X", uint16(refused.Status))
	case errors.As(err, &answered) && answered.status != 0:
		d.Status = fmt.Sprintf("%04X", uint16(answered.status))
	}
	return d
}

// complain prints an error, folded to the terminal.
func (a *app) complain(text string) {
	shown := screen.Visible(text)
	if screen.Terminal(a.stderr) {
		shown = screen.Join(screen.Wrap(shown, max(a.columns()-adviceIndent, 40)), screen.Text("\n"+strings.Repeat(" ", adviceIndent)))
	}
	a.sayf("%s %s\n", a.err.Bad.Render("desfire:"), shown)
}

// prefixes are the names of packages that people need not read; the tool prints its own name.
var prefixes = failure.NewPrefixes()

// oneLine is the text of an error without line breaks and prefixes.
func oneLine(err error) string {
	return prefixes.Line(toolWords(err))
}

// text is the text of an error, empty for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(err)
}
