package wire

import "fmt"

// FormatError says where a message does not fit its layout.
type FormatError struct {
	Message string // name of the command or response
	Field   string
	Offset  int  // byte offset after INS or status
	Length  bool // too short or too long, as opposed to a value that cannot be
	Reason  string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s at byte %d: %s", e.Message, e.Field, e.Offset, e.Reason)
}

// Field is one field of a message as its layout walked it.
type Field struct {
	Name   string
	Offset int // bytes after INS or status; -1 for P1, P2 and Le
	Len    int
	Value  string
	Number bool // a multi-byte number, whose byte order matters
	Secret bool // key bytes, which Value does not show
}

// Encoded is a message as its layout wrote it, before secure messaging.
type Encoded struct {
	Bytes  []byte // everything after INS or status
	Head   int    // how many of them stay in clear
	Marks  []int  // where frames must break; valid until the Coder's next use
	P1, P2 byte   // ISO commands
	Le     int    // ISO commands: expected length, 256 sent as 00, -1 for none
}

// framed is implemented by messages whose frame boundaries carry meaning. In
// all others frames may be cut anywhere.
type framed interface{ framed() }

// Coder walks layouts. Reusing one spares allocations. It is not safe for
// concurrent use.
type Coder struct {
	decoding bool
	headOnly bool // stop at secured
	stopped  bool
	buf      []byte
	base     int // encoding: where the message begins in buf
	off      int // decoding: read position
	end      int // decoding: end of the present frame
	marks    []int
	inMarks  []int
	secured  int
	want     int // data length announced by a length field, -1 if none
	p1, p2   byte
	le       int
	name     string
	err      *FormatError
	visit    func(Field)
	depth    string // prefix of field names in lists
}

func (c *Coder) reset(name string) {
	*c = Coder{marks: c.marks[:0], secured: -1, want: -1, le: -1, name: name}
}

// Encode appends the message to dst, which Encoded.Bytes are the end of. It keeps
// nothing of m.
func (c *Coder) Encode(dst []byte, m Message) (Encoded, error) {
	c.reset("")
	c.buf, c.base = dst, len(dst)
	m.Layout(c)
	if c.err != nil {
		return Encoded{}, c.fail(m)
	}
	e := Encoded{Bytes: c.buf[c.base:], Head: c.secured, Marks: c.marks, P1: c.p1, P2: c.p2, Le: c.le}
	if e.Head < 0 {
		e.Head = len(e.Bytes)
	}
	c.buf = nil
	return e, nil
}

// Decode reads the message from src. marks are the frame boundaries that src
// was received with, offsets into src; nil if unknown. Byte slices of m are
// overwritten, reusing their memory; they share none with src.
func (c *Coder) Decode(src []byte, marks []int, m Message) error {
	return c.decode(Encoded{Bytes: src, Marks: marks, Le: -1}, m, false)
}

// DecodeISO is Decode for a command that has P1, P2 and Le.
func (c *Coder) DecodeISO(e Encoded, m Message) error { return c.decode(e, m, false) }

// DecodeHead reads only the clear part and returns its length. The rest of m
// keeps what it had.
func (c *Coder) DecodeHead(src []byte, m Message) (int, error) {
	err := c.decode(Encoded{Bytes: src, Le: -1}, m, true)
	if c.stopped {
		return c.off, err
	}
	return len(src), err
}

// Announced is the data length that a length field of the last decoded head
// gave, or -1 if the layout has none.
func (c *Coder) Announced() int { return c.want }

// Explain decodes like DecodeISO and reports every field.
func (c *Coder) Explain(e Encoded, m Message) ([]Field, error) {
	var fields []Field
	c.reset("")
	c.visit = func(f Field) { fields = append(fields, f) }
	err := c.walk(e, m, false)
	c.visit = nil
	return fields, err
}

func (c *Coder) decode(e Encoded, m Message, headOnly bool) error {
	c.reset("")
	return c.walk(e, m, headOnly)
}

