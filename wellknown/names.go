package wellknown

import (
	"encoding/hex"
	"strings"
)

// dfNames are application identifiers of ISO 7816-5, with what they are known
// as. A shorter one is the registered provider's.
var dfNames = [...]struct{ prefix, name string }{
	{"D2760000850100", "MIFARE DESFire, or NFC Forum Type 4 Tag version 1.0"},
	{"D2760000850101", "NFC Forum Type 4 Tag (NDEF)"},
	{"A000000396", "NXP"},
	{"A00000039656434103F0", "MIFARE, virtual card selection"},
	{"A00000039656434103F01540", "MIFARE DESFire Light"},
	{"A000000308000010", "PIV"},
	{"A000000308", "NIST"},
	{"A0000003974349445F0100", "Microsoft PNP (CID)"},
	{"A00000039742544659", "Microsoft identity device (BTFY, GIDS)"},
	{"A000000397", "Microsoft"},
	{"A0000000031010", "Visa"},
	{"A0000000032010", "Visa Electron"},
	{"A000000003000000", "GlobalPlatform issuer security domain"},
	{"A0000000041010", "Mastercard"},
	{"A0000000043060", "Maestro"},
	{"A00000002501", "American Express"},
	{"A0000001523010", "Discover"},
	{"A0000000651010", "JCB"},
	{"A000000333010101", "UnionPay debit"},
	{"A000000333010102", "UnionPay credit"},
	{"A0000000421010", "Cartes Bancaires"},
	{"A0000002771010", "Interac"},
	{"A000000151000000", "GlobalPlatform issuer security domain"},
	{"A0000001510000", "GlobalPlatform card manager"},
	{"A0000002471001", "ICAO travel document"},
	{"A0000002472001", "ICAO travel document, supplemental"},
	{"A00000024710FF", "ICAO master file"},
	{"D27600012401", "OpenPGP card"},
	{"A0000006472F0001", "FIDO U2F and FIDO2"},
	{"A0000005272001", "YubiKey OTP"},
	{"A0000005272101", "YubiKey OATH"},
	{"A000000527471117", "YubiKey management"},
	{"A000000063504B43532D3135", "PKCS #15"},
	{"E828BD080FA000000167455349474E", "eSign"},
	{"A0000000871002", "3GPP USIM"},
	{"A0000000871004", "3GPP ISIM"},
	{"A0000000090001", "ETSI SIM"},
	{"A000000404012509", "Calypso (Navigo)"},
	{"A00000085801", "Apple home key"},
	{"A000000909ACCE5501", "Aliro"},
	{"A000000809434343444B417631", "car key (CCC)"},
	{"A000000440000101", "HID Seos"},
	{"F0010203040506", "an Android example for host card emulation"},
	{"F222222222", "an Android example for host card emulation"},
}

// textNames are names that are text.
var textNames = [...]struct{ prefix, name string }{
	{"1PAY.SYS.DDF01", "EMV payment system environment"},
	{"2PAY.SYS.DDF01", "EMV proximity payment system environment"},
	{"OSE.VAS.01", "value added services (Apple Pay, Google Pay)"},
	{"1TIC.ICA", "Calypso"},
	{"2TIC.ICA", "Calypso"},
	{"3MTR.ICA", "Calypso"},
}

// DFName says what the name of an application, as SELECT of ISO 7816-4 has it, is
// known as; empty if it is not. It is matched by its beginning, the longest
// counts.
func DFName(name []byte) string {
	digits := strings.ToUpper(hex.EncodeToString(name))
	best, known := 0, ""
	for _, d := range dfNames {
		if len(d.prefix) > best && strings.HasPrefix(digits, d.prefix) {
			best, known = len(d.prefix), d.name
		}
	}
	for _, d := range textNames {
		if strings.HasPrefix(string(name), d.prefix) {
			return d.name
		}
	}
	return known
}

// Elsewhere reports whether a name is known as that of an application that no
// DESFire card has: programs ask every card for theirs.
func Elsewhere(name []byte) bool {
	digits := strings.ToUpper(hex.EncodeToString(name))
	return DFName(name) != "" && !strings.HasPrefix(digits, "D27600008501") && !strings.HasPrefix(digits, "A000000396")
}
