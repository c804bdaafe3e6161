//go:build !unix

package pn532

import "errors"

// errLocked does not come here.
var errLocked = errors.New("it is locked")

// lockPort does nothing: the system opens a port once.
func lockPort(string) (unlock func(), err error) { return func() {}, nil }

// readsAtOnce: a read of a port without time returns what is there. Drivers for Windows
// wait, or spin, see serial_windows.go of go.bug.st/serial.
const readsAtOnce = false
