package wire

import "fmt"

// The functions in this file are the words that layouts are written in. Each
// works in both directions: it writes *v or reads into it.

func u8[T ~uint8](c *Coder, name string, v *T) {
	if c.decoding {
		if b := c.take(name, 1); b != nil {
			*v = T(b[0])
		}
	} else if !c.done() {
		c.buf = append(c.buf, byte(*v))
	}
	if c.visit != nil {
		c.note(name, 1, false, "%v", *v)
	}
}

// flag8 is a byte that is 0 or 1.
func flag8(c *Coder, name string, v *bool) {
	var b uint8
	if *v {
		b = 1
	}
	u8(c, name, &b)
	if c.reading() {
		if b > 1 {
			c.failf(name, false, "is %02X, want 00 or 01", b)
		}
		*v = b == 1
	}
}

// number is a little-endian number of n bytes.
func number[T ~uint16 | ~uint32 | ~int32](c *Coder, name string, v *T, n int) {
	if c.decoding {
		if b := c.take(name, n); b != nil {
			var x uint32
			for i := n - 1; i >= 0; i-- {
				x = x<<8 | uint32(b[i])
			}
			*v = T(x)
		}
	} else if !c.done() {
		x := uint64(uint32(*v))
		if n < 4 && x>>(8*n) != 0 {
			c.failf(name, false, "%d does not fit %d bytes", x, n)
			return
		}
		for range n {
			c.buf = append(c.buf, byte(x))
			x >>= 8
		}
	}
	if c.visit != nil {
		c.note(name, n, true, "%v", *v)
	}
}

func u16[T ~uint16](c *Coder, name string, v *T)          { number(c, name, v, 2) }
func u24[T ~uint32](c *Coder, name string, v *T)          { number(c, name, v, 3) }
func u32[T ~uint32 | ~int32](c *Coder, name string, v *T) { number(c, name, v, 4) }

// accessRights is the two bytes of AccessRights.
func accessRights(c *Coder, name string, v *AccessRights) {
	x := v.Uint16()
	if c.visit == nil {
		u16(c, name, &x)
	} else if b := c.take(name, 2); b != nil {
		x = uint16(b[0]) | uint16(b[1])<<8
		c.note(name, 2, true, "%v", AccessRightsFromUint16(x))
	}
	if c.reading() {
		*v = AccessRightsFromUint16(x)
	}
}

// raw is a field of fixed length.
func raw(c *Coder, name string, v []byte) {
	if c.decoding {
		if b := c.take(name, len(v)); b != nil {
			copy(v, b)
		}
	} else if !c.done() {
		c.buf = append(c.buf, v...)
	}
	if c.visit != nil {
		c.note(name, len(v), false, "%X", v)
	}
}

// length24 is the 3-byte length of the data that rest will walk.
func length24(c *Coder, name string, data *[]byte) {
	n := uint32(len(*data))
	u24(c, name, &n)
	if c.reading() {
		c.want = int(n)
	}
}

// rest is everything up to the end of the frame. After length24 its length
// must be the announced one.
func rest(c *Coder, name string, v *[]byte) {
	if !c.decoding {
		if !c.done() {
			c.buf = append(c.buf, *v...)
		}
		return
	}
	n := c.left()
	if c.want >= 0 && !c.done() && n != c.want {
		c.failf(name, true, "the length field says %d bytes, have %d", c.want, n)
	}
	if b := c.take(name, n); b != nil || n == 0 && !c.done() {
		*v = append((*v)[:0], b...)
	}
	if c.visit != nil && n > 0 {
		c.note(name, n, false, "%X", *v)
	}
}

// list walks elements until the end of the frame, or those that *v has.
func list[T any](c *Coder, name string, v *[]T, walk func(c *Coder, e *T)) {
	if !c.decoding {
		counted(c, name, v, len(*v), walk)
		return
	}
	if c.done() {
		return
	}
	*v = (*v)[:0]
	for c.left() > 0 && !c.done() {
		before := c.off
		element(c, name, v, walk)
		if c.off == before && !c.done() {
			c.failf(name, true, "%d bytes too many", c.left())
		}
	}
}

// counted walks n elements.
func counted[T any](c *Coder, name string, v *[]T, n int, walk func(c *Coder, e *T)) {
	if !c.decoding {
		for i := range *v {
			walk(c, &(*v)[i])
		}
		return
	}
	if c.done() {
		return
	}
	*v = (*v)[:0]
	for range n {
		element(c, name, v, walk)
	}
}

