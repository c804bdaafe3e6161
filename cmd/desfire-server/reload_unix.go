//go:build unix

package main

import (
	"os"
	"syscall"
)

// reloadSignals ask for the key policy to be read again.
var reloadSignals = []os.Signal{syscall.SIGHUP}
