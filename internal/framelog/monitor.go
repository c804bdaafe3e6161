package framelog

import "strings"

// monitor is what the serial monitor of Arduino puts before each line: a time
// and an arrow that says nothing of a direction.
//
//	12:01:02.123 -> Sending: 90 60 00 00 00
const monitor = " -> "

// monitored reports whether the monitor wrote all the lines that begin with a
// time: more than one, and none with another sign behind the time.
func monitored(text string) bool {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, " \t")
		if len(line) < len("12:01:02.123") || line[2] != ':' || line[8] != '.' || !isTime(line[:12]) {
			continue
		}
		if !strings.HasPrefix(line[12:], strings.TrimRight(monitor, " ")) {
			return false
		}
		n++
	}
	return n > 1
}

// unmonitored takes the time and the arrow off a line.
func unmonitored(l line) line {
	i := strings.Index(l.text, monitor)
	if i < 0 || !isTime(strings.TrimSpace(l.text[:i])) {
		return l
	}
	i += len(monitor)
	if l.text = l.text[i:]; l.at != nil {
		l.at = l.at[i:]
	} else {
		l.base += i
	}
	return l
}
