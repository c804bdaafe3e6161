package pcsc

import "strings"

// contactlessATR is how an answer to reset begins that a reader makes for a
// contactless card: TS 3B, T0 8x with x historical bytes, TD1 80, TD2 01.
// Source: PC/SC part 3, 3.1.3.2.3.
func contactlessATR(atr []byte) bool {
	return len(atr) >= 5 && atr[0] == 0x3B && atr[1]&0xF0 == 0x80 && atr[2] == 0x80 && atr[3] == 0x01
}

// ignoredReader tells by its name why a reader takes no part.
//
// A reader with several interfaces names them, on Linux in brackets:
// "ACS ACR1281 1S Dual Reader [ACR1281 1S Dual Reader SAM] 00 02".
func ignoredReader(name string) string {
	if _, inner, ok := strings.Cut(name, "["); ok {
		inner, _, _ = strings.Cut(inner, "]")
		if reason, known := interfaceReason(inner); known {
			return reason
		}
	}
	reason, _ := interfaceReason(name)
	return reason
}

// interfaceReason reports whether the name of an interface says what it is.
func interfaceReason(name string) (reason string, known bool) {
	words := make(map[string]bool)
	for _, w := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		words[w] = true
	}
	switch {
	case words["picc"] || words["contactless"]:
		return "", true
	case words["sam"]:
		return "a slot for a security module (SAM)", true
	case words["icc"] || words["contact"] || words["contacted"]:
		return "a reader for contact cards", true
	}
	return "", false
}

// ignoredCard tells why a card takes no part.
func ignoredCard(p *profile, state State, atr []byte) string {
	switch {
	case state&StateMute != 0:
		return "the card does not answer: lift it and present it again, flat on the reader and one card at a time"
	case len(atr) == 0 || p.anyATR || contactlessATR(atr):
		return ""
	}
	return "a contact card, by its ATR"
}
