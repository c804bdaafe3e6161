//go:build !unix

package main

import "os"

// reloadSignals are none: here a policy is read at the start only.
var reloadSignals []os.Signal
