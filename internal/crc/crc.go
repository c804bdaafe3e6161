// Package crc has the two checksums of DESFire secure messaging.
package crc

import "hash/crc32"

// Start values of a running checksum.
const (
	Init16 uint16 = 0x6363     // ISO/IEC 14443-3 type A
	Init32 uint32 = 0xFFFFFFFF // IEEE polynomial, no final inversion ("JAMCRC")
)

// Sum16 is the CRC of ISO/IEC 14443-3 type A, sent least significant byte
// first (D40).
func Sum16(p []byte) uint16 { return Update16(Init16, p) }

// Update16 continues crc with p.
func Update16(crc uint16, p []byte) uint16 {
	for _, b := range p {
		x := b ^ byte(crc)
		x ^= x << 4
		crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	return crc
}

// Sum32 is the CRC32 without the final inversion, sent least significant byte
// first (EV1, and ChangeKey in EV2).
func Sum32(p []byte) uint32 { return Update32(Init32, p) }

// Update32 continues crc with p.
func Update32(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, crc32.IEEETable, p) }
