package wire

import "fmt"

// u16be is a big-endian number, as ISO 7816-4 and the proximity check have it.
func u16be[T ~uint16](c *Coder, name string, v *T) {
	if c.decoding {
		if b := c.take(name, 2); b != nil {
			*v = T(b[0])<<8 | T(b[1])
		}
	} else if !c.done() {
		c.buf = append(c.buf, byte(*v>>8), byte(*v))
	}
	if c.visit != nil {
		c.note(name, 2, true, "%v", *v)
	}
}

// p1, p2 and le place the header bytes of ISO 7816-4 commands.

func p1[T ~uint8](c *Coder, name string, v *T) { header(c, name, v, &c.p1) }
func p2[T ~uint8](c *Coder, name string, v *T) { header(c, name, v, &c.p2) }

func header[T ~uint8](c *Coder, name string, v *T, at *byte) {
	if c.decoding {
		if !c.done() {
			*v = T(*at)
		}
	} else {
		*at = byte(*v)
	}
	if c.visit != nil {
		c.noteHeader(name, fmt.Sprint(*v))
	}
}

func (c *Coder) noteHeader(name, value string) {
	if !c.done() {
		c.visit(Field{Name: name, Offset: -1, Len: 1, Value: value})
	}
}

// noP1P2 demands zero for both.
func noP1P2(c *Coder) {
	if c.decoding && (c.p1 != 0 || c.p2 != 0) {
		c.failf("P1 P2", false, "%02X %02X, want 00 00", c.p1, c.p2)
	}
}

// le is the expected length, 0 for none.
func le(c *Coder, v *int) {
	if c.decoding {
		if c.done() {
			return
		}
		*v = max(c.le, 0)
	} else {
		c.le = *v
		if *v < 0 || *v > maxLe {
			c.failf("Le", false, "is %d, want 0 to %d", *v, maxLe)
		}
		if *v == 0 {
			c.le = -1
		}
	}
	if c.visit != nil && *v > 0 {
		c.noteHeader("Le", fmt.Sprint(*v))
	}
}

const maxLe = 65536 // of an extended APDU

// leAll is the expected length of a read, where 0 is 256: all there is.
func leAll(c *Coder, v *int) {
	n := *v
	if !c.decoding && n == 0 {
		n = 256
	}
	le(c, &n)
	if !c.reading() {
		return
	}
	if *v = n; n == 0 {
		c.failf("Le", true, "is missing")
	}
}

// ShortEF is a short file identifier in the binary commands, which is the file
// number. Its zero value stands for the selected file.
type ShortEF struct {
	ID   uint8 // 0 to 31
	InP1 bool  // use the form with a short identifier even for ID 0
}

func (e ShortEF) file() (FileNo, bool) { return FileNo(e.ID), e.InP1 || e.ID != 0 }

const (
	p1ShortEF = 0x80
	p1EFMask  = 0x1F
)

// binaryAddress is P1 and P2 of the binary commands.
func binaryAddress(c *Coder, ef *ShortEF, offset *uint16) {
	if !c.decoding {
		switch _, short := ef.file(); {
		case ef.ID > p1EFMask:
			c.failf("ShortEF", false, "is %d, at most 31", ef.ID)
		case short && *offset > 0xFF:
			c.failf("Offset", false, "is %d, at most 255 with a short identifier", *offset)
		case *offset > 0x7FFF:
			c.failf("Offset", false, "is %d, at most 32767", *offset)
		case short:
			c.p1, c.p2 = p1ShortEF|ef.ID, byte(*offset)
		default:
			c.p1, c.p2 = byte(*offset>>8), byte(*offset)
		}
		return
	}
	if c.done() {
		return
	}
	if c.p1&p1ShortEF == 0 {
		*ef, *offset = ShortEF{}, uint16(c.p1)<<8|uint16(c.p2)
		if c.visit != nil {
			c.noteHeader("Offset (high)", hexByte(c.p1))
			c.noteHeader("Offset", fmt.Sprint(*offset))
		}
		return
	}
	if c.p1&^(p1ShortEF|p1EFMask) != 0 {
		c.failf("P1", false, "%02X has reserved bits", c.p1)
		return
	}
	*ef, *offset = ShortEF{ID: c.p1 & p1EFMask, InP1: true}, uint16(c.p2)
	if c.visit != nil {
		c.noteHeader("ShortEF", fmt.Sprint(ef.ID))
		c.noteHeader("Offset", fmt.Sprint(*offset))
	}
}

// recordFile is P2 of the record commands.
func recordFile(c *Coder, ef *uint8, mode *RecordsMode) {
	if !c.decoding {
		if *ef > p1EFMask || *mode > 7 {
			c.failf("P2", false, "short file identifier %d, mode %d", *ef, uint8(*mode))
		}
		c.p2 = *ef<<3 | byte(*mode)&7
		return
	}
	if c.done() {
		return
	}
	*ef, *mode = c.p2>>3, RecordsMode(c.p2&7)
	if c.visit != nil {
		c.noteHeader("ShortEF, Mode", fmt.Sprintf("%d, %v", *ef, *mode))
	}
}
