package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// What is closed when a program starts, the runtime opens again as the null
// device, for reading and writing, where output gets lost without an error. It
// can hardly be told from output that somebody does not want; but a shell opens
// what is behind > for writing only, and what it hands on it has itself.

// posixShells are programs that start others with files as somebody typed.
var posixShells = []string{"ash", "bash", "busybox", "dash", "fish", "ksh", "mksh", "sh", "zsh"}

// closedByShell reports whether a shell that started this program had closed a
// file of it. Where that is not known, it had not.
func closedByShell(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR || !isNull(fmt.Sprintf("/proc/self/fd/%d", fd)) {
		return false
	}
	parent := fmt.Sprintf("/proc/%d", os.Getppid())
	name, err := os.ReadFile(filepath.Join(parent, "comm"))
	if err != nil || !slices.Contains(posixShells, strings.TrimSpace(string(name))) {
		return false
	}
	files := filepath.Join(parent, "fd")
	if _, err := os.ReadDir(files); err != nil {
		return false
	}
	return !isNull(filepath.Join(files, fmt.Sprint(fd)))
}

func isNull(link string) bool {
	to, err := os.Readlink(link)
	return err == nil && to == os.DevNull
}
