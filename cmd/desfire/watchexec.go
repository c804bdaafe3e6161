package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
)

// program is what watch runs for each card, once for each insertion.
type program struct {
	path string
	args []string
}

// findProgram looks for a program before any card is there.
func findProgram(argv []string) (*program, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, withCode(exitInput, fmt.Errorf("--exec: %w", err))
	}
	return &program{path, argv}, nil
}

// exec runs the program for a card, and returns when it has ended.
func (w *watcher) exec(ctx context.Context, e watchEvent) {
	if w.program == nil || !w.first(e.Reader) {
		return
	}
	name := fmt.Sprintf("%X", []byte(e.UID))
	if name == "" {
		name = e.Reader
	}
	out, errs := &prefixed{w: w.stdout, name: name}, &prefixed{w: w.stderr, name: name}
	if w.json {
		out.w = w.stderr // objects only on stdout
	}
	cmd := exec.CommandContext(ctx, w.program.path)
	cmd.Args = w.program.args
	cmd.Env = append(os.Environ(), fmt.Sprintf("DESFIRE_UID=%X", []byte(e.UID)), "DESFIRE_READER="+e.Reader, "DESFIRE_PRODUCT="+e.Product)
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	began := time.Now()
	err := cmd.Run()
	out.end()
	errs.end()
	ended := watchEvent{Time: time.Now(), Event: "program-ended", cardOf: e.cardOf, ATR: e.ATR}
	var exit *exec.ExitError
	switch {
	case err == nil:
		ended.Exit = new(int)
		w.line(fmt.Sprintf("Program ended well after %s", milliseconds(time.Since(began))), e.Reader)
	case errors.As(err, &exit) && exit.Exited():
		code := exit.ExitCode()
		ended.Exit = &code
		w.warn(fmt.Sprintf("Program ended with exit code %d", code), nil, e.Reader)
	case ctx.Err() != nil && cmd.ProcessState != nil:
		ended.Reason = "the card left"
		w.line("Program ended, since the card left", e.Reader)
	default:
		ended.Reason = oneLine(err)
		w.warn("Program", err, e.Reader)
	}
	w.object(ended)
}

// first reports whether the program did not run yet for the card that lies
// there. One that lost its power for a moment is served again, and was not
// inserted again.
func (w *watcher) first(reader string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.lying[reader]
	if e == nil || e.ran {
		return false
	}
	e.ran = true
	return true
}

// prefixed writes whole lines with a name in front, made visible.
type prefixed struct {
	w    *screen.Stream
	name string
	rest []byte
}

// Write implements io.Writer.
func (p *prefixed) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, ended := bytes.Cut(p.rest, []byte("\n"))
		if !ended && len(p.rest) < longLine {
			return len(b), nil
		}
		if !ended {
			line, rest = p.rest[:longLine], p.rest[longLine:]
		}
		p.print(line)
		p.rest = rest
	}
}

// longLine is how long a line may be before it is broken.
const longLine = 16 << 10

func (p *prefixed) print(line []byte) {
	_ = screen.Fprintf(p.w, "%s: %s\n", p.name, string(bytes.TrimSuffix(line, []byte("\r"))))
}

// end writes what came last.
func (p *prefixed) end() {
	if len(p.rest) > 0 {
		p.print(p.rest)
	}
	p.rest = nil
}
