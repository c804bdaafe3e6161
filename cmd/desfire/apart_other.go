//go:build !unix

package main

import "syscall"

// apart starts a program as usual: one with a window does not get Ctrl-C.
func apart() *syscall.SysProcAttr { return nil }
