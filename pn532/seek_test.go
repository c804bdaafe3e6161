package pn532

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// field is a machine on which some candidates are.
type field struct {
	list []Candidate
	err  error
	here map[string]error // what comes of a probe

	mu     *sync.Mutex
	probes map[string]int
}

func (f *field) seeker() *seeker {
	s := newSeeker()
	f.probes, f.mu = map[string]int{}, new(sync.Mutex)
	s.list = func() ([]Candidate, error) { return f.list, f.err }
	s.probe = func(ctx context.Context, c Candidate) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.probes[c.Address]++
		return f.here[c.Address]
	}
	return s
}

var (
	usb0 = Candidate{Address: "/dev/ttyUSB0", Line: "HSU", What: "CH340 1A86:7523"}
	i2c1 = Candidate{Address: "i2c1", Line: "I2C"}
	spi0 = Candidate{Address: "spi0.0", Line: "SPI"}
)

func silent(c Candidate) error { return &LineError{Address: c.Address, Problem: Silent} }

func TestSeek(t *testing.T) {
	held := usb0
	held.Holders = []string{"octoprint (812)"}
	for name, test := range map[string]struct {
		field   field
		want    string
		problem Problem
		say     []string
		probed  []string
	}{
		"one": {
			field: field{list: []Candidate{i2c1, usb0}, here: map[string]error{"i2c1": silent(i2c1)}},
			want:  "/dev/ttyUSB0", probed: []string{"/dev/ttyUSB0", "i2c1"},
		},
		"two": {
			field:   field{list: []Candidate{i2c1, spi0, usb0}, here: map[string]error{"spi0.0": silent(spi0)}},
			problem: Several, say: []string{"pn532: there are several: ", "pn532:i2c1 or pn532:/dev/ttyUSB0"}, probed: []string{"/dev/ttyUSB0", "i2c1", "spi0.0"},
		},
		"none answers": {
			field:   field{list: []Candidate{spi0, usb0}, here: map[string]error{"spi0.0": silent(spi0), "/dev/ttyUSB0": &LineError{Address: "/dev/ttyUSB0", Problem: NotPN532}}},
			problem: NotThere, say: []string{"tried spi0.0: nothing answers, /dev/ttyUSB0 (CH340 1A86:7523): what answers is no PN532; ", "pn532:/dev/serial0"},
			probed: []string{"/dev/ttyUSB0", "spi0.0"},
		},
		"held": {
			field:   field{list: []Candidate{held}},
			problem: NotThere, say: []string{"/dev/ttyUSB0 (CH340 1A86:7523): another program uses the device: not tried, octoprint (812) has it open"},
		},
		"none at all": {field: field{}, problem: NotThere, say: []string{"shows no I2C or SPI bus and no USB serial adapter"}},
		"no list": {
			field:   field{list: []Candidate{spi0}, err: errNoList("plan9"), here: map[string]error{"spi0.0": silent(spi0)}},
			problem: NotThere, say: []string{"tried spi0.0: nothing answers", "cannot be listed on plan9"}, probed: []string{"spi0.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.field.seeker().seek(t.Context())
			if got != test.want || (err == nil) != (test.problem == 0) {
				t.Fatalf("%q, %v", got, err)
			}
			if probed := slices.Sorted(maps.Keys(test.field.probes)); !slices.Equal(probed, test.probed) {
				t.Errorf("wrote to %q, want %q", probed, test.probed)
			}
			if err == nil {
				return
			}
			var e *LineError
			var s *SeekError
			if !errors.As(err, &e) || e.Problem != test.problem || !errors.As(err, &s) || len(s.Tried) != len(test.field.list) {
				t.Errorf("%v", err)
			}
			for _, say := range test.say {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%v\ndoes not say %q", err, say)
				}
			}
			if test.field.err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

// TestSeekAgain: a stranger is left alone after a few times, until it was unplugged; a
// chip that was found is looked for as often as need be.
func TestSeekAgain(t *testing.T) {
	f := &field{list: []Candidate{i2c1, usb0}, here: map[string]error{"/dev/ttyUSB0": silent(usb0)}}
	s := f.seeker()
	seek := func(want string) {
		t.Helper()
		if got, err := s.seek(t.Context()); got != want || want == "" && !strings.Contains(err.Error(), "/dev/ttyUSB0 (CH340 1A86:7523): nothing answers") {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	for range 10 {
		seek("i2c1")
	}
	if f.probes["/dev/ttyUSB0"] != maxSeeks || f.probes["i2c1"] != 10 {
		t.Errorf("wrote %v", f.probes)
	}
	f.here["i2c1"] = silent(i2c1)
	for range 10 {
		seek("")
	}
	if f.probes["/dev/ttyUSB0"] != maxSeeks || f.probes["i2c1"] != 20 {
		t.Errorf("wrote %v", f.probes)
	}
	f.list = f.list[:1]
	if _, err := s.seek(t.Context()); err == nil {
		t.Fatal("found one that is silent")
	}
	f.list = f.list[:2]
	delete(f.here, "/dev/ttyUSB0")
	seek("/dev/ttyUSB0")
	if f.probes["/dev/ttyUSB0"] != maxSeeks+1 {
		t.Errorf("wrote %v", f.probes)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.seek(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPeek: a chip of another kind at the address is read and never written to.
func TestPeek(t *testing.T) {
	for status, want := range map[byte]Problem{0x00: 0, 0x01: 0, 0x02: NotPN532, 0x81: NotPN532, 0xFF: NotPN532} {
		w := &wires{status: func(int) (byte, error) { return status, nil }}
		err := quick(newI2C(wiresI2C{w}, address{text: "i2c1"}), 100).peek(t.Context())
		var e *LineError
		if errors.As(err, &e); (err == nil) != (want == 0) || err != nil && e.Problem != want {
			t.Errorf("%02X: %v", status, err)
		}
		for _, x := range w.log {
			if x != "R 1" {
				t.Errorf("%02X: %s", status, x)
			}
		}
	}
	w := &wires{fail: func(int, string) error { return nak }}
	var e *LineError
	if err := quick(newI2C(wiresI2C{w}, address{text: "i2c1"}), 100).peek(t.Context()); !errors.As(err, &e) || e.Problem != Silent {
		t.Errorf("nobody: %v", err)
	}
}
