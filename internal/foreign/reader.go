package foreign

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Instructions of class FF: PC/SC part 3, and what many makers share.
const (
	insDirect      = 0x00 // ACR122 and its kin: P1 00 passes data to the chip
	insGetData     = 0xCA
	insLoadKeys    = 0x82
	insGeneral     = 0x86
	insAuth        = 0x88
	insVerify      = 0x20
	insReadBinary  = 0xB0
	insUpdate      = 0xD6
	insGetResponse = 0xC0
	insTransparent = 0xC2
	insEncapsulate = 0xFE // SpringCard: data go to the card as they are
)

// reader describes a command of class FF.
func (c *Command) reader() {
	c.Whose = Reader
	switch c.INS {
	case insGetData:
		c.getData()
	case insLoadKeys:
		c.Name = "Load Keys"
		where := "volatile memory"
		if c.P1&0x20 != 0 {
			where = "non-volatile memory"
		}
		if c.P1&0x80 != 0 {
			where += ", a reader key"
		}
		c.add(word("Structure", where), word("KeyNumber", fmt.Sprint(c.P2)))
		if n := len(c.Data); n > 0 {
			c.add(wire.Field{Name: "Key", Len: n, Value: fmt.Sprintf("(%d bytes of key)", n), Secret: true})
		}
		c.KeepAnswer = true
	case insGeneral:
		c.Name = "General Authenticate"
		if d := c.Data; len(d) == 5 {
			c.add(word("Block", fmt.Sprint(int(d[1])<<8|int(d[2]))), word("KeyType", keyType(d[3])), word("KeyNumber", fmt.Sprint(d[4])))
			c.keepAll()
		}
	case insAuth:
		c.Name = "Authenticate"
		c.add(word("Block", fmt.Sprint(int(c.P1)<<8|int(c.P2))))
		if len(c.Data) == 2 {
			c.add(word("KeyType", keyType(c.Data[0])), word("KeyNumber", fmt.Sprint(c.Data[1])))
		}
		if len(c.Data) <= 2 {
			c.keepAll()
		}
	case insVerify:
		c.Name = "Verify"
	case insReadBinary:
		c.Name = "Read Binary"
		c.add(word("Block", fmt.Sprint(int(c.P1)<<8|int(c.P2))))
		c.keepAll()
	case insUpdate:
		c.Name = "Update Binary" // a sector trailer has keys
		c.add(word("Block", fmt.Sprint(int(c.P1)<<8|int(c.P2))), hidden("Data", c.Data))
		c.KeepAnswer = true
	case insGetResponse:
		c.Name = "Get Response"
	case insTransparent:
		c.transparent()
	case insDirect:
		c.direct()
	case insEncapsulate:
		c.Name = "Encapsulate"
		c.add(hidden("Data", c.Data))
	case 0xD7, 0xB1, 0xF0, 0xF1, 0xFB, 0x70, 0x68, 0x9A, 0xCC:
		c.Name = map[byte]string{
			0xD7: "Value Block", 0xB1: "Read Value Block", 0xF0: "Control", 0xF1: "Control", 0xFB: "Control",
			0x70: "vendor command", 0x68: "vendor command", 0x9A: "reader information", 0xCC: "escape command",
		}[c.INS]
		c.add(hidden("Data", c.Data))
	default:
		c.Name = fmt.Sprintf("reader command %02X", c.INS)
		c.add(hidden("Data", c.Data))
	}
}

// Escape reports whether a command is one of ACS readers that goes to the reader
// itself: class E0, answered by E1.
func Escape(command, answer []byte) bool {
	return len(command) >= 5 && command[0] == 0xE0 && command[1] == 0 && command[2] == 0 && (len(answer) == 0 || answer[0] == 0xE1)
}

// escape describes such a command; its fourth byte says what it is.
func (c *Command) escape() {
	c.Whose, c.Bare = Reader, true
	c.Name = map[byte]string{
		0x18: "Get Firmware Version", 0x33: "Get Serial Number", 0x29: "LED Control", 0x28: "Buzzer Control", 0x21: "LED and Buzzer Behaviour",
		0x20: "PICC Operating Parameter", 0x23: "Automatic PICC Polling", 0x24: "Auto PPS", 0x25: "Antenna Field",
	}[c.P2]
	if c.Name == "" {
		c.Name = fmt.Sprintf("reader command E0 %02X", c.P2)
		c.add(hidden("Data", c.Data))
		return
	}
	c.keepAll()
	c.data()
}

// hidden is a field of bytes that are not shown: they may hold a key.
func hidden(name string, b []byte) wire.Field {
	return wire.Field{Name: name, Len: len(b), Value: fmt.Sprintf("(%d bytes)", len(b))}
}

func keyType(b byte) string {
	switch b {
	case 0x60:
		return "A"
	case 0x61:
		return "B"
	}
	return fmt.Sprintf("%02X", b)
}

