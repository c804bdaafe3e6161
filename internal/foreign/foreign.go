// Package foreign says in words what is no command of a DESFire card: commands
// for readers (PC/SC part 3 and makers' own), for SAMs, and for other
// applications (ISO 7816-4, GlobalPlatform, EMV). It knows which bytes of them
// may be keys, and takes frames for the card out of those for a reader.
package foreign

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Classes of commands.
const (
	ClassISO    = 0x00
	ClassDES    = 0x90 // wrapped DESFire commands
	ClassOwn    = 0x80 // SAMs, GlobalPlatform, EMV
	ClassReader = 0xFF // for the reader itself (PC/SC part 3)
)

// Frame is an APDU taken apart. Its lengths need not fit: Odd says then why.
type Frame struct {
	Class, INS, P1, P2 byte
	Data               []byte // part of the frame
	At                 int    // where Data begins
	Le                 int    // -1 for none
	Odd                string // what is wrong with the lengths, empty if nothing
}

const header = 4

// Parse takes an APDU apart. It fails for what is shorter than a header. What
// follows Lc is data as far as it goes, whatever Lc says.
func Parse(b []byte) (f Frame, ok bool) {
	if len(b) < header {
		return f, false
	}
	f = Frame{Class: b[0], INS: b[1], P1: b[2], P2: b[3], At: len(b), Le: -1}
	body := b[header:]
	switch n := len(body); {
	case n == 0:
	case n == 1:
		f.Le = short(body[0])
	case n == 2 && body[0] == 0: // written so for SAMs: Lc zero, and Le
		f.Le = short(body[1])
	case n == 3 && body[0] == 0: // extended, Le only
		f.Le = max(1, int(body[1])<<8|int(body[2]))
	case n > 3 && body[0] == 0 && fits(int(body[1])<<8|int(body[2]), n-3, 2):
		f.take(b, header+3, int(body[1])<<8|int(body[2]))
	default:
		f.take(b, header+1, int(body[0]))
	}
	return f, true
}

// fits reports whether n bytes of data, and an Le or none, are in have.
func fits(n, have, le int) bool { return n > 0 && (have == n || have == n+le) }

// take splits what begins at at into n bytes of data and Le.
func (f *Frame) take(b []byte, at, n int) {
	f.At = at
	rest := b[at:]
	switch have := len(rest); {
	case n == 0 && have > 0:
		f.Odd = fmt.Sprintf("Lc is 0, yet %d bytes follow", have)
		f.Data = rest
		return
	case have == n:
	case f.direct() && have == n+1 && (rest[n] != 0 || n == 3 && rest[1] == inDataExchange): // no Le
		f.Odd = fmt.Sprintf("Lc says %d bytes, %d follow", n, have)
		f.Data = rest
		return
	case have == n+1:
		f.Le = short(rest[n])
	case have == n+2 && at > header+1:
		f.Le = int(rest[n])<<8 | int(rest[n+1])
	default:
		f.Odd = fmt.Sprintf("Lc says %d bytes, %d follow", n, have)
		f.Data = rest
		return
	}
	f.Data = rest[:n:n]
}

// direct reports whether data are passed to the reader's chip.
func (f *Frame) direct() bool { return f.Class == ClassReader && f.INS == insDirect && f.P1 == 0 }

func short(b byte) int {
	if b == 0 {
		return 256
	}
	return int(b)
}

// Command is a command in words.
type Command struct {
	Frame
	Name   string
	Whose  string // "reader", "SAM", "MIFARE Classic": whom it is for
	Fields []wire.Field

	// Kept is how many bytes of the frame hold no key, which then are those up to
	// End. KeepAnswer tells that the answer holds none either.
	Kept, End  int
	KeepAnswer bool

	// Resets tells that the card is activated anew, or loses the field.
	Resets bool

	// Bare tells that answers have no status of ISO 7816.
	Bare bool

	answer func(data []byte) []wire.Field
}

// Whom commands are for.
const (
	Reader      = "reader"
	SAM         = "SAM"
	Chip        = "reader's chip"
	OtherCard   = "card of another kind"
	Application = "another application"
)

// Describe says what a command is that is none of a DESFire card: an APDU of
// class FF, 80 or any other, one of class 00 that no DESFire card has, or the
// frame of a reader's chip. It never fails.
func Describe(b []byte) *Command {
	if isChip(b) {
		return chip(b)
	}
	f, ok := Parse(b)
	if !ok {
		return &Command{Frame: Frame{Odd: "too short for a command", At: len(b), Le: -1}, Name: "no command", Whose: Application, Kept: len(b), End: len(b), KeepAnswer: true}
	}
	c := &Command{Frame: f, Kept: f.At, End: f.At + len(f.Data)}
	switch {
	case f.Class == ClassReader:
		c.reader()
	case Escape(b, nil):
		c.escape()
	case f.Class == ClassOwn && c.sam():
	default:
		c.iso()
	}
	return c
}

// Whom is whom the command is for, in words of a sentence.
func (c *Command) Whom() string {
	switch c.Whose {
	case Application:
		return c.Whose
	case OtherCard:
		return "a " + c.Whose
	case SAM:
		return "a SAM"
	}
	return "the " + c.Whose
}

// Answer says what the data of an answer are, without its status.
func (c *Command) Answer(data []byte) []wire.Field {
	switch {
	case len(data) == 0:
		return nil
	case c.answer != nil:
		return c.answer(data)
	}
	return []wire.Field{field("Data", 0, data)}
}

// field is a field of bytes.
func field(name string, at int, b []byte) wire.Field {
	return wire.Field{Name: name, Offset: at, Len: len(b), Value: fmt.Sprintf("%X", b)}
}

// word is a field of the header, in words.
func word(name, value string) wire.Field {
	return wire.Field{Name: name, Offset: -1, Len: 1, Value: value}
}

func hex8(name string, b byte) wire.Field { return word(name, fmt.Sprintf("%02X", b)) }

// add appends fields.
func (c *Command) add(f ...wire.Field) { c.Fields = append(c.Fields, f...) }

// keepAll tells that nothing in it is a key.
func (c *Command) keepAll() { c.Kept, c.KeepAnswer = c.End, true }

// data appends the data and what follows them.
func (c *Command) data() {
	if len(c.Data) > 0 {
		c.add(field("Data", 0, c.Data))
	}
}
