package crc_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/internal/vector"
)

func TestVectors(t *testing.T) {
	vector.Each(t, "crc", func(t *testing.T, v *vector.Vector) {
		data := v.Hex("data")
		switch {
		case v.Has("crc16_le"):
			got := binary.LittleEndian.AppendUint16(nil, crc.Sum16(data))
			if want := v.Hex("crc16_le"); !bytes.Equal(got, want) {
				t.Errorf("CRC16 = %X, want %X", got, want)
			}
		default:
			got := binary.LittleEndian.AppendUint32(nil, crc.Sum32(data))
			if want := v.Hex("crc32_le"); !bytes.Equal(got, want) {
				t.Errorf("CRC32 = %X, want %X", got, want)
			}
		}
	})
}

// A checksum over data and its own checksum is zero, and pieces give what the
// whole gives.
func TestResidue(t *testing.T) {
	data := []byte("DESFire\x00\x80\xFF")
	c16, c32 := crc.Sum16(data), crc.Sum32(data)
	if r := crc.Update16(crc.Sum16(data[:4]), data[4:]); r != c16 {
		t.Errorf("CRC16 in pieces = %04X, want %04X", r, c16)
	}
	if r := crc.Update32(crc.Sum32(data[:4]), data[4:]); r != c32 {
		t.Errorf("CRC32 in pieces = %08X, want %08X", r, c32)
	}
	if r := crc.Update16(c16, binary.LittleEndian.AppendUint16(nil, c16)); r != 0 {
		t.Errorf("CRC16 residue %04X", r)
	}
	if r := crc.Update32(c32, binary.LittleEndian.AppendUint32(nil, c32)); r != 0 {
		t.Errorf("CRC32 residue %08X", r)
	}
}
