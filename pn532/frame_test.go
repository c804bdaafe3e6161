package pn532

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Frames of the user manual (UM0701-02, 6.2 and 7) and of the vendor's
// application note AN10609.
var manual = []struct {
	name string
	tfi  byte
	body string // after TFI
	want string
}{
	{"GetFirmwareVersion", fromHost, "02", "00 00 FF 02 FE D4 02 2A 00"},
	{"its answer", fromChip, "03 32 01 06 07", "00 00 FF 06 FA D5 03 32 01 06 07 E8 00"},
	{"SAMConfiguration", fromHost, "14 01", "00 00 FF 03 FD D4 14 01 17 00"},
	{"its answer", fromChip, "15", "00 00 FF 02 FE D5 15 16 00"},
	{"InListPassiveTarget", fromHost, "4A 01 00", "00 00 FF 04 FC D4 4A 01 00 E1 00"},
	{"RFConfiguration, retries", fromHost, "32 05 FF 01 02", "00 00 FF 06 FA D4 32 05 FF 01 02 F3 00"},
	{"its answer", fromChip, "33", "00 00 FF 02 FE D5 33 F8 00"},
}

func TestManual(t *testing.T) {
	for _, test := range manual {
		body, want := unhex(t, test.body), unhex(t, test.want)
		if got := appendFrame(nil, test.tfi, body[0], body[1:]); !bytes.Equal(got, want) {
			t.Errorf("%s: % X, want % X", test.name, got, want)
		}
		var d decoder
		d.feed(want)
		f, ok := d.next()
		if !ok || f.kind != frameInfo || f.body[0] != test.tfi || !bytes.Equal(f.body[1:], body) {
			t.Errorf("%s: read as %+v, %v", test.name, f, ok)
		}
	}
	for text, kind := range map[string]frameKind{
		"00 00 FF 00 FF 00": frameACK, "00 00 FF FF 00 00": frameNACK, "00 00 FF 01 FF 7F 81 00": frameSyntaxError,
	} {
		var d decoder
		d.feed(unhex(t, text))
		if f, ok := d.next(); !ok || f.kind != kind {
			t.Errorf("%s: read as %+v, %v", text, f, ok)
		}
	}
}

func TestExtendedFrames(t *testing.T) {
	for _, n := range []int{0, 1, 252, 253, 254, 255, 256, 263} {
		data := bytes.Repeat([]byte{0xA5}, n)
		frame := appendFrame(nil, fromChip, cmdInDataExchange+1, data)
		extended := bytes.HasPrefix(frame, []byte{0, 0, 0xFF, 0xFF, 0xFF})
		if extended != (n+2 > 255) {
			t.Errorf("%d bytes: extended %v", n, extended)
		}
		var d decoder
		for i, b := range frame[:len(frame)-1] { // byte by byte
			if _, ok := d.next(); ok {
				t.Fatalf("%d bytes: a frame after %d of %d", n, i, len(frame))
			}
			d.feed([]byte{b})
		}
		if f, ok := d.next(); !ok || !bytes.Equal(f.body[2:], data) {
			t.Errorf("%d bytes: read as %+v, %v", n, f, ok)
		}
	}
}

// A frame is found whatever lies before it.
func TestFramesAmongNoise(t *testing.T) {
	good := appendFrame(nil, fromChip, 3, []byte{0x32, 1, 6, 7})
	for _, noise := range []string{
		"", "55 55 00 00 00", "FF", "00", "00 00", "00 FF", "00 FF 12", "00 00 FF 05 FB D5 03", "00 00 FF FF FF 01",
		"00 00 FF FF FF 00 20 E0 D5 41", "00 00 FF 04 FB", "00 00 FF 00 00 00", "00 00 FF FF FF FF FF 02 00",
		"00 00 FF 02 FE D5 15 17 00", "00 00 FF 01 FF D5 2B 00", "D4 4A 01 00 E1 00",
	} {
		var d decoder
		d.feed(unhex(t, noise))
		d.feed(good)
		d.feed(make([]byte, 40)) // what a cut frame still waits for
		found := false
		for {
			f, ok := d.next()
			if !ok {
				break
			}
			found = found || f.kind == frameInfo && f.body[1] == 3
		}
		if !found {
			t.Errorf("%s hides the frame behind it", noise)
		}
		if !d.noise && strings.Trim(noise, "0 ") != "" {
			t.Errorf("%s is not noticed", noise)
		}
	}
}

// FuzzDecoder feeds bytes in pieces: whatever comes, no frame depends on where
// it was cut, and none is read that is not there.
func FuzzDecoder(f *testing.F) {
	for _, test := range manual {
		f.Add(unhex(f, test.want), uint8(3))
	}
	f.Add(unhex(f, "00 00 FF FF FF 01 02 FD D5 41"), uint8(1))
	f.Add(append(unhex(f, "00 00 FF 05 FB D5 03"), appendFrame(nil, fromChip, 3, nil)...), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		read := func(step int) (all [][]byte) {
			var d decoder
			for at := 0; ; at += step {
				for {
					f, ok := d.next()
					if !ok {
						break
					}
					if f.kind == frameInfo && (len(f.body) < 2 || len(f.body) > maxBody) {
						t.Fatalf("a body of %d bytes", len(f.body))
					}
					if f.kind != frameBroken {
						all = append(all, append([]byte{byte(f.kind)}, f.body...))
					}
				}
				if at >= len(b) {
					return all
				}
				d.feed(b[at:min(at+step, len(b))])
			}
		}
		whole, pieces := read(len(b)+1), read(int(step)+1)
		if len(whole) != len(pieces) {
			t.Fatalf("%d frames at once, %d in pieces of %d", len(whole), len(pieces), int(step)+1)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], pieces[i]) {
				t.Fatalf("frame %d: % X at once, % X in pieces", i, whole[i], pieces[i])
			}
		}
	})
}
