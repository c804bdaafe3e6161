package screen

import (
	"os"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// Terminal reports whether a stream, for reading or writing, is one.
func Terminal(stream any) bool {
	f := File(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// File is the file that a stream is, or says that it reads; nil if there is none.
func File(stream any) *os.File {
	switch s := stream.(type) {
	case *Stream:
		stream = s.Unwrap()
	case interface{ File() *os.File }:
		return s.File()
	}
	f, _ := stream.(*os.File)
	return f
}

// TakesColor reports whether w takes colors (see no-color.org), and makes it
// ready for them.
func TakesColor(w any) bool {
	if !Terminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	lipgloss.EnableLegacyWindowsANSI(File(w))
	return true
}

// Columns is how wide w is, 0 if it is no terminal.
func Columns(w any) int {
	if !Terminal(w) {
		return 0
	}
	n, _, err := term.GetSize(int(File(w).Fd()))
	if err != nil {
		return 0
	}
	return n
}
