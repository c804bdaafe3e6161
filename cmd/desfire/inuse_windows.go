package main

import (
	"errors"
	"syscall"
)

// inUse reports whether another program has the port.
func inUse(err error) bool {
	const inUse, noAccess = syscall.Errno(10048), syscall.Errno(10013) // WSAEADDRINUSE, WSAEACCES
	return errors.Is(err, inUse) || errors.Is(err, noAccess)
}
