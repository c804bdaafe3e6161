package foreign

import "github.com/go-desfire/desfire/wire"

// Tag describes a frame for MIFARE Classic, Ultralight or NTAG that came by
// itself, and not inside of another, where it and its answer are such: no DESFire
// card has a frame like it. cut is where in the frame bytes were cut, its length
// for nowhere.
func Tag(b, answer []byte, cut int) (*Command, bool) {
	name, clear := bareTag(b, answer)
	if name == "" || cut < clear {
		return nil, false
	}
	c := &Command{Frame: Frame{Class: b[0], INS: b[0], At: 1, Le: -1, Data: b[1:]}, Name: name, Whose: OtherCard, End: len(b), Kept: clear, KeepAnswer: true, Bare: true}
	c.data()
	if clear < len(b) {
		c.Fields = []wire.Field{hidden("Data", c.Data)}
	}
	return c, true
}

// bareTag is tagFrame where the answer decides.
func bareTag(b, answer []byte) (name string, clear int) {
	n, got := len(b), len(answer)
	acked := got == 1 && answer[0] <= 0x0A // four bits: A, or why not
	switch {
	case n == 1 && b[0] == 0x60 && got == 8 && answer[0] == 0 && answer[1] == 0x04:
		return "GET_VERSION (NTAG, Ultralight)", 1
	case n == 2 && b[0] == 0x3C && got == 32:
		return "READ_SIG (NTAG, Ultralight)", 2
	case (n == 2 || n == 4) && (b[0] == 0x60 || b[0] == 0x61) && got == 4:
		return "MIFARE Classic authentication with key " + keyType(b[0]), n
	case (n == 2 || n == 4) && b[0] == 0x30 && (got == 16 || got == 18 || acked):
		return "READ (MIFARE Classic, Ultralight)", n
	case n == 3 && b[0] == 0x3A && got > 0 && got%4 == 0:
		return "FAST_READ (Ultralight)", n
	case n == 6 && b[0] == 0xA2 && acked, n == 18 && b[0] == 0xA0 && acked, n == 5 && b[0] == 0x1B && got == 2, n == 2 && b[0] == 0x39 && got == 3:
		return tagFrame(b)
	}
	return "", 0
}

// tagFrame names a frame for MIFARE Classic and Ultralight. clear is how much
// of it is no key.
func tagFrame(b []byte) (name string, clear int) {
	switch n := len(b); {
	case n >= 8 && n != 17 && (b[0] == 0x60 || b[0] == 0x61): // block, key, UID
		return "MIFARE Classic authentication with key " + keyType(b[0]), 2
	case n == 2 && b[0] == 0x30:
		return "READ (MIFARE Classic, Ultralight)", 2
	case n == 3 && b[0] == 0x3A:
		return "FAST_READ (Ultralight)", 3
	case n == 18 && b[0] == 0xA0:
		return "WRITE (MIFARE Classic)", 2
	case n == 6 && b[0] == 0xA2:
		return "WRITE (Ultralight)", 2
	case n == 5 && b[0] == 0x1B:
		return "PWD_AUTH (Ultralight)", 1
	case n == 2 && b[0] == 0x1A && b[1] == 0:
		return "", 0 // Ultralight C, or a DESFire card's own
	case n == 2 && b[0] == 0x39:
		return "READ_CNT (Ultralight)", 2
	case n == 2 && (b[0] == 0xE0 || b[0] == 0x50):
		return map[byte]string{0xE0: "RATS", 0x50: "HLTA"}[b[0]], 1
	}
	return "", 0
}
