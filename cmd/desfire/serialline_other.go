//go:build !unix

package main

import (
	"fmt"
	"os"
	"runtime"
)

// openLine fails: a serial line for other programs needs a driver here.
func openLine() (far, line *os.File, err error) {
	return nil, nil, fmt.Errorf("%s has no pseudo-terminals; present the card with --listen", runtime.GOOS)
}
