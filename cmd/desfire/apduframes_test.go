package main

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestFurther(t *testing.T) {
	version, value, auth := wire.Find(wire.ClassNative, wire.InsGetVersion, ""), wire.Find(wire.ClassNative, wire.InsWriteData, ""), wire.Find(wire.ClassNative, wire.InsAuthenticateAES, "")
	for _, tc := range []struct {
		sent, answer []byte
		status       wire.Status
		spec         *wire.Spec
		want         []byte
	}{
		{[]byte{0x60}, []byte{0xAF}, 0x91AF, version, []byte{0xAF}},
		{[]byte{0x90, 0x60, 0, 0, 0}, []byte{0x91, 0xAF}, 0x91AF, version, []byte{0x90, 0xAF, 0, 0, 0}},
		{[]byte{0xEE}, []byte{0xAF}, 0x91AF, nil, []byte{0xAF}},
		{[]byte{0x3D}, []byte{0xAF}, 0x91AF, value, nil},
		{[]byte{0xAA, 0}, []byte{0xAF}, 0x91AF, auth, nil},
		{[]byte{0x60}, []byte{0}, 0x9100, version, nil},
		{[]byte{0, 0xB0, 0, 0, 4}, []byte{0x61, 0x10}, 0x6110, nil, []byte{0, 0xC0, 0, 0, 0x10}},
		{[]byte{0, 0xB0, 0, 0, 4}, []byte{0x6C, 0x10}, 0x6C10, nil, []byte{0, 0xB0, 0, 0, 0x10}},
		{[]byte{0, 0xB0, 0, 0}, []byte{0x6C, 0x10}, 0x6C10, nil, []byte{0, 0xB0, 0, 0, 0x10}},
		{[]byte{0, 0xA4, 0, 0, 1, 7}, []byte{0x6C, 0x10}, 0x6C10, nil, []byte{0, 0xA4, 0, 0, 1, 7, 0x10}},
		{[]byte{0, 0xA4, 0, 0, 1, 7, 0}, []byte{0x6C, 0x10}, 0x6C10, nil, []byte{0, 0xA4, 0, 0, 1, 7, 0x10}},
		{[]byte{0, 0xA4, 0, 0, 9, 7, 0}, []byte{0x6C, 0x10}, 0x6C10, nil, nil},
		{[]byte{0xFF, 0, 0, 0, 4, 0xD4, 0x40, 1, 0x60}, []byte{0xD5, 0x41, 0, 0xAF, 0x90, 0}, 0x91AF, version, nil},
		{[]byte{0xFF, 0, 0, 0, 4, 0xD4, 0x40, 1, 0x60}, []byte{0x61, 0x0E}, 0x610E, version, []byte{0xFF, 0xC0, 0, 0, 0x0E}},
	} {
		before := bytes.Clone(tc.sent)
		got := further(tc.sent, tc.answer, tc.status, tc.spec)
		if !bytes.Equal(got, tc.want) || !bytes.Equal(before, tc.sent) {
			t.Errorf("% X %04X: % X, want % X", tc.sent, uint16(tc.status), got, tc.want)
		}
	}
}
