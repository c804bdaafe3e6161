package visible

import (
	"fmt"
	"strings"
)

// Number is a whole number for people to read: from five digits on with a thin gap
// before the last three, and so on, that no line breaks at; and with a minus sign
// that is as long as a plus.
func Number[N ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](n N) string {
	return Gaps(fmt.Sprint(n))
}

// Gaps is Number of a whole number that is written already. What is none is not for
// it.
func Gaps(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "\u2212", s[1:]
	}
	for i := len(s) - 3; i > 0 && len(s) > 4; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return sign + s
}
