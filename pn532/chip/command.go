package chip

import (
	"context"
	"fmt"
)

// row is a command. run gets what follows the code and returns what follows the code of the answer;
// false is a syntax error.
type row struct {
	name    string
	antenna bool // it is not executed in the mode of low battery
	run     func(c *Chip, ctx context.Context, in []byte) ([]byte, bool)
}

// commands by code (7.2, 7.3).
var commands = map[byte]row{
	0x00: {"Diagnose", false, (*Chip).diagnose},
	0x02: {"GetFirmwareVersion", false, (*Chip).getFirmwareVersion},
	0x04: {"GetGeneralStatus", false, (*Chip).getGeneralStatus},
	0x06: {"ReadRegister", false, (*Chip).readRegister},
	0x08: {"WriteRegister", false, (*Chip).writeRegister},
	0x10: {"SetSerialBaudRate", false, (*Chip).setSerialBaudRate},
	0x12: {"SetParameters", false, (*Chip).setParameters},
	0x14: {"SAMConfiguration", false, (*Chip).samConfiguration},
	0x16: {"PowerDown", false, (*Chip).powerDown},
	0x32: {"RFConfiguration", false, (*Chip).rfConfiguration},
	0x40: {"InDataExchange", true, (*Chip).inDataExchange},
	0x42: {"InCommunicateThru", true, (*Chip).inCommunicateThru},
	0x44: {"InDeselect", true, (*Chip).inDeselect},
	0x4A: {"InListPassiveTarget", true, (*Chip).inListPassiveTarget},
	0x4E: {"InPSL", true, (*Chip).inPSL},
	0x52: {"InRelease", true, (*Chip).inRelease},
	0x54: {"InSelect", true, (*Chip).inSelect},
}

// Name is the name of a command, for logs.
func Name(code byte) string {
	if r, ok := commands[code]; ok {
		return r.name
	}
	return fmt.Sprintf("command %02X", code)
}

// diagnose: communication line, ROM, RAM, presence of the target, antenna (7.2.1).
func (c *Chip) diagnose(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) == 0 {
		return nil, false
	}
	switch test := in[0]; {
	case test == 0x00: // all comes back
		return in, true
	case test == 0x01 && len(in) == 1, test == 0x02 && len(in) == 1, test == 0x07 && len(in) == 2:
		return []byte{byte(OK)}, true
	case test == 0x06 && len(in) == 1 && !c.power.low():
		switch {
		case c.target == nil || !c.target.selected:
			return c.fail(NotAcceptable), true
		case c.target.Here != nil && !c.target.Here():
			return c.fail(Timeout), true
		}
		return []byte{byte(OK)}, true
	}
	return nil, false
}

// getFirmwareVersion: PN532 V1.6, ISO/IEC 14443 A and B, ISO/IEC 18092.
func (c *Chip) getFirmwareVersion(_ context.Context, in []byte) ([]byte, bool) {
	return []byte{0x32, 0x01, 0x06, 0x07}, len(in) == 0
}

// getGeneralStatus: last error, whether another field is there, targets, SAM.
func (c *Chip) getGeneralStatus(_ context.Context, in []byte) ([]byte, bool) {
	out := []byte{byte(c.lastError), 0}
	if c.target == nil {
		out = append(out, 0)
	} else {
		out = append(out, 1, 1, c.target.brit, c.target.brti, 0) // type: ISO/IEC 14443
	}
	c.lastError = OK
	return append(out, 0x80), len(in) == 0
}

func (c *Chip) readRegister(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) == 0 || len(in)%2 != 0 {
		return nil, false
	}
	var out []byte
	for ; len(in) > 0; in = in[2:] {
		out = append(out, c.registers[uint16(in[0])<<8|uint16(in[1])])
	}
	return out, true
}

func (c *Chip) writeRegister(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) == 0 || len(in)%3 != 0 {
		return nil, false
	}
	for ; len(in) > 0; in = in[3:] {
		c.registers[uint16(in[0])<<8|uint16(in[1])] = in[2]
	}
	return nil, true
}

// setSerialBaudRate: 9600 to 1288000 baud. This chip understands any rate at any time.
func (c *Chip) setSerialBaudRate(_ context.Context, in []byte) ([]byte, bool) {
	return nil, len(in) == 1 && in[0] <= 8
}

// automaticRATS is a flag of SetParameters: cards of ISO/IEC 14443-4 are activated.
const automaticRATS = 0x10

func (c *Chip) setParameters(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) != 1 {
		return nil, false
	}
	c.autoRATS = in[0]&automaticRATS != 0
	return nil, true
}

// samConfiguration: mode, timeout, IRQ. Any mode ends that of low battery.
func (c *Chip) samConfiguration(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) < 1 || len(in) > 3 || in[0] < 1 || in[0] > 4 {
		return nil, false
	}
	c.power.normal()
	return nil, true
}

// powerDown: what wakes the chip up, IRQ. The chip sleeps after its answer.
func (c *Chip) powerDown(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) < 1 || len(in) > 2 {
		return nil, false
	}
	c.fieldOff()
	c.power.down(in[0])
	return []byte{byte(OK)}, true
}

// lengths of the items of RFConfiguration.
var lengths = map[byte]int{0x01: 1, 0x02: 3, 0x04: 1, 0x05: 3, 0x0A: 11, 0x0B: 8, 0x0C: 3, 0x0D: 9}

func (c *Chip) rfConfiguration(_ context.Context, in []byte) ([]byte, bool) {
	if len(in) < 2 || len(in)-1 != lengths[in[0]] {
		return nil, false
	}
	switch in[0] {
	case 0x01: // bit 0: the field is on
		if in[1]&1 == 0 {
			c.fieldOff()
		} else {
			c.powered = true
		}
	case 0x05:
		c.retries = in[3]
	}
	return nil, true
}
