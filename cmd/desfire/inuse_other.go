//go:build !windows

package main

import (
	"errors"
	"syscall"
)

// inUse reports whether another program has the port.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
