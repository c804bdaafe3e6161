//go:build !linux && !darwin

package boltjournal_test

import "errors"

// fill needs a limit on files.
func fill(string, uint64) (int, error) { return 0, errors.ErrUnsupported }
