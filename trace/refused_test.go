package trace

import (
	"strings"
	"testing"
)

// Why cards refused what readers sent them, in two recordings.
func TestRefusalsAreExplained(t *testing.T) {
	all := recordings(t)
	for name, want := range map[string]map[string]int{
		"nfccpp-ev2-picc-changekey-ae": {"enciphered its token": 5, "the card holds another one": 2},
		"pydesfire-20-changekey-1e":    {"80 for the PICC master key": 1},
		"rfdoorlock-ev1-2k3des":        {"refused": 0},
	} {
		got := map[string]int{}
		for _, m := range Verify(all[name], nil).Messages {
			for text := range want {
				if strings.Contains(m.Note, text) {
					got[text]++
				}
			}
		}
		for text, n := range want {
			if got[text] != n {
				t.Errorf("%s: %q stands %d times, want %d", name, text, got[text], n)
			}
		}
	}
}
