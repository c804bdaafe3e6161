package trace

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse reads anything, and does with it all that can be done.
func FuzzParse(f *testing.F) {
	for _, pattern := range [...]string{"testdata/*.log", "../testdata/cases/*", "../testdata/traces/*.json"} {
		names, _ := filepath.Glob(pattern)
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte("> 9060000000\n< 91AF\n> 90AF000000\n< 9100"))
	f.Add([]byte("SW:\n 91 00\nAPDU: 60\nSW:\n 79 03\n 00 00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _, err := Parse(data)
		if err != nil {
			return
		}
		exercise(t, r)
		var b bytes.Buffer
		if err := r.Write(&b, FormatJSON); err != nil {
			t.Fatal(err)
		}
		again, _, err := Parse(b.Bytes())
		if err != nil || len(again.Exchanges) != len(r.Exchanges) {
			t.Fatalf("what was written does not read: %v", err)
		}
		for i := range r.Exchanges {
			if !bytes.Equal(again.Exchanges[i].Command, r.Exchanges[i].Command) || !bytes.Equal(again.Exchanges[i].Response, r.Exchanges[i].Response) {
				t.Fatalf("exchange %d changed", i)
			}
		}
	})
}

// exercise verifies and explains, whole and cut.
func exercise(t *testing.T, r *Recording) {
	exerciseOne(t, r)
	cut := r.Cut()
	if !reflect.DeepEqual(cut.Cut().Exchanges, cut.Exchanges) {
		t.Fatal("cut twice it is another")
	}
	for i, e := range cut.Exchanges {
		for at, b := range e.Command {
			if e.CutCommand.at(at) && b != 0 {
				t.Fatalf("exchange %d: byte %d stayed", i, at)
			}
		}
	}
	exerciseOne(t, cut)
	x := Explainer{Framing: r.Framing}
	for i := range r.Exchanges {
		c, a := x.Step(&r.Exchanges[i])
		_, _ = c.String(), a.String()
	}
}

func exerciseOne(t *testing.T, r *Recording) {
	v := Verify(r, &VerifyConfig{DefaultKeys: true})
	if (v.Verdict == Verified) != (len(v.Failures) == 0) {
		t.Fatalf("%v with %d failures", v.Verdict, len(v.Failures))
	}
	for i := range v.Messages {
		_ = v.Messages[i].Lines()
	}
	lines := Explain(r)
	for _, l := range lines {
		_ = l.String()
	}
	if len(lines) < 2 {
		t.Fatalf("%d lines for %d exchanges", len(lines), len(r.Exchanges))
	}
}

// FuzzVerify changes sessions whose keys are known: one part of one frame.
func FuzzVerify(f *testing.F) {
	names, _ := filepath.Glob("../testdata/traces/*.json")
	var all []*Recording
	for _, n := range names {
		r, err := ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, r)
	}
	f.Add(uint(0), uint(1), uint(3), true, []byte{0xFF})
	f.Add(uint(13), uint(5), uint(0), false, []byte{})
	f.Add(uint(7), uint(2), uint(9), false, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, which, index, at uint, answer bool, by []byte) {
		r := *all[which%uint(len(all))]
		i := int(index % uint(len(r.Exchanges)))
		r.Exchanges = append([]Exchange(nil), r.Exchanges...)
		part := &r.Exchanges[i].Command
		if answer {
			part = &r.Exchanges[i].Response
		}
		old := *part
		n := int(at % uint(len(old)+1))
		*part = append(append(append([]byte(nil), old[:n]...), by...), old[min(len(old), n+len(by)):]...)
		exercise(t, &r)
	})
}

// FuzzParseKey never shows what may be a key.
func FuzzParseKey(f *testing.F) {
	f.Add("123456:1=aes:00112233445566778899aabbccddeeff/01")
	f.Add("1=2k3des:0011223344556677")
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "@") || strings.Contains(s, "env:") {
			return // names of files and variables may be shown
		}
		_, err := ParseKey(s)
		if err == nil {
			return
		}
		for i := 0; i+12 <= len(s); i++ {
			if part := s[i : i+12]; strings.Trim(part, "0123456789abcdefABCDEF") == "" && strings.Contains(err.Error(), part) {
				t.Fatalf("%v shows %s", err, part)
			}
		}
	})
}
