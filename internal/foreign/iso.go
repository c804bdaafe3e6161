package foreign

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/wellknown"
	"github.com/go-desfire/desfire/wire"
)

// isoCommand is a command of ISO 7816-4, -8 or -9.
type isoCommand struct {
	ins  byte
	name string
	open bool // its data hold no key and no PIN
}

var isoCommands = [...]isoCommand{
	{0x04, "DEACTIVATE FILE", true},
	{0x0C, "ERASE RECORD", true},
	{0x0E, "ERASE BINARY", true},
	{0x0F, "ERASE BINARY", true},
	{0x10, "PERFORM SCQL OPERATION", true},
	{0x20, "VERIFY", false},
	{0x21, "VERIFY", false},
	{0x22, "MANAGE SECURITY ENVIRONMENT", true},
	{0x24, "CHANGE REFERENCE DATA", false},
	{0x25, "CHANGE REFERENCE DATA", false},
	{0x26, "DISABLE VERIFICATION REQUIREMENT", false},
	{0x28, "ENABLE VERIFICATION REQUIREMENT", false},
	{0x2A, "PERFORM SECURITY OPERATION", false},
	{0x2C, "RESET RETRY COUNTER", false},
	{0x2D, "RESET RETRY COUNTER", false},
	{0x44, "ACTIVATE FILE", true},
	{0x46, "GENERATE ASYMMETRIC KEY PAIR", true},
	{0x47, "GENERATE ASYMMETRIC KEY PAIR", true},
	{0x70, "MANAGE CHANNEL", true},
	{0x82, "EXTERNAL AUTHENTICATE", true},
	{0x84, "GET CHALLENGE", true},
	{0x86, "GENERAL AUTHENTICATE", false},
	{0x87, "GENERAL AUTHENTICATE", false},
	{0x88, "INTERNAL AUTHENTICATE", true},
	{0xA0, "SEARCH BINARY", true},
	{0xA1, "SEARCH BINARY", true},
	{0xA2, "SEARCH RECORD", true},
	{0xA4, "SELECT", true},
	{0xB0, "READ BINARY", true},
	{0xB1, "READ BINARY", true},
	{0xB2, "READ RECORD", true},
	{0xB3, "READ RECORD", true},
	{0xC0, "GET RESPONSE", true},
	{0xC2, "ENVELOPE", false},
	{0xC3, "ENVELOPE", false},
	{0xCA, "GET DATA", true},
	{0xCB, "GET DATA", true},
	{0xD0, "WRITE BINARY", true},
	{0xD1, "WRITE BINARY", true},
	{0xD2, "WRITE RECORD", true},
	{0xD6, "UPDATE BINARY", true},
	{0xD7, "UPDATE BINARY", true},
	{0xDA, "PUT DATA", false},
	{0xDB, "PUT DATA", false},
	{0xDC, "UPDATE RECORD", true},
	{0xDD, "UPDATE RECORD", true},
	{0xE0, "CREATE FILE", true},
	{0xE2, "APPEND RECORD", true},
	{0xE4, "DELETE FILE", true},
	{0xE6, "TERMINATE DF", true},
	{0xE8, "TERMINATE EF", true},
	{0xFE, "TERMINATE CARD USAGE", true},
}

func isoName(ins byte) (isoCommand, bool) {
	for _, i := range isoCommands {
		if i.ins == ins {
			return i, true
		}
	}
	return isoCommand{}, false
}

// iso describes a command for another application.
func (c *Command) iso() {
	c.Whose = Application
	if name := c.otherOwn(); name != "" {
		c.Name = name
		c.proprietary()
		return
	}
	proprietary := c.Class&0x80 != 0 && c.Class != 0xA0
	i, known := isoName(c.INS)
	switch {
	case !known, proprietary:
		c.Name = fmt.Sprintf("command %02X %02X", c.Class, c.INS)
		c.proprietary()
		return
	}
	c.Name = i.name
	if words := ClassWords(c.Class); words != "" {
		c.add(word("Class", words))
	}
	switch {
	case c.INS == 0xA4 && c.P1 == 4:
		c.add(field("DFName", 0, c.Data))
		if name := wellknown.DFName(c.Data); name != "" {
			c.add(wire.Field{Name: "KnownAs", Offset: 0, Len: len(c.Data), Value: name})
		}
	case c.INS == 0xCA || c.INS == 0xCB:
		c.add(wire.Field{Name: "Tag", Offset: -1, Len: 2, Value: tagWords(c.P1, c.P2)})
		c.data()
	default:
		if c.P1 != 0 || c.P2 != 0 {
			c.add(hex8("P1", c.P1), hex8("P2", c.P2))
		}
		if i.open {
			c.data()
		} else if len(c.Data) > 0 {
			c.add(hidden("Data", c.Data))
		}
	}
	if c.KeepAnswer = i.open || c.INS == 0x20 || c.INS == 0x24 || c.INS == 0x2C; i.open {
		c.Kept = c.End
	}
}

