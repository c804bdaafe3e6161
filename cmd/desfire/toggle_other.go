//go:build !unix

package main

import "context"

const toggleHelp = ""

// onToggle does nothing: there is no SIGUSR1 here.
func onToggle(context.Context, func()) {}
