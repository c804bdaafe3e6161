package pcsc

import (
	"encoding/hex"
	"strings"
	"testing"
)

// Names as pcsc-lite, Windows and macOS give them.
func TestIgnoredReader(t *testing.T) {
	for name, want := range map[string]string{
		"Virtual PCD 00 00":                "",
		"ACS ACR122U PICC Interface 00 00": "",
		"ACS ACR122 0":                     "",
		"OMNIKEY CardMan 5x21-CL 0":        "",
		"OMNIKEY AG CardMan 5121 00 01":    "",
		"HID Global OMNIKEY 5022 Smart Card Reader [OMNIKEY 5022 Smart Card Reader] 00 00": "",
		"ACS ACR1252 1S CL Reader [ACR1252 1S CL Reader PICC] 00 00":                       "",
		"ACS ACR1252 1S CL Reader [ACR1252 1S CL Reader SAM] 01 00":                        "SAM",
		"ACS ACR1252 1S CL Reader SAM 0":                                                   "SAM",
		"ACS ACR1281 1S Dual Reader [ACR1281 1S Dual Reader ICC] 00 00":                    "contact",
		"ACS ACR1281 1S Dual Reader [ACR1281 1S Dual Reader PICC] 00 01":                   "",
		"ACS ACR1281 1S Dual Reader [ACR1281 1S Dual Reader SAM] 00 02":                    "SAM",
		"ACS ACR128U ICC Interface 0":                                                      "contact",
		"Identiv uTrust 4701 F Dual Interface Reader [uTrust 4701 F Contact Reader] 00 00": "contact",
		"Identiv uTrust 4701 F Dual Interface Reader [uTrust 4701 F CL Reader] 01 00":      "",
		"Gemalto Prox-DU [Prox-DU Contact_10900103-00000] 00 00":                           "contact",
		"Gemalto Prox-DU [Prox-DU Contactless_10900103-00000] 01 00":                       "",
		"Broadcom Corp 5880 [Contacted SmartCard] (0123456789ABCD) 00 00":                  "contact",
		"Broadcom Corp 5880 [Contactless SmartCard] (0123456789ABCD) 00 00":                "",
		"SAMSUNG NFC 00 00": "",
	} {
		got := ignoredReader(name)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestIgnoredCard(t *testing.T) {
	for _, test := range []struct {
		reader, atr string
		state       State
		ignored     bool
	}{
		{"Reader", "3B8180018080", StatePresent, false},                             // DESFire
		{"Reader", "3B8F8001804F0CA000000306030001000000006A", StatePresent, false}, // MIFARE Classic 1K
		{"Reader", "3B80800101", StatePresent, false},                               // no historical bytes
		{"Reader", "3BFD1300008131FE158073C021C057597562694B657940", StatePresent, true},
		{"Reader", "3B", StatePresent, true},
		{"Reader", "", StatePresent, false}, // not powered yet
		{"Reader", "", StatePresent | StateMute, true},
		{"Virtual PCD 00 00", "3BFD130000", StatePresent, false},
		{"Virtual PCD 00 00", "", StatePresent | StateMute, true},
	} {
		atr, err := hex.DecodeString(test.atr)
		if err != nil {
			t.Fatal(err)
		}
		if got := ignoredCard(profileOf(test.reader), test.state, atr); (got != "") != test.ignored {
			t.Errorf("%s, %s, %v: %q", test.reader, test.atr, test.state, got)
		}
	}
}

func TestProfiles(t *testing.T) {
	for name, want := range map[string]string{
		"Virtual PCD 00 01": "virtual", "ACS ACR122U PICC Interface 00 00": "acr122", "ACS ACR122 0": "acr122",
		"touchatag 00 00": "acr122", "ACS ACR1252 1S CL Reader PICC 0": "standard", "": "standard",
	} {
		if got := profileOf(name).name; got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
