package framelog

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/internal/crc"
)

func seeds(f *testing.F) {
	for _, pattern := range [...]string{"../../testdata/cases/*.log", "../../trace/testdata/*.log"} {
		names, _ := filepath.Glob(pattern)
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
}

// FuzzRead reads anything: the bytes of frames stand in the text, in their
// order, and no line that is named shows many digits.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Add([]byte("SW:\n 91 00\nAPDU: 60\nSW:\n 79 03\n 00 00\n"))
	f.Add([]byte(",-1 0 0 001 0"))
	f.Add([]byte(">> b'\\x90`\\x00\\x00\\x00'\n<< b'\\x91\\xaf'"))
	f.Add([]byte("&gt; 9060000000\n&lt; 91\u00a0AF … 5 more\n\x1b[1m>\x1b[0m 90 6\x1b[3m0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := Decode(data)
		if err != nil {
			return
		}
		l := read(t, text)
		traced(t, text, l)
		for _, s := range l.Skipped {
			if s.Line < 1 || s.Reason == "" {
				t.Fatalf("%+v", s)
			}
		}
		again := read(t, text)
		if shown(again) != shown(l) {
			t.Fatal("read twice it is another")
		}
	})
}

// FuzzAir reads Proxmark trace lists of frames that all have a good CRC.
func FuzzAir(f *testing.F) {
	f.Add([]byte("\x02\x90\x60\x00\x00\x00\n\x02\x91\xAF\n\xE0\x80\n\x12\x01\n\xA2\n\x03\x02\n\x0A\x00\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var text bytes.Buffer
		for i, frame := range bytes.Split(data, []byte("\n")) {
			src := [...]string{"Rdr", "Tag"}[i%2]
			s := crc.Sum16(frame)
			frame = append(append([]byte(nil), frame...), byte(s), byte(s>>8))
			text.WriteString("  1 |  2 | " + src + " |")
			for _, b := range frame {
				text.WriteString("  " + string("0123456789abcdef"[b>>4]) + string("0123456789abcdef"[b&15]))
			}
			text.WriteString(" | ok | \n")
		}
		l := read(t, text.String())
		traced(t, text.String(), l)
	})
}
