//go:build !linux

package bench_test

import "testing"

// services needs a pcscd with virtual readers.
func services(t testing.TB, _ size) []row {
	t.Helper()
	t.Skip("needs a PC/SC stack with virtual readers, on Linux")
	return nil
}