// proprietary keeps nothing but the header of a command that is not known.
func (c *Command) proprietary() {
	if words := ClassWords(c.Class); words != "" {
		c.add(word("Class", words))
	}
	if c.P1 != 0 || c.P2 != 0 {
		c.add(hex8("P1", c.P1), hex8("P2", c.P2))
	}
	if len(c.Data) > 0 {
		c.add(hidden("Data", c.Data))
	}
	switch c.Name {
	case emvOptions, emvCryptogram, emvData, gpStatus, gpInitialize:
		c.keepAll()
	}
	c.answer = func(d []byte) []wire.Field {
		if c.KeepAnswer {
			return []wire.Field{field("Data", 0, d)}
		}
		return []wire.Field{hidden("Data", d)}
	}
}

const (
	emvOptions    = "GET PROCESSING OPTIONS (EMV)"
	emvCryptogram = "GENERATE APPLICATION CRYPTOGRAM (EMV)"
	emvData       = "GET DATA (EMV, GlobalPlatform)"
	gpStatus      = "GET STATUS (GlobalPlatform)"
	gpInitialize  = "INITIALIZE UPDATE (GlobalPlatform)"
)

// otherOwn names a command of GlobalPlatform or EMV, of which some have numbers
// that SAMs have too: those are told apart by P1 and P2 and the data.
func (c *Command) otherOwn() string {
	if c.Class != ClassOwn && c.Class != 0x84 {
		return ""
	}
	n := len(c.Data)
	switch c.INS {
	case 0xA8:
		if n > 1 && c.Data[0] == 0x83 {
			return emvOptions
		}
	case 0xAE:
		if n > 0 && c.P1&0x3F == 0 && c.P1 != 0 && c.P2 == 0 {
			return emvCryptogram
		}
	case 0xCA:
		if c.P1 > 0x01 || c.P2 != 0 {
			return emvData
		}
	case 0xF2:
		return gpStatus
	case 0x50:
		if n == 8 {
			return gpInitialize
		}
	case 0xE6:
		return "INSTALL (GlobalPlatform)"
	case 0xE4:
		return "DELETE (GlobalPlatform)"
	case 0xE8:
		return "LOAD (GlobalPlatform)"
	case 0xE2:
		return "STORE DATA (GlobalPlatform)"
	case 0xF0:
		return "SET STATUS (GlobalPlatform)"
	case 0xD8:
		if n > 17 {
			return "PUT KEY (GlobalPlatform)"
		}
	case 0x82:
		return "EXTERNAL AUTHENTICATE (GlobalPlatform)"
	}
	return ""
}

// ClassWords says a class byte in words (ISO 7816-4, 5.1.1), empty for 00.
func ClassWords(class byte) string {
	switch {
	case class == 0x00:
		return ""
	case class == ClassReader:
		return "reader"
	case class == ClassDES:
		return "DESFire"
	case class == 0xA0:
		return "A0, SIM cards"
	case class == 0x84:
		return "84, proprietary, secure messaging"
	case class&0x80 != 0:
		return fmt.Sprintf("%02X, proprietary", class)
	case class&0xE0 == 0x20:
		return fmt.Sprintf("%02X, reserved", class)
	}
	channel, secure := class&3, class&0x0C != 0
	if class&0x40 != 0 {
		channel, secure = 4+class&0xF, class&0x20 != 0
	}
	s := fmt.Sprintf("%02X", class)
	if class&0x10 != 0 {
		s += ", more follows"
	}
	if channel > 0 {
		s += fmt.Sprintf(", channel %d", channel)
	}
	if secure {
		s += ", secure messaging"
	}
	return s
}

// tagWords names data objects that programs often ask for.
func tagWords(p1, p2 byte) string {
	s := fmt.Sprintf("%02X%02X", p1, p2)
	for _, t := range [...]struct {
		tag  []byte
		name string
	}{
		{[]byte{0x7F, 0x68}, "cards' own objects, as Windows asks all"}, {[]byte{0x9F, 0x7F}, "production data"}, {[]byte{0x00, 0x66}, "card data"},
		{[]byte{0x00, 0xE0}, "key information"}, {[]byte{0x9F, 0x17}, "PIN tries left"}, {[]byte{0x9F, 0x36}, "transaction counter"},
		{[]byte{0x5F, 0xC1}, "PIV object"}, {[]byte{0x3F, 0xFF}, "object named in the data"}, {[]byte{0x00, 0x6E}, "application data"},
	} {
		if bytes.Equal(t.tag, []byte{p1, p2}) {
			return s + " (" + t.name + ")"
		}
	}
	return s
}

// KnownINS reports whether an instruction is one of ISO 7816-4, -8 or -9.
func KnownINS(ins byte) bool { _, ok := isoName(ins); return ok }
