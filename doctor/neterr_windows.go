package doctor

import (
	"errors"
	"syscall"
)

// Errors of Windows Sockets, which package syscall has under other names.
const (
	wsaNetUnreachable  = syscall.Errno(10051)
	wsaRefused         = syscall.Errno(10061)
	wsaHostUnreachable = syscall.Errno(10065)
)

// refused reports whether nobody listens at an address.
func refused(err error) bool { return errors.Is(err, wsaRefused) }

// unreachable reports whether there is no way to an address.
func unreachable(err error) bool {
	return errors.Is(err, wsaHostUnreachable) || errors.Is(err, wsaNetUnreachable)
}