func (c *Coder) walk(e Encoded, m Message, headOnly bool) error {
	c.decoding, c.headOnly = true, headOnly
	c.buf, c.inMarks = e.Bytes, nil
	if _, ok := m.(framed); ok {
		c.inMarks = e.Marks
	}
	c.p1, c.p2, c.le = e.P1, e.P2, e.Le
	c.end = len(c.buf)
	if len(c.inMarks) > 0 {
		c.end = c.inMarks[0]
	}
	m.Layout(c)
	if c.err == nil && !c.stopped && c.off < len(c.buf) {
		c.failf("end", true, "%d bytes too many", len(c.buf)-c.off)
	}
	c.buf, c.inMarks = nil, nil
	if c.err != nil {
		return c.fail(m)
	}
	return nil
}

// fail completes the sticky error with the message's name.
func (c *Coder) fail(m Message) error {
	if cmd, ok := m.(Command); ok {
		c.err.Message = cmd.Spec().Name
	} else {
		c.err.Message = typeName(m)
	}
	return c.err
}

func typeName(m Message) string {
	s := fmt.Sprintf("%T", m)
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			return s[i+1:]
		}
	}
	return s
}

// failf records the first error.
func (c *Coder) failf(field string, length bool, format string, args ...any) {
	if c.err == nil && !c.stopped {
		c.err = &FormatError{Field: field, Offset: c.position(), Length: length, Reason: fmt.Sprintf(format, args...)}
	}
}

func (c *Coder) position() int {
	if c.decoding {
		return c.off
	}
	return len(c.buf) - c.base
}

// done reports whether the walk has ended early.
func (c *Coder) done() bool { return c.err != nil || c.stopped }

// take returns the next n bytes of input, or nil after an error.
func (c *Coder) take(field string, n int) []byte {
	if c.done() {
		return nil
	}
	if c.end-c.off < n {
		c.failf(field, true, "want %d bytes, have %d", n, c.end-c.off)
		return nil
	}
	b := c.buf[c.off : c.off+n : c.off+n]
	c.off += n
	return b
}

// reading reports whether a field is about to be read.
func (c *Coder) reading() bool { return c.decoding && !c.done() }

// left is how many bytes of the present frame are unread. Layouts with
// optional fields ask it while decoding.
func (c *Coder) left() int {
	if c.done() {
		return 0
	}
	return c.end - c.off
}

// note reports a field to Explain. Callers test c.visit first, so that the
// hot path formats nothing.
func (c *Coder) note(name string, n int, number bool, format string, args ...any) {
	if c.done() {
		return
	}
	c.visit(Field{Name: c.fieldName(name), Offset: c.position() - n, Len: n, Number: number, Value: fmt.Sprintf(format, args...)})
}

// fieldName is name with what the lists and parts around it are called.
func (c *Coder) fieldName(name string) string {
	if c.depth != "" && name != "" {
		return c.depth + "." + name
	}
	return c.depth + name
}

// in walks a part whose field names begin with part.
func (c *Coder) in(part string, walk func()) {
	outer := c.depth
	if c.visit != nil {
		c.depth = c.fieldName(part)
	}
	walk()
	c.depth = outer
}

// secured marks where the part that secure messaging protects begins.
func secured(c *Coder) {
	if c.done() {
		return
	}
	c.secured = c.position()
	if c.headOnly {
		c.stopped = true
	}
}

// frame marks a place where a frame must break, because the boundary carries
// meaning. Decoding without known boundaries it does nothing.
func frame(c *Coder) {
	if c.done() {
		return
	}
	if !c.decoding {
		c.marks = append(c.marks, c.position())
		return
	}
	if len(c.inMarks) == 0 {
		return
	}
	if c.off != c.end {
		c.failf("frame", true, "%d bytes too many in this frame", c.end-c.off)
		return
	}
	c.inMarks = c.inMarks[1:]
	c.end = len(c.buf)
	if len(c.inMarks) > 0 {
		c.end = c.inMarks[0]
	}
}
