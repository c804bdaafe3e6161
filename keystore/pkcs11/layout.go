package pkcs11

import (
	"encoding/binary"
	"unsafe"
)

// layout is how a system's modules lay out their structures: CK_ULONG is an
// unsigned long, and on Windows nothing is padded. Structures are built byte by
// byte, so that the layout of every system is tested on every other. Source:
// PKCS#11 2.40, section 2.1, and pkcs11.h of OASIS.
type layout struct {
	pointer int  // bytes of a pointer
	ulong   int  // bytes of CK_ULONG
	packed  bool // no padding
}

// The layouts of the supported systems, by the size of a pointer.
func unixLayout(pointer int) layout    { return layout{pointer: pointer, ulong: pointer} }
func windowsLayout(pointer int) layout { return layout{pointer: pointer, ulong: 4, packed: true} }

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

func (l layout) putUlong(b []byte, v uint64) { l.put(b, l.ulong, v) }
func (l layout) getUlong(b []byte) uint64    { return l.get(b, l.ulong) }

// unavailable is CK_UNAVAILABLE_INFORMATION: all bits.
func (l layout) unavailable() uint64 { return 1<<(8*l.ulong-1)<<1 - 1 }

// triple is the size of CK_ATTRIBUTE and CK_MECHANISM, which are alike: a number,
// an address, a length.
func (l layout) triple() int { return 2*l.ulong + l.pointer }

// putTriple writes one of them.
func (l layout) putTriple(b []byte, number, address, length uint64) {
	l.putUlong(b, number)
	l.put(b[l.ulong:], l.pointer, address)
	l.putUlong(b[l.ulong+l.pointer:], length)
}

// tripleLength reads the length of a CK_ATTRIBUTE.
func (l layout) tripleLength(b []byte) uint64 { return l.getUlong(b[l.ulong+l.pointer:]) }

// initializeArgs is CK_C_INITIALIZE_ARGS without functions of the caller: four
// addresses, flags, an address.
func (l layout) initializeArgs(flags uint64) []byte {
	b := alignedBytes(5*l.pointer + max(l.ulong, l.pointer))
	l.putUlong(b[4*l.pointer:], flags)
	return b
}

// function is where the nth function of CK_FUNCTION_LIST stands, behind a version
// of two bytes.
func (l layout) function(n int) int {
	if l.packed {
		return 2 + n*l.pointer
	}
	return (1 + n) * l.pointer
}

// CK_TOKEN_INFO: label, manufacturer, model and serial number, flags, ten numbers,
// two versions, a time.
const (
	tokenLabel        = 0
	tokenManufacturer = 32
	tokenModel        = 64
	tokenSerial       = 80
	tokenFlags        = 96
)

func (l layout) tokenInfo() int { return tokenFlags + 11*l.ulong + 4 + 16 }

// CK_SESSION_INFO: slot, state, flags, error of the device.
func (l layout) sessionInfo() int { return 4 * l.ulong }

// alignedBytes returns n bytes aligned as any structure may need.
func alignedBytes(n int) []byte {
	words := make([]uint64, n/8+1)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)[:n]
}
