//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// openLine opens both ends of a serial line, a pseudo-terminal that changes no byte. Reading from the far end is ended by
// closing it.
func openLine() (far, line *os.File, err error) {
	end, line, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer end.Close()
	fd, err := syscall.Dup(int(end.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
		err = syscall.SetNonblock(fd, true) // without it a Close waits for a Read
		far = os.NewFile(uintptr(fd), end.Name())
	}
	if err == nil {
		_, err = term.MakeRaw(int(line.Fd()))
	}
	if err != nil {
		if far != nil {
			err = errors.Join(err, far.Close())
		}
		return nil, nil, errors.Join(err, line.Close())
	}
	return far, line, nil
}
