package ndef

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Files of a tag.
const (
	CCFile   wire.ISOFID = 0xE103
	NDEFFile wire.ISOFID = 0xE104 // as a rule; the CC says
)

// Access conditions of a file. The other values are for files that are limited
// in a way that only their owner knows.
const (
	AccessFree  byte = 0x00
	AccessNever byte = 0xFF // of writing only
)

// FileKind is the kind of a file of a tag.
type FileKind uint8

// Kinds of files, tags of the TLV blocks that describe them.
const (
	KindNDEF        FileKind = 0x04
	KindProprietary FileKind = 0x05
	KindExtended    FileKind = 0x06 // an NDEF file with a length of 4 bytes; version 3
)

func (k FileKind) String() string {
	switch k {
	case KindNDEF:
		return "NDEF"
	case KindProprietary:
		return "proprietary"
	case KindExtended:
		return "extended NDEF"
	}
	return fmt.Sprintf("%02X", uint8(k))
}

// FileControl describes a file of a tag.
type FileControl struct {
	Kind        FileKind
	FID         wire.ISOFID
	Size        uint32 // bytes of the whole file, its length field included
	Read, Write byte   // access conditions
}

// lengthSize is how many bytes the length of the message has.
func (f *FileControl) lengthSize() int {
	if f.Kind == KindExtended {
		return 4
	}
	return 2
}

// Capacity is the length of the longest message that the file holds.
func (f *FileControl) Capacity() int { return max(int(f.Size)-f.lengthSize(), 0) }

// CC is the capability container of a tag.
type CC struct {
	Version  byte   // of the mapping, major in the high nibble: 0x20
	MaxRead  uint16 // MLe: bytes that one command reads at most
	MaxWrite uint16 // MLc: bytes that one command writes at most
	Files    []FileControl
}

// Encode is the file as it is written: 7 bytes, and 8 or 10 for each file.
func (c *CC) Encode() ([]byte, error) {
	b := []byte{0, 0, c.Version}
	b = binary.BigEndian.AppendUint16(b, c.MaxRead)
	b = binary.BigEndian.AppendUint16(b, c.MaxWrite)
	for _, f := range c.Files {
		if f.Kind == KindExtended {
			b = binary.BigEndian.AppendUint16(append(b, byte(f.Kind), 8), uint16(f.FID))
			b = binary.BigEndian.AppendUint32(b, f.Size)
		} else {
			if f.Size > 0xFFFF {
				return nil, fmt.Errorf("NDEF: file %v has %d bytes, an extended NDEF file's length", f.FID, f.Size)
			}
			b = binary.BigEndian.AppendUint16(append(b, byte(f.Kind), 6), uint16(f.FID))
			b = binary.BigEndian.AppendUint16(b, uint16(f.Size))
		}
		b = append(b, f.Read, f.Write)
	}
	if len(b) > 0xFFFF {
		return nil, errors.New("NDEF: too many files")
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	return b, nil
}

// ParseCC reads a capability container. What lies behind the length that it
// states is left out, as are blocks of kinds that are not known.
func ParseCC(data []byte) (*CC, error) {
	const head = 7
	if len(data) < head {
		return nil, &FormatError{len(data), "the capability container is cut off"}
	}
	n := int(binary.BigEndian.Uint16(data))
	if n < head || n > len(data) {
		return nil, &FormatError{0, fmt.Sprintf("the capability container says that it has %d bytes, of %d", n, len(data))}
	}
	c := &CC{Version: data[2], MaxRead: binary.BigEndian.Uint16(data[3:]), MaxWrite: binary.BigEndian.Uint16(data[5:])}
	if c.Version>>4 == 0 || c.Version>>4 > 3 {
		return nil, &FormatError{2, fmt.Sprintf("version %d.%d of the mapping is not known", c.Version>>4, c.Version&0xF)}
	}
	if c.MaxRead == 0 || c.MaxWrite == 0 {
		return nil, &FormatError{3, "nothing can be read or written with one command"}
	}
	for at := head; at < n; {
		if at+2 > n || at+2+int(data[at+1]) > n {
			return nil, &FormatError{at, "a block of the capability container is cut off"}
		}
		kind, v := FileKind(data[at]), data[at+2:][:data[at+1]]
		f := FileControl{Kind: kind}
		switch {
		case kind == KindExtended && len(v) == 8:
			f.Size = binary.BigEndian.Uint32(v[2:])
		case (kind == KindNDEF || kind == KindProprietary) && len(v) == 6:
			f.Size = uint32(binary.BigEndian.Uint16(v[2:]))
		case kind == KindExtended || kind == KindNDEF || kind == KindProprietary:
			return nil, &FormatError{at, fmt.Sprintf("the block of a %v file has %d bytes", kind, len(v))}
		default:
			at += 2 + len(v)
			continue
		}
		f.FID = wire.ISOFID(binary.BigEndian.Uint16(v))
		f.Read, f.Write = v[len(v)-2], v[len(v)-1]
		c.Files = append(c.Files, f)
		at += 2 + len(v)
	}
	return c, nil
}

// NDEF is the file that holds the message: the first of its kind.
func (c *CC) NDEF() (FileControl, error) {
	for _, f := range c.Files {
		if f.Kind == KindNDEF || f.Kind == KindExtended {
			if int(f.Size) < f.lengthSize() {
				return f, fmt.Errorf("NDEF: file %v is shorter than a length", f.FID)
			}
			return f, nil
		}
	}
	return FileControl{}, errors.New("NDEF: the capability container names no file for a message")
}

// ParseFile reads the content of an NDEF file: its length, and the message. A
// length of zero is a tag that is ready and holds nothing.
func (f *FileControl) ParseFile(content []byte) (Message, error) {
	n, err := f.length(content)
	if err != nil || n == 0 {
		return Message{}, err
	}
	at := f.lengthSize()
	if n > len(content)-at {
		return nil, &FormatError{0, fmt.Sprintf("the file says that its message has %d bytes; %d are there", n, len(content)-at)}
	}
	return Parse(content[at:][:n])
}

// length is the length of the message.
func (f *FileControl) length(content []byte) (int, error) {
	at := f.lengthSize()
	if len(content) < at {
		return 0, &FormatError{len(content), "the length of the message is cut off"}
	}
	if at == 4 {
		n := binary.BigEndian.Uint32(content)
		if n > 1<<30 {
			return 0, &FormatError{0, fmt.Sprintf("a message of %d bytes", n)}
		}
		return int(n), nil
	}
	return int(binary.BigEndian.Uint16(content)), nil
}

// EncodeFile is the content of an NDEF file, as long as it needs to be.
func (f *FileControl) EncodeFile(m Message) ([]byte, error) {
	b, err := m.Encode()
	if err != nil {
		return nil, err
	}
	if len(b) > f.Capacity() {
		return nil, &SpaceError{len(b), f.Capacity()}
	}
	return append(f.appendLength(nil, len(b)), b...), nil
}

func (f *FileControl) appendLength(b []byte, n int) []byte {
	if f.lengthSize() == 4 {
		return binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return binary.BigEndian.AppendUint16(b, uint16(n))
}

// SpaceError is a message that does not fit a tag. Nothing was written.
type SpaceError struct {
	Length, Capacity int // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("NDEF: the message has %d bytes; the tag holds %d", e.Length, e.Capacity)
}
