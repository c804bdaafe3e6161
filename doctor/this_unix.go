//go:build unix

package doctor

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

const readAndWrite = 6 // R_OK|W_OK of unistd.h

func may(name string) error {
	if err := syscall.Access(name, readAndWrite); err != nil {
		return &fs.PathError{Op: "access", Path: name, Err: err}
	}
	return nil
}

func groupOf(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fs.ErrInvalid
	}
	return groupName(int(st.Gid)), nil
}

// groupName is the name of a group, or its number where it has none.
func groupName(id int) string {
	text := strconv.Itoa(id)
	if g, err := user.LookupGroupId(text); err == nil {
		return g.Name
	}
	return text
}
