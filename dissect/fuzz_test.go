package dissect_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
	"github.com/go-desfire/desfire/trace"
)

// Whatever a file holds, every byte of its frames is in exactly one part, and
// nothing panics.
func FuzzRecording(f *testing.F) {
	files, err := filepath.Glob("../testdata/cases/*")
	if err != nil {
		f.Fatal(err)
	}
	traces, err := filepath.Glob("../testdata/traces/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(files, traces...) {
		if b, err := os.ReadFile(name); err == nil && len(b) < 8000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, _, err := trace.Parse(data)
		if err != nil || len(rec.Exchanges) == 0 || len(data) > 1<<14 {
			return
		}
		looked(t, rec)
	})
}

// Exchanges of any bytes, in any order.
func FuzzExchanges(f *testing.F) {
	f.Add([]byte("\x05\x90\x60\x00\x00\x00\x09\x04\x01\x01\x33\x00\x18\x05\x91\xAF"))
	f.Add([]byte("\x02\x0A\x00\x09\xAF\x01\x02\x03\x04\x05\x06\x07\x08\x01\xAF\x00"))
	f.Add([]byte("\x0B\xFF\x00\x00\x00\x06\xD4\x40\x01\xC4\x00\x3A\x02\x90\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec := new(trace.Recording)
		next := func() []byte {
			if len(data) == 0 {
				return nil
			}
			n := min(int(data[0]&0x3F), len(data)-1)
			b := data[1 : 1+n]
			data = data[1+n:]
			return b
		}
		for len(data) > 0 && len(rec.Exchanges) < 60 {
			e := trace.Exchange{Reset: data[0]&0x40 != 0, Took: int64(data[0])}
			e.Command = next()
			e.Response = next()
			if n := len(e.Command); n > 4 && e.Command[n-1] == 0x55 {
				e.CutCommand = trace.Span{From: n / 2, To: n}
			}
			if len(e.Command) > 0 {
				rec.Exchanges = append(rec.Exchanges, e)
			}
		}
		if len(rec.Exchanges) > 0 {
			looked(t, rec)
		}
	})
}

func looked(t *testing.T, rec *trace.Recording) {
	t.Helper()
	for _, cut := range []bool{false, true} {
		r := dissect.Recording(rec, &dissect.Config{DefaultKeys: true, Cut: cut})
		if err := whole(rec, r.Messages, cut); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := markup.File(&b, "x", nil, rec, r); err != nil {
			t.Fatal(err)
		}
	}
	if dissect.One(rec, len(rec.Exchanges)-1, nil) == nil {
		t.Fatal("the last exchange is of no message")
	}
}
