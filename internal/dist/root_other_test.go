//go:build !linux

package dist

import "testing"

// installed needs Linux.
func (b *built1) installed(t *testing.T) { lacks(t, "packages are for Linux") }
