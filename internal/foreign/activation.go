package foreign

import "github.com/go-desfire/desfire/wire"

// Activation is Command.Whose of the frames that find a card and activate it
// (ISO/IEC 14443-3 and -4).
const Activation = "card's activation"

// IsActivation reports whether a frame and its answer are those of an activation:
// no DESFire command looks like it.
func IsActivation(b, answer []byte) bool { return activationName(b, answer) != "" }

func activationName(b, answer []byte) string {
	n := len(b)
	crc := func(want int) bool { return n == want || n == want+2 }
	switch {
	case n == 0:
	case n == 1 && (b[0] == 0x26 || b[0] == 0x52) && (len(answer) == 0 || len(answer) == 2):
		return map[byte]string{0x26: "REQA", 0x52: "WUPA"}[b[0]]
	case n == 2 && isLevel(b[0]) && b[1] == 0x20:
		return "ANTICOLLISION"
	case isLevel(b[0]) && crc(7) && n > 1 && b[1] == 0x70:
		return "SELECT (ISO/IEC 14443-3)"
	case crc(2) && b[0] == 0x50 && b[1] == 0x00:
		return "HLTA"
	case crc(2) && b[0] == 0xE0 && (len(answer) == 0 || int(answer[0]) == len(answer) || int(answer[0]) == len(answer)-2):
		return "RATS"
	case (crc(2) || crc(3)) && b[0]&0xF0 == 0xD0 && b[1]&0xEF == 0x01 && len(answer) > 0 && answer[0] == b[0]:
		return "PPS"
	case (n == 1 || n == 3) && b[0] == 0xC2 && (len(answer) == 0 || answer[0] == 0xC2):
		return "DESELECT"
	}
	return ""
}

func isLevel(b byte) bool { return b == 0x93 || b == 0x95 || b == 0x97 }

// DescribeActivation describes a frame that IsActivation.
func DescribeActivation(b, answer []byte) *Command {
	c := &Command{Frame: Frame{Class: b[0], At: 1, Le: -1, Data: b[1:]}, Name: activationName(b, answer), Whose: Activation, End: len(b), Bare: true}
	c.keepAll()
	c.data()
	name := map[string]string{"REQA": "ATQA", "WUPA": "ATQA", "ANTICOLLISION": "UID", "RATS": "ATS"}[c.Name]
	if c.Name == "SELECT (ISO/IEC 14443-3)" {
		name = "SAK"
	}
	if name != "" {
		c.answer = func(d []byte) []wire.Field { return []wire.Field{field(name, 0, d)} }
	}
	switch c.Name {
	case "REQA", "WUPA", "RATS", "HLTA", "DESELECT":
		c.Resets = true
	}
	return c
}