// frames walks elements of which each has a frame of its own.
func frames[T any](c *Coder, name string, v *[]T, walk func(c *Coder, e *T)) {
	if !c.decoding {
		for i := range *v {
			if i > 0 {
				frame(c)
			}
			walk(c, &(*v)[i])
		}
		return
	}
	if c.done() {
		return
	}
	*v = (*v)[:0]
	for c.left() > 0 {
		element(c, name, v, walk)
		if len(c.inMarks) == 0 {
			return
		}
		frame(c)
	}
}

// element decodes one more element into the next place of *v, reusing what is
// there.
func element[T any](c *Coder, name string, v *[]T, walk func(c *Coder, e *T)) {
	if c.done() {
		return
	}
	n := len(*v)
	if n < cap(*v) {
		*v = (*v)[:n+1]
	} else {
		var zero T
		*v = append(*v, zero)
	}
	if c.visit != nil {
		outer := c.depth
		c.depth = fmt.Sprintf("%s%s[%d]", outer, name, n)
		defer func() { c.depth = outer }()
	}
	walk(c, &(*v)[n])
	if c.err != nil {
		*v = (*v)[:n]
	}
}

// present tells whether an optional field is there: encoding, if have;
// decoding, if more than the tail bytes that follow it are left.
func present(c *Coder, have bool, tail int) bool {
	if c.decoding {
		return c.left() > tail
	}
	return have
}

// has is present for a part whose presence the message notes in *flag. implied
// spares the caller to set it when encoding.
func has(c *Coder, flag *bool, implied bool, tail int) bool {
	if !c.decoding {
		return *flag || implied
	}
	if c.reading() {
		*flag = c.left() > tail
	}
	return *flag
}

// optional is a field of n bytes that may be absent. It stands at the end of a
// frame.
func optional(c *Coder, name string, v *[]byte, n int) {
	if c.decoding {
		if c.done() {
			return
		}
		if c.left() == 0 {
			*v = (*v)[:0]
			return
		}
		if b := c.take(name, n); b != nil {
			*v = append((*v)[:0], b...)
		}
	} else if !c.done() {
		if len(*v) != 0 && len(*v) != n {
			c.failf(name, true, "has %d bytes, want %d or none", len(*v), n)
			return
		}
		c.buf = append(c.buf, *v...)
	}
	if c.visit != nil {
		c.note(name, n, false, "%X", *v)
	}
}

// name is an ISO name of up to 16 bytes at the end of a frame.
func name(c *Coder, field string, v *[]byte) { nameBefore(c, field, v, 0) }

// nameBefore is a name with tail bytes to follow.
func nameBefore(c *Coder, field string, v *[]byte, tail int) {
	n := len(*v)
	if c.decoding {
		n = max(c.left()-tail, 0)
	}
	if n > MaxDFName {
		c.failf(field, true, "has %d bytes, at most %d", n, MaxDFName)
		return
	}
	if c.decoding {
		if c.done() {
			return
		}
		*v = append((*v)[:0], c.take(field, n)...)
	} else if !c.done() {
		c.buf = append(c.buf, *v...)
	}
	if c.visit != nil && n > 0 {
		c.note(field, n, false, "%X", *v)
	}
}

// MaxDFName is the longest ISO name of an application.
const MaxDFName = 16

// isoFID is an ISO identifier that must not be zero, which stands for none.
func isoFID(c *Coder, v *ISOFID) {
	u16(c, "ISOFID", v)
	if *v == 0 {
		c.failf("ISOFID", false, "0000 is reserved")
	}
}

// hex8 is a byte that people read in hexadecimal.
func hex8(c *Coder, name string, v *uint8) {
	b := KeyVersion(*v)
	u8(c, name, &b)
	if c.reading() {
		*v = uint8(b)
	}
}

// bytes8 is bytes with their number before them.
func bytes8(c *Coder, length, name string, v *[]byte) {
	if len(*v) > 0xFF && !c.decoding {
		c.failf(name, true, "has %d bytes, at most 255", len(*v))
	}
	n := uint8(len(*v))
	u8(c, length, &n)
	sized(c, name, v, int(n))
}

// sized is n bytes.
func sized(c *Coder, name string, v *[]byte, n int) {
	if c.decoding {
		if c.done() {
			return
		}
		*v = append((*v)[:0], c.take(name, n)...)
	} else if !c.done() {
		if len(*v) != n {
			c.failf(name, true, "has %d bytes, want %d", len(*v), n)
		}
		c.buf = append(c.buf, *v...)
	}
	if c.visit != nil && n > 0 {
		c.note(name, n, false, "%X", *v)
	}
}

func hexByte(b byte) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[b>>4], digits[b&0xF]})
}
