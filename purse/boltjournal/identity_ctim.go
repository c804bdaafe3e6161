//go:build dragonfly || illumos || linux || openbsd || solaris

package boltjournal

import (
	"fmt"
	"os"
	"syscall"
)

// identity tells a file from a copy of it, also from one that was written over it:
// by its number and by when it was last changed, which nobody can choose.
func identity(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d at %d.%09d", st.Ino, st.Ctim.Sec, st.Ctim.Nsec), nil
	}
	return "", nil
}
