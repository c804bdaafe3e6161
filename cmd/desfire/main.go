// Command desfire works with MIFARE DESFire cards: on a PC/SC reader, behind a
// socket, or simulated.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	// A pipe that nobody reads is an error of the write, which is reported, and
	// no end in the middle of what is done to a card. Children are not affected.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		lean() // before more is needed than for the start
	}
	var stdout io.Writer = os.Stdout
	if closedByShell(1) {
		stdout = closed{}
	}
	os.Exit(run(os.Args[1:], os.Stdin, stdout, os.Stderr))
}

// closed is output that was closed before the program began.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("standard output is closed") }

// run is the whole program; the result is its exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	a := newApp(stdin, stdout, stderr)
	root := a.rootCommand()
	root.SetArgs(joinTraceFile(args))
	err := root.ExecuteContext(ctx)
	a.putAway()
	if errors.As(err, new(*usageError)) && !a.json { // of a flag before this one
		at := slices.Index(args, "--")
		a.json = slices.Contains(args[:max(at, 0)], "--json") || at < 0 && slices.Contains(args, "--json")
	}
	return a.report(ctx, err)
}
