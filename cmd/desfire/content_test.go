package main

import (
	"bytes"
	"testing"
)

func TestParseInt(t *testing.T) {
	for _, tc := range []struct {
		s    string
		want []byte
	}{
		{"1", []byte{1, 0, 0, 0}},
		{"0x010203:3", []byte{3, 2, 1}},
		{"0x010203:3be", []byte{1, 2, 3}},
		{"255:1", []byte{0xFF}},
		{"18446744073709551615:8", bytes.Repeat([]byte{0xFF}, 8)},
		{"4294967296", nil},
		{"256:1be", nil},
		{"1:0", nil},
		{"1:9", nil},
		{"-1", nil},
		{"1:", nil},
		{"", nil},
	} {
		got, err := parseInt(tc.s)
		if !bytes.Equal(got, tc.want) || (err == nil) != (tc.want != nil) {
			t.Errorf("%q: %X, %v", tc.s, got, err)
		}
	}
}
