package framelog

import "strings"

// saysCut reports whether what follows bytes says that there were more.
func saysCut(tail string) bool {
	tail = strings.ToLower(strings.TrimLeft(tail[:min(len(tail), 40)], " ,;:-.[(<{"))
	for _, w := range [...]string{"truncated", "snip", "cut off", "abbreviated"} {
		if strings.HasPrefix(tail, w) {
			return true
		}
	}
	return strings.Contains(tail, "more byte")
}

// isUnit reports whether a word says that the number before it counts bytes.
func isUnit(w string) bool {
	switch strings.ToLower(w) {
	case "byte", "bytes", "octets", "octet":
		return true
	}
	return false
}

// standsFor reports whether what follows bytes is a sum, or a name in brackets
// that stands for more of them: {encData} + {mac}.
func standsFor(tail string) bool {
	if strings.HasPrefix(strings.TrimLeft(tail, " ]})"), "+ ") {
		return true
	}
	tail = strings.TrimLeft(tail, " ,|-")
	if tail == "" || strings.IndexByte("{[<", tail[0]) < 0 {
		return false
	}
	name := strings.ToLower(tail[1:])
	if i := strings.IndexAny(name, "}]>"); i >= 0 {
		name = name[:i]
	}
	for _, w := range [...]string{"data", "mac", "enc", "payload", "cipher", "crypto", "bytes", "key", "aid", "crc"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// namesLast reports whether a list in braces ends with names instead of bytes:
// , LE}.
func namesLast(tail string) bool {
	list, _, found := strings.Cut(tail, "}")
	if !found || !strings.HasPrefix(strings.TrimSpace(list), ",") {
		return false
	}
	for name := range strings.SplitSeq(list[strings.IndexByte(list, ',')+1:], ",") {
		name = strings.TrimSpace(name)
		if name == "" || digit(name[0]) >= 0 && allDigits(name) {
			return false
		}
		for i := range len(name) {
			if !wordChar(name[i]) || name[i] >= 0x80 {
				return false
			}
		}
	}
	return true
}

// lacks reports whether b is a command that says that it is longer.
func lacks(b []byte) bool {
	return len(b) > 4 && likelyAnswer(b) != strong && len(b) < 5+int(b[4]) && (b[0] == 0x90 || b[0] == 0)
}
