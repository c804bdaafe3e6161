// Command desfire-server is the centre of a fleet of readers: it runs NATS, lets agents
// in, keeps the ledger and the keys, and shows the fleet on a page.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/go-desfire/desfire/internal/operations"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// lines is a writer for the log and for what else is said, from several goroutines.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// run is the whole program; the result is its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	a := &app{stdout: stdout, stderr: &lines{w: stderr}, disk: operations.Disk}
	root := a.rootCommand()
	root.SetArgs(args)
	return a.report(root.ExecuteContext(ctx))
}
