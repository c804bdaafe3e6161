package screen

import (
	"os"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// Terminal reports whether a stream, for reading or writing, is one.
func Terminal(stream any) bool {
	f := file(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// file is the file that a stream is, nil if it is none.
func file(stream any) *os.File {
	if s, ok := stream.(*Stream); ok {
		stream = s.Unwrap()
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
	lipgloss.EnableLegacyWindowsANSI(file(w))
	return true
}

// Columns is how wide w is, 0 if it is no terminal.
func Columns(w any) int {
	if !Terminal(w) {
		return 0
	}
	n, _, err := term.GetSize(int(file(w).Fd()))
	if err != nil {
		return 0
	}
	return n
}
