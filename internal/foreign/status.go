package foreign

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Status says the status of an answer in words, as whose it is means it.
func Status(whose string, sw uint16) string {
	var table map[uint16]string
	switch whose {
	case Reader, Chip, OtherCard:
		table = readerStatuses
	case SAM:
		table = samStatuses
	}
	if text, ok := table[sw]; ok {
		return text
	}
	if sw>>8 == 0x9F { // 3GPP TS 51.011
		return fmt.Sprintf("%d bytes are there to be had (%04X, SIM cards)", sw&0xFF, sw)
	}
	return wire.Status(sw).Error()
}

// readerStatuses are those of PC/SC part 3 that mean something else than in ISO
// 7816-4.
var readerStatuses = map[uint16]string{
	0x9000: "done",
	0x6300: "operation failed (6300): the reader gives no reason, often that no card is there or it did not answer",
	0x6282: "the end was reached before as many bytes as asked for (6282)",
	0x6581: "memory failure (6581): the card did not take it",
	0x6800: "class not supported (6800)",
	0x6981: "command incompatible with the card (6981)",
	0x6982: "security status not satisfied (6982): authenticate first",
	0x6983: "the authentication cannot be done (6983)",
	0x6984: "the key cannot be used (6984)",
	0x6986: "command not allowed (6986)",
	0x6988: "wrong key number (6988)",
	0x6989: "wrong key length (6989)",
	0x6A81: "function not supported by this reader or card (6A81)",
	0x6A82: "no such block (6A82)",
	0x6B00: "wrong P1 or P2 (6B00)",
}

// samStatuses are those of MIFARE SAMs, as NXP's public library names them.
var samStatuses = map[uint16]string{
	0x9000: "done",
	0x90AF: "more to come (90AF)",
	0x901E: "cryptography failed (901E): MAC, CRC or padding is wrong, or an authentication",
	0x90BE: "MIFARE Plus protocol error (90BE)",
	0x90BF: "MIFARE Plus answered an error (90BF)",
	0x90C0: "the UID is not yet complete (90C0)",
	0x90DF: "MIFARE DESFire protocol error (90DF)",
	0x90E0: "no answer from the card (90E0)",
	0x90E1: "bit count or protocol error (90E1)",
	0x90E2: "parity error (90E2)",
	0x90E4: "CRC error (90E4)",
	0x90E5: "RF error (90E5)",
	0x90E8: "collision (90E8)",
	0x90EF: "MIFARE protocol error (90EF)",
	0x6400: "memory failure (6400)",
	0x6501: "the key entry could not be created (6501)",
	0x6502: "no key with this reference number (6502)",
	0x6503: "no key usage counter with this number (6503)",
	0x6982: "integrity error, or not authenticated (6982)",
	0x6984: "wrong key reference, or the key is damaged (6984)",
	0x6985: "conditions of use not satisfied (6985): key type, CID or key limit",
	0x6A82: "no such key version (6A82)",
}