// getData is Get Data: what the reader knows of the card.
func (c *Command) getData() {
	c.keepAll()
	c.Name = "Get Data"
	name := "Data"
	switch c.P1 {
	case 0x00:
		c.Name, name = "Get UID", "UID"
	case 0x01:
		c.Name, name = "Get ATS", "ATS" // historical bytes
	case 0xF0, 0xF1, 0xF2, 0xF3, 0xFA:
		c.add(hex8("P1", c.P1))
	default:
		c.add(hex8("P1", c.P1), hex8("P2", c.P2))
	}
	c.answer = func(d []byte) []wire.Field { return []wire.Field{field(name, 0, d)} }
}

// direct are the commands of ACR122 and its kin.
func (c *Command) direct() {
	switch c.P1 {
	case 0x00:
		c.Name = "Direct Transmit"
		if inner := chip(c.Data); isChip(c.Data) {
			c.Fields = append(c.Fields, word("Chip", inner.Name))
			c.add(inner.Fields...)
			c.Kept, c.KeepAnswer, c.Resets = c.At+inner.Kept, inner.KeepAnswer, inner.Resets
			c.answer = inner.answer
			return
		}
		c.add(hidden("Data", c.Data))
		return
	case 0x40:
		c.Name = "LED and Buzzer"
	case 0x41:
		c.Name = "Set Timeout"
	case 0x48:
		c.Name = "Get Firmware Version"
		c.Bare = true
	case 0x50:
		c.Name = "Get PICC Operating Parameter"
	case 0x51:
		c.Name = "Set PICC Operating Parameter"
	case 0x52:
		c.Name = "Buzzer during Card Detection"
	default:
		c.Name = fmt.Sprintf("reader command 00 %02X", c.P1)
		c.add(hidden("Data", c.Data))
		return
	}
	c.keepAll()
	c.data()
}

// transparent is Transparent Exchange of PC/SC part 3, P2 tells of what kind.
func (c *Command) transparent() {
	kinds := map[byte]string{0: "Manage Session", 1: "Transparent Exchange", 2: "Switch Protocol"}
	c.Name = kinds[c.P2]
	if c.Name == "" {
		c.Name = fmt.Sprintf("Transparent command %02X", c.P2)
	}
	keep := true
	for _, o := range objects(c.Data) {
		name, known := exchangeObjects[o.tag]
		if !known {
			name = fmt.Sprintf("Object %X", o.tag)
		}
		if o.tag == tagTransceive || o.tag == tagTransmit || !known {
			keep = false
			c.add(hidden(name, o.value))
			continue
		}
		c.Resets = c.Resets || o.tag == 0x83
		c.add(field(name, o.at, o.value))
	}
	if keep {
		c.keepAll()
	}
	c.answer = func(d []byte) (list []wire.Field) {
		for _, o := range objects(d) {
			switch o.tag {
			case 0xC0:
				if len(o.value) == 3 {
					list = append(list, wire.Field{Name: "Status", Offset: o.at, Len: 3, Value: fmt.Sprintf("object %d: %X", o.value[0], o.value[1:])})
					continue
				}
			case tagResponse:
				list = append(list, field("Response", o.at, o.value))
				continue
			}
			list = append(list, field(fmt.Sprintf("Object %X", o.tag), o.at, o.value))
		}
		return list
	}
}

// Data objects of Transparent Exchange.
const (
	tagTransmit   = 0x93
	tagReceive    = 0x94
	tagTransceive = 0x95
	tagResponse   = 0x97
)

var exchangeObjects = map[int]string{
	0x80: "Version", 0x81: "Start", 0x82: "End", 0x83: "FieldOff", 0x84: "FieldOn",
	0x90: "Flags", 0x91: "BitFraming", tagTransmit: "Transmit", tagReceive: "Receive", tagTransceive: "Transceive",
	0x8F: "Protocol", 0x5F46: "Timer", 0xFF6D: "Parameters", 0xFF6E: "Parameters",
}

// object is a BER-TLV data object.
type object struct {
	tag   int
	at    int // of the value
	value []byte
}

// objects reads as many data objects as there are.
func objects(b []byte) (list []object) {
	for at := 0; at < len(b); {
		o := object{tag: int(b[at])}
		at++
		if (o.tag == 0x5F || o.tag == 0xFF || o.tag == 0x7F) && at < len(b) {
			o.tag = o.tag<<8 | int(b[at])
			at++
		}
		if at >= len(b) {
			return list
		}
		n := int(b[at])
		at++
		if n > 0x7F {
			size := n & 0x7F
			if size == 0 || size > 3 || size > len(b)-at {
				return list
			}
			n = 0
			for range size {
				n = n<<8 | int(b[at])
				at++
			}
		}
		if n > len(b)-at {
			return list
		}
		o.at, o.value = at, b[at:at+n]
		at += n
		list = append(list, o)
	}
	return list
}
