//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

const toggleHelp = ", and so does the signal SIGUSR1"

// onToggle calls f at each SIGUSR1 until ctx ends.
func onToggle(ctx context.Context, f func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	go func() {
		defer signal.Stop(c)
		for {
			select {
			case <-ctx.Done():
				return
			case <-c:
				f()
			}
		}
	}()
}
