//go:build !linux

package bench_test

import "testing"

// services needs a pcscd with virtual readers.
func services(testing.TB, size) []row { return nil }
