package screen

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dumpLine is how many bytes a line of a dump has.
const dumpLine = 16

// Dump is bytes in hexadecimal with the text that they are in UTF-8 beside them;
// base is the number of the first. A character stands on the line where it
// begins; a byte that is none, or cannot be printed, is a dot.
func Dump(data []byte, base int) Text {
	var b strings.Builder
	begun := 0 // bytes of a line that belong to a character of the line before
	for at := 0; at < len(data); at += dumpLine {
		line := data[at:min(at+dumpLine, len(data))]
		fmt.Fprintf(&b, "%08X ", base+at)
		for i := range dumpLine {
			if i == dumpLine/2 {
				b.WriteByte(' ')
			}
			if i < len(line) {
				fmt.Fprintf(&b, " %02X", line[i])
			} else {
				b.WriteString("   ")
			}
		}
		text, over := dumped(data[at:], begun, len(line))
		begun = over
		fmt.Fprintf(&b, "  |%s|\n", text)
	}
	return Text(b.String())
}

// dumped is the text of the n first bytes of data, of which skip belong to a
// character before, and how many bytes behind them it took.
func dumped(data []byte, skip, n int) (text string, over int) {
	var b strings.Builder
	at := skip
	for at < n {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError || !unicode.IsPrint(r) || unicode.In(r, unicode.Mn, unicode.Me) {
			r, size = '.', 1
		}
		b.WriteRune(r)
		at += size
	}
	return b.String(), at - n
}
