//go:build unix

package main

import "syscall"

// apart starts a program that Ctrl-C in this terminal does not end.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
