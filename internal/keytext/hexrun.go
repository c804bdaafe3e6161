package keytext

import (
	"strings"
	"unicode"
)

// HexRun is the length of the longest run of hexadecimal digits, whatever separates
// them.
func HexRun(text string) (longest int) {
	run := 0
	for _, c := range text {
		switch {
		case strings.ContainsRune("0123456789abcdefABCDEF", c):
			run++
			longest = max(longest, run)
		case unicode.IsLetter(c):
			run = 0
		}
	}
	return longest
}
