package wellknown

import (
	"iter"
	"strconv"
	"strings"
)

// rows are the lines of a table, without comments.
func rows(table string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if !yield(strings.Split(strings.TrimRight(line, "\r\n"), "\t")) {
				return
			}
		}
	}
}

// number reads hexadecimal digits; the tests read every one of the tables.
func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 16, 24)
	if err != nil {
		panic("wellknown: " + err.Error())
	}
	return uint32(n)
}
