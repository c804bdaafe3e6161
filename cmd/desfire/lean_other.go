//go:build !linux

package main

import "runtime/debug"

// lean makes a program small that is there for months and does little.
func lean() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(16 << 20)
}
