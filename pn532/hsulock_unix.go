//go:build unix

package pn532

import (
	"errors"
	"os"
	"syscall"
)

// errLocked is what another program that locks the port as we do causes.
var errLocked = errors.New("it is locked")

// lockPort keeps other programs away from a serial port, those of root as well,
// which the system lets in: two at one port take each other's answers.
func lockPort(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close()
		return nil, errLocked
	}
	return func() { _ = f.Close() }, nil
}

// readsAtOnce: a read of a port without time returns what is there.
const readsAtOnce = true
