//go:build !unix

package lineedit

import "golang.org/x/term"

func suspend() {}

func (e *Editor) watch(*term.Terminal, int) (end func()) { return func() {} }
