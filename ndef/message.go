package ndef

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// TNF says what the type of a record is a name of.
type TNF uint8

// Type name formats.
const (
	TNFEmpty     TNF = 0
	TNFWellKnown TNF = 1 // the NFC Forum's: "U", "T", "Sp"
	TNFMIME      TNF = 2 // a media type
	TNFURI       TNF = 3 // an absolute URI, which names the type
	TNFExternal  TNF = 4 // "example.com:name"
	TNFUnknown   TNF = 5
	tnfUnchanged TNF = 6 // in the middle of a record in chunks
)

func (t TNF) String() string {
	names := [...]string{"empty", "well-known", "MIME", "URI", "external", "unknown", "unchanged", "reserved"}
	return names[t&7]
}

// Record is one record of a message, chunks joined.
type Record struct {
	TNF     TNF
	Type    string
	ID      string // as a rule empty
	Payload []byte
}

// Message is an NDEF message. The empty one is one empty record on the wire.
type Message []Record

// Flags of a record.
const (
	flagBegin = 0x80
	flagEnd   = 0x40
	flagChunk = 0x20
	flagShort = 0x10
	flagID    = 0x08
)

// FormatError is a message or file that breaks the rules.
type FormatError struct {
	Offset int // byte
	Reason string
}

func (e *FormatError) Error() string { return fmt.Sprintf("NDEF: byte %d: %s", e.Offset, e.Reason) }

// Parse reads a message, which shares nothing with data. It refuses what is left
// over behind it.
func Parse(data []byte) (Message, error) {
	p := parser{data: data}
	var m Message
	var open *Record // whose chunks go on
	for first := true; ; first = false {
		start := p.at
		flags, r, err := p.record()
		if err != nil {
			return nil, err
		}
		bad := func(reason string) (Message, error) { return nil, &FormatError{start, reason} }
		chunk, last := flags&flagChunk != 0, flags&flagEnd != 0
		switch {
		case first != (flags&flagBegin != 0):
			return bad("the message begins where no record says so, or says so again")
		case (r.TNF == tnfUnchanged) != (open != nil):
			return bad("a chunk with nothing to go on from, or a record in chunks that does not go on")
		case r.TNF == tnfUnchanged && (r.Type != "" || r.ID != ""):
			return bad("a chunk that goes on has a type or an identifier")
		case r.TNF > tnfUnchanged:
			return bad("type name format 7 is reserved")
		case r.TNF == TNFEmpty && (r.Type != "" || r.ID != "" || len(r.Payload) > 0):
			return bad("an empty record is not empty")
		case r.TNF == TNFUnknown && r.Type != "":
			return bad("a record of unknown type has a type")
		case chunk && last:
			return bad("the message ends in the middle of a record in chunks")
		}
		if open != nil {
			open.Payload = append(open.Payload, r.Payload...)
		} else {
			m = append(m, r)
		}
		if open = nil; chunk {
			open = &m[len(m)-1]
		}
		if last {
			break
		}
	}
	if p.at != len(data) {
		return nil, &FormatError{p.at, fmt.Sprintf("%d bytes are left over behind the message", len(data)-p.at)}
	}
	if len(m) == 1 && m[0].TNF == TNFEmpty {
		return Message{}, nil
	}
	return m, nil
}

type parser struct {
	data []byte
	at   int
}

// record reads one record or chunk.
func (p *parser) record() (flags byte, r Record, err error) {
	head := p.take(2)
	if head == nil {
		return 0, r, p.short()
	}
	flags = head[0]
	r.TNF = TNF(flags & 7)
	typeLen := int(head[1])
	var payloadLen uint32
	if flags&flagShort != 0 {
		b := p.take(1)
		if b == nil {
			return 0, r, p.short()
		}
		payloadLen = uint32(b[0])
	} else {
		b := p.take(4)
		if b == nil {
			return 0, r, p.short()
		}
		payloadLen = binary.BigEndian.Uint32(b)
	}
	idLen := 0
	if flags&flagID != 0 {
		b := p.take(1)
		if b == nil {
			return 0, r, p.short()
		}
		idLen = int(b[0])
	}
	if int64(typeLen)+int64(idLen)+int64(payloadLen) > int64(len(p.data)-p.at) {
		return 0, r, p.short()
	}
	r.Type, r.ID = string(p.take(typeLen)), string(p.take(idLen))
	r.Payload = append([]byte{}, p.take(int(payloadLen))...)
	return flags, r, nil
}

// take is the next n bytes, nil if there are not so many.
func (p *parser) take(n int) []byte {
	if n > len(p.data)-p.at {
		return nil
	}
	b := p.data[p.at : p.at+n : p.at+n]
	p.at += n
	return b
}

func (p *parser) short() error { return &FormatError{p.at, "the record is cut off"} }

// Encode is the message on the wire, without chunks.
func (m Message) Encode() ([]byte, error) {
	if len(m) == 0 {
		m = Message{{}}
	}
	var b []byte
	for i, r := range m {
		switch {
		case len(r.Type) > 255 || len(r.ID) > 255:
			return nil, fmt.Errorf("NDEF: record %d: type or identifier is longer than 255 bytes", i)
		case uint64(len(r.Payload)) > 1<<32-1:
			return nil, fmt.Errorf("NDEF: record %d: the payload is too long", i)
		case r.TNF >= tnfUnchanged:
			return nil, fmt.Errorf("NDEF: record %d: type name format %d cannot be written", i, r.TNF)
		case r.TNF == TNFEmpty && (r.Type != "" || r.ID != "" || len(r.Payload) > 0):
			return nil, fmt.Errorf("NDEF: record %d is said to be empty and is not", i)
		case r.TNF == TNFUnknown && r.Type != "":
			return nil, fmt.Errorf("NDEF: record %d is of unknown type and has a type", i)
		}
		b = r.append(b, i == 0, i == len(m)-1)
	}
	return b, nil
}

func (r *Record) append(b []byte, first, last bool) []byte {
	flags := byte(r.TNF)
	if first {
		flags |= flagBegin
	}
	if last {
		flags |= flagEnd
	}
	if len(r.Payload) < 256 {
		flags |= flagShort
	}
	if r.ID != "" {
		flags |= flagID
	}
	b = append(b, flags, byte(len(r.Type)))
	if flags&flagShort != 0 {
		b = append(b, byte(len(r.Payload)))
	} else {
		b = binary.BigEndian.AppendUint32(b, uint32(len(r.Payload)))
	}
	if r.ID != "" {
		b = append(b, byte(len(r.ID)))
	}
	b = append(append(b, r.Type...), r.ID...)
	return append(b, r.Payload...)
}

// errType says that a record is not of the type that was asked for.
var errType = errors.New("NDEF: the record is of another type")
