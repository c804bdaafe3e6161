package dissect_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/trace"
)

// recordings are all that testdata has: sessions with real cards, and logs of
// bug reports.
func recordings(t *testing.T) map[string]*trace.Recording {
	t.Helper()
	list := make(map[string]*trace.Recording)
	for _, pattern := range []string{"../testdata/traces/*.json", "../testdata/cases/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rec, err := trace.ReadFile(f)
			if err != nil {
				continue // the tables and notes among them
			}
			list[filepath.Base(f)] = rec
		}
	}
	if len(list) < 95 {
		t.Fatalf("only %d recordings could be read", len(list))
	}
	return list
}

// whole says what is wrong with how messages cover a recording.
func whole(rec *trace.Recording, messages []*dissect.Message, cut bool) error {
	seen := make(map[[2]int]int)
	for _, m := range messages {
		if m.No > m.Last || m.Name == "" || m.Did == "" || m.Words == "" {
			return fmt.Errorf("message %d to %d lacks words: %q %q %q", m.No, m.Last, m.Name, m.Did, m.Words)
		}
		for _, f := range m.Frames {
			e := &rec.Exchanges[f.Exchange]
			raw, span := e.Command, e.CutCommand
			side := 0
			if f.Answer {
				raw, span, side = e.Response, e.CutResponse, 1
			}
			seen[[2]int{f.Exchange, side}]++
			if f.Len != len(raw) {
				return fmt.Errorf("exchange %d: a frame of %d bytes has Len %d", f.Exchange, len(raw), f.Len)
			}
			at := 0
			for _, p := range f.Parts {
				if p.Len == 0 && p.Kind != dissect.Missing || p.Name == "" {
					return fmt.Errorf("exchange %d: empty part %+v", f.Exchange, p)
				}
				if at+p.Len > len(raw) {
					return fmt.Errorf("exchange %d: parts are longer than the frame", f.Exchange)
				}
				if p.Bytes != nil && !bytes.Equal(p.Bytes, raw[at:at+p.Len]) {
					return fmt.Errorf("exchange %d: %s has other bytes than the frame", f.Exchange, p.Name)
				}
				if p.Bytes == nil && !p.Secret && !p.Cut && p.Kind != dissect.Missing {
					return fmt.Errorf("exchange %d: %s has no bytes", f.Exchange, p.Name)
				}
				for i := at; i < at+p.Len; i++ {
					if in := span.From <= i && i < span.To; in != p.Cut {
						return fmt.Errorf("exchange %d: %s says cut %v at byte %d, the recording %v", f.Exchange, p.Name, p.Cut, i, in)
					}
				}
				at += p.Len
			}
			if at != len(raw) {
				return fmt.Errorf("exchange %d answer %v: parts have %d bytes of %d", f.Exchange, f.Answer, at, len(raw))
			}
		}
	}
	for i := range rec.Exchanges {
		for side := range 2 {
			if n := seen[[2]int{i, side}]; n != 1 {
				return fmt.Errorf("exchange %d has %d frames of side %d", i, n, side)
			}
		}
	}
	return nil
}

func TestWhole(t *testing.T) {
	for name, rec := range recordings(t) {
		for _, cut := range []bool{false, true} {
			r := dissect.Recording(rec, &dissect.Config{DefaultKeys: true, Cut: cut})
			if err := whole(rec, r.Messages, cut); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
