//go:build !windows

package doctor

import (
	"errors"
	"syscall"
)

// refused reports whether nobody listens at an address.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// unreachable reports whether there is no way to an address.
func unreachable(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}
