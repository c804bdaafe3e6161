//go:build !unix

package pn532

import "errors"

// errLocked does not come here.
var errLocked = errors.New("it is locked")

// lockPort does nothing: the system opens a port once.
func lockPort(string) (unlock func(), err error) { return func() {}, nil }
