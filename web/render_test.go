package web

import "testing"

// Rows of digits are set in one width, words are not.
func TestDigits(t *testing.T) {
	for text, want := range map[string]bool{"5A3AFFB9EC4E068D": true, "4500": false, "not asked": false, "DEADBEEF": true, "enciphered": false, "": false} {
		if digits(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

// Generations are named as cards are sold.
func TestProductOf(t *testing.T) {
	for name, want := range map[string]string{"ev3": "DESFire EV3", "d40": "DESFire (D40)", "ntag424": "NTAG 424 DNA", "light": "DESFire Light", "ev9": "ev9"} {
		if got := productOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
