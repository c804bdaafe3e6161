package pcsc

import (
	"encoding/binary"
	"unicode/utf16"
	"unsafe"
)

// layout is how a platform's PC/SC library lays out its structures. They are
// built byte by byte, so that every platform's layout is tested on every
// other. Source: winscard.h, pcsclite.h and wintypes.h of each.
type layout struct {
	pointer int  // bytes of a pointer
	dword   int  // bytes of a DWORD
	handle  int  // bytes of SCARDCONTEXT and SCARDHANDLE
	atr     int  // bytes of rgbAtr
	packed  bool // no padding
	wide    bool // UTF-16 strings
}

// The layouts of the supported systems, by the size of a pointer.
func linuxLayout(pointer int) layout {
	return layout{pointer: pointer, dword: pointer, handle: pointer, atr: maxATR}
}

func darwinLayout(pointer int) layout {
	return layout{pointer: pointer, dword: 4, handle: 4, atr: maxATR, packed: true}
}

func windowsLayout(pointer int) layout {
	return layout{pointer: pointer, dword: 4, handle: pointer, atr: 36, wide: true}
}

// Offsets in SCARD_READERSTATE: szReader, pvUserData, dwCurrentState,
// dwEventState, cbAtr, rgbAtr.
func (l layout) currentState() int { return 2 * l.pointer }
func (l layout) eventState() int   { return l.currentState() + l.dword }
func (l layout) atrLength() int    { return l.eventState() + l.dword }
func (l layout) atrBytes() int     { return l.atrLength() + l.dword }

// readerState is the size of SCARD_READERSTATE.
func (l layout) readerState() int {
	n := l.atrBytes() + l.atr
	if l.packed {
		return n
	}
	return (n + l.pointer - 1) / l.pointer * l.pointer
}

// ioRequest is the size of SCARD_IO_REQUEST: dwProtocol, cbPciLength.
func (l layout) ioRequest() int { return 2 * l.dword }

func (l layout) put(b []byte, size int, v uint64) {
	if size == 8 {
		binary.NativeEndian.PutUint64(b, v)
	} else {
		binary.NativeEndian.PutUint32(b, uint32(v))
	}
}

func (l layout) get(b []byte, size int) uint64 {
	if size == 8 {
		return binary.NativeEndian.Uint64(b)
	}
	return uint64(binary.NativeEndian.Uint32(b))
}

func (l layout) putDWORD(b []byte, v uint32) { l.put(b, l.dword, uint64(v)) }
func (l layout) getDWORD(b []byte) uint32    { return uint32(l.get(b, l.dword)) }

// putIORequest writes the protocol structure of SCardTransmit.
func (l layout) putIORequest(b []byte, protocol uint32) {
	l.putDWORD(b, protocol)
	l.putDWORD(b[l.dword:], uint32(l.ioRequest()))
}

// appendString appends s as the library's NUL-terminated string. It stops at
// a NUL in s.
func (l layout) appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == 0 {
			s = s[:i]
			break
		}
	}
	if !l.wide {
		return append(append(b, s...), 0)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.NativeEndian.AppendUint16(b, u)
	}
	return append(b, 0, 0)
}

// strings splits a multi-string: NUL-terminated strings, and an empty one.
func (l layout) strings(b []byte) []string {
	var list []string
	for {
		s, rest := l.string(b)
		if s == "" {
			return list
		}
		list, b = append(list, s), rest
	}
}

func (l layout) string(b []byte) (s string, rest []byte) {
	if !l.wide {
		for i, c := range b {
			if c == 0 {
				return string(b[:i]), b[i+1:]
			}
		}
		return string(b), nil
	}
	var units []uint16
	for len(b) >= 2 {
		u := binary.NativeEndian.Uint16(b)
		b = b[2:]
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), b
}

// char is the size of a character.
func (l layout) char() int {
	if l.wide {
		return 2
	}
	return 1
}

// readerStates lays out an array of SCARD_READERSTATE with the names behind
// it in the same block. The structures point into the block, at base on.
func (l layout) readerStates(states []readerState, base func(block []byte) uintptr) []byte {
	size := len(states) * l.readerState()
	var names []byte
	offsets := make([]int, len(states))
	for i, s := range states {
		if l.wide && len(names)%2 != 0 {
			names = append(names, 0)
		}
		offsets[i] = size + size%2 + len(names)
		names = l.appendString(names, s.reader)
	}
	block := alignedBytes(size + size%2 + len(names))
	copy(block[size+size%2:], names)
	address := base(block)
	for i, s := range states {
		b := block[i*l.readerState():]
		l.put(b, l.pointer, uint64(address)+uint64(offsets[i]))
		l.putDWORD(b[l.currentState():], s.current)
	}
	return block
}

// readStates reads what the library has written.
func (l layout) readStates(block []byte, states []readerState) {
	for i := range states {
		b := block[i*l.readerState():]
		s := &states[i]
		s.event = l.getDWORD(b[l.eventState():])
		n := min(int(l.getDWORD(b[l.atrLength():])), l.atr)
		s.atr = append(s.atr[:0:0], b[l.atrBytes():l.atrBytes()+n]...)
	}
}

// alignedBytes returns n bytes aligned as any structure may need.
func alignedBytes(n int) []byte {
	words := make([]uint64, n/8+1)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)[:n]
}
