//go:build unix

package keytext

import (
	"io/fs"
	"os"
	"syscall"
)

// Access is who else can get at a file.
type Access struct {
	Read  bool // others than its owner can read it
	Write bool // others than its owner can write it
	Own   bool // its owner is the user or root
}

// AccessOf tells who else can get at a file; false where the system does not say
// it in the way of Unix. The bits of the group stand for access control lists as
// well.
func AccessOf(info fs.FileInfo) (Access, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return Access{}, false
	}
	mode := info.Mode().Perm()
	return Access{
		Read:  mode&0o044 != 0,
		Write: mode&0o022 != 0,
		Own:   st.Uid == 0 || int64(st.Uid) == int64(os.Geteuid()),
	}, true
}
