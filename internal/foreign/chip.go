package foreign

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Frames of the PN53x family: D4 and a command from the host, D5 and the next
// number from the chip (PN532 user manual, 7).
const (
	fromHost = 0xD4
	fromChip = 0xD5

	inDataExchange    = 0x40
	inCommunicateThru = 0x42
)

func isChip(b []byte) bool { return len(b) >= 2 && b[0] == fromHost && chipNames[b[1]] != "" }

var chipNames = map[byte]string{
	0x00: "Diagnose", 0x02: "GetFirmwareVersion", 0x04: "GetGeneralStatus", 0x06: "ReadRegister", 0x08: "WriteRegister",
	0x0C: "ReadGPIO", 0x0E: "WriteGPIO", 0x10: "SetSerialBaudRate", 0x12: "SetParameters", 0x14: "SAMConfiguration",
	0x16: "PowerDown", 0x32: "RFConfiguration", 0x38: "AlparCommandForTDA", 0x58: "RFRegulationTest", 0x56: "InJumpForDEP",
	0x46: "InJumpForPSL", 0x4A: "InListPassiveTarget", 0x50: "InATR", 0x4E: "InPSL", inDataExchange: "InDataExchange",
	inCommunicateThru: "InCommunicateThru", 0x44: "InDeselect", 0x52: "InRelease", 0x54: "InSelect", 0x60: "InAutoPoll",
	0x48: "InActivateDeactivatePaypass", 0x8C: "TgInitAsTarget", 0x92: "TgSetGeneralBytes", 0x86: "TgGetData", 0x8E: "TgSetData",
	0x94: "TgSetMetaData", 0x88: "TgGetInitiatorCommand", 0x90: "TgResponseToInitiator", 0x8A: "TgGetTargetStatus",
}

// chip describes a frame for a PN53x.
func chip(b []byte) *Command {
	c := &Command{Frame: Frame{Class: fromHost, At: min(2, len(b)), Le: -1}, Whose: Chip, Kept: min(2, len(b)), End: len(b), Bare: true}
	if !isChip(b) {
		return c
	}
	c.INS, c.Name = b[1], chipNames[b[1]]
	c.Data = b[2:]
	switch c.INS {
	case inDataExchange:
		if len(c.Data) > 0 {
			c.add(word("Target", fmt.Sprint(c.Data[0]&0x0F)))
			c.Kept++
			c.tag(c.Data[1:])
		}
	case inCommunicateThru:
		c.tag(c.Data)
	case 0x86, 0x8E, 0x88, 0x90, 0x94, 0x38: // frames that pass
		c.add(hidden("Data", c.Data))
	case 0x4A, 0x44, 0x52, 0x54, 0x60, 0x50, 0x46, 0x56, 0x16:
		c.Resets = true
		fallthrough
	default:
		c.keepAll()
		c.Resets = c.Resets || c.INS == 0x32 && len(c.Data) > 1 && c.Data[0] == 1 && c.Data[1]&1 == 0 // the field goes off
		c.data()
	}
	inner := c.answer
	c.answer = func(d []byte) []wire.Field {
		switch rest, ok := chipAnswer(d, c.INS); {
		case !ok:
			return []wire.Field{field("Data", 0, d)}
		case hasError(c.INS) && len(rest) > 0:
			list := []wire.Field{word("Error", ChipError(rest[0]))}
			if len(rest) > 1 && inner != nil {
				return append(list, inner(rest[1:])...)
			}
			if len(rest) > 1 {
				list = append(list, field("Data", 0, rest[1:]))
			}
			return list
		case len(rest) > 0:
			return []wire.Field{field("Data", 0, rest)}
		}
		return nil
	}
	return c
}

// chipAnswer is what follows D5 and the number of the command.
func chipAnswer(d []byte, ins byte) ([]byte, bool) {
	if len(d) < 2 || d[0] != fromChip || d[1] != ins+1 {
		return nil, false
	}
	return d[2:], true
}

// hasError reports whether the answer to a command begins with an error byte.
func hasError(ins byte) bool {
	switch ins {
	case inDataExchange, inCommunicateThru, 0x44, 0x52, 0x54, 0x56, 0x46, 0x50, 0x4E, 0x86, 0x8E, 0x88, 0x90, 0x92, 0x94:
		return true
	}
	return false
}

// ChipError says the error byte of a PN53x in words (user manual, 7.1).
func ChipError(b byte) string {
	text := chipErrors[b&0x3F]
	switch {
	case b&0x3F == 0:
		text = "none"
	case text == "":
		text = "unknown error"
	}
	return fmt.Sprintf("%02X, %s", b&0x3F, text)
}

var chipErrors = map[byte]string{
	0x01: "time out: the card did not answer", 0x02: "CRC error", 0x03: "parity error", 0x04: "wrong bit count", 0x05: "framing error",
	0x06: "collision", 0x07: "communication buffer too small", 0x09: "RF buffer overflow", 0x0A: "the field was not switched on in time",
	0x0B: "RF protocol error", 0x0D: "overheated", 0x0E: "internal buffer overflow", 0x10: "invalid parameter",
	0x12: "command not supported in target mode", 0x13: "wrong data format", 0x14: "authentication error (MIFARE)",
	0x18: "not supported: no secure NFC", 0x19: "I2C bus line is busy", 0x23: "wrong UID check byte", 0x25: "invalid device state",
	0x26: "operation not allowed", 0x27: "command not acceptable in this context: no card was activated", 0x29: "the target was released",
	0x2A: "the card was exchanged for another one", 0x2B: "the card left the field", 0x2C: "NFCID3 mismatch", 0x2D: "over-current", 0x2E: "NAD missing",
}

// tag describes a frame for a card that is no DESFire card: MIFARE Classic and
// Ultralight, which have no status.
func (c *Command) tag(b []byte) {
	name, clear := tagFrame(b)
	if name == "" {
		c.add(hidden("Data", b))
		return
	}
	c.Whose = OtherCard
	c.add(word("Frame", name))
	if len(b) > 1 && clear > 1 {
		c.add(word("Block", fmt.Sprint(b[1])))
	}
	c.Kept += min(clear, len(b))
	c.KeepAnswer = true
}
