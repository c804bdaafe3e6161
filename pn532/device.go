package pn532

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// left reports whether an error of a transfer says that the device has gone. ENXIO
// does not: some drivers say so of a chip that does not take its address.
func left(err error) bool {
	return errors.Is(err, syscall.ENODEV) || errors.Is(err, os.ErrClosed)
}

// advice is what a person can do about an error.
type advice struct {
	err error
	do  string
}

func (a *advice) Error() string { return fmt.Sprintf("%v; %s", a.err, a.do) }
func (a *advice) Unwrap() error { return a.err }

// busAdvice is the advice on the buses of a Raspberry Pi, with which a PN532 is
// mostly met. The files are named alike on other boards.
type busAdvice struct {
	name, parameter, group string
}

var (
	i2cAdvice = busAdvice{"I2C", "i2c_arm", "i2c"}
	spiAdvice = busAdvice{"SPI", "spi", "spi"}
)

// problem judges the error of opening a device.
func (b busAdvice) problem(at address, err error) error {
	e := &LineError{Address: at.text, Problem: Failed, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Problem = NotThere
		e.Err = &advice{err, fmt.Sprintf("switch %s on: on a Raspberry Pi dtparam=%s=on in /boot/firmware/config.txt, then restart it", b.name, b.parameter)}
	case errors.Is(err, fs.ErrPermission):
		e.Problem = NoRight
		e.Err = &advice{err, fmt.Sprintf("add the user to the group %s: sudo usermod -aG %s $USER, then log in anew", b.group, b.group)}
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EBUSY):
		e.Problem = InUse
	case errors.Is(err, errors.ErrUnsupported):
		e.Problem = Unsupported
	}
	return e
}
