package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/wirevector"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

func loadVectors(t testing.TB) []*wirevector.Vector {
	t.Helper()
	all, err := wirevector.Load("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVectors(t *testing.T) {
	var c wire.Coder
	for _, v := range loadVectors(t) {
		if v.Spec() == nil {
			t.Fatalf("%v: no such command", v)
		}
		if v.Kind == "" || v.Source == "" {
			t.Errorf("%v: no source", v)
		}
		want := build(t, v)
		got := v.New()
		if err := c.DecodeISO(v.Encoded, got); err != nil {
			t.Errorf("%v: %v", v, err)
			continue
		}
		if !sameMessage(got, want) {
			t.Errorf("%v: decoded %+v, want %+v", v, got, want)
		}
		e, err := c.Encode(nil, want)
		if err != nil || !bytes.Equal(e.Bytes, v.Encoded.Bytes) {
			t.Errorf("%v: encoded %X, want %X, %v", v, e.Bytes, v.Encoded.Bytes, err)
		}
		if v.Spec().Class == wire.ClassISO && !v.Response && (e.P1 != v.Encoded.P1 || e.P2 != v.Encoded.P2 || e.Le != v.Encoded.Le) {
			t.Errorf("%v: header %02X %02X %d, want %02X %02X %d", v, e.P1, e.P2, e.Le, v.Encoded.P1, v.Encoded.P2, v.Encoded.Le)
		}
		// Where the vector shows frames, all marks must be there.
		if len(v.Encoded.Marks) > 0 && !slices.Equal(e.Marks, v.Encoded.Marks) {
			t.Errorf("%v: marks %v, want %v", v, e.Marks, v.Encoded.Marks)
		}
		if _, err := c.Explain(v.Encoded, v.New()); err != nil {
			t.Errorf("%v: explain: %v", v, err)
		}
	}
}

// Every layout that has bytes must have a vector, as must every option of
// SetConfiguration and every file type.
func TestEveryLayoutHasVector(t *testing.T) {
	have := map[string]bool{}
	for _, v := range loadVectors(t) {
		have[layoutName(v)] = true
		switch m := build(t, v).(type) {
		case *wire.SetConfiguration:
			have["option "+m.Setting.Option().String()] = true
		case *wire.FileSettings:
			have["type "+m.Type.String()] = true
		}
	}
	for s := range wire.Commands() {
		if s.Unknown != "" {
			continue
		}
		if s.Name == "" || s.New == nil || s.NewResponse == nil {
			t.Fatalf("%02X %02X %s: incomplete declaration", s.Class, s.INS, s.Variant)
		}
		if !have["command "+s.Name] && !empty(s.New()) {
			t.Errorf("command %s has no vector", s.Name)
		}
		if !have["response "+s.Name] && !empty(s.NewResponse()) {
			t.Errorf("response %s has no vector", s.Name)
		}
	}
	for _, o := range []wire.ConfigOption{0, 1, 2, 3, 4, 5, 6, 8, 9, 0xA, 0xB, 0xC} {
		if !have["option "+o.String()] {
			t.Errorf("SetConfiguration option %02X has no vector", uint8(o))
		}
	}
	for ft := wire.FileStandard; ft <= wire.FileTransactionMAC; ft++ {
		if !have["type "+ft.String()] {
			t.Errorf("FileSettings of type %v have no vector", ft)
		}
	}
}

func layoutName(v *wirevector.Vector) string {
	if v.Response {
		return "response " + v.Command
	}
	return "command " + v.Command
}

// empty reports whether a layout takes no bytes at all.
func empty(m wire.Message) bool {
	var c wire.Coder
	return c.Decode([]byte{0xFF}, nil, m) != nil && c.Decode(nil, nil, m) == nil && isNothing(m)
}

func isNothing(m wire.Message) bool {
	switch m.(type) {
	case *wire.Empty:
		return true
	}
	var c wire.Coder
	for n := range 64 {
		for _, fill := range []byte{0, 1} {
			if n > 0 && c.Decode(bytes.Repeat([]byte{fill}, n), nil, m) == nil {
				return false
			}
		}
	}
	return true
}

// What a vector says to come from a recording or a publication must stand
// there.
func TestVectorSources(t *testing.T) {
	published := map[string]map[string]string{}
	text, err := os.ReadFile("../testdata/vectors/crypto.json")
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct {
		ID               string
		Inputs, Expected map[string]any
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fields := map[string]string{}
		for _, m := range []map[string]any{e.Inputs, e.Expected} {
			for k, x := range m {
				if s, ok := x.(string); ok {
					fields[k] = s
				}
			}
		}
		published[e.ID] = fields
	}
	for _, v := range loadVectors(t) {
		words := strings.Fields(v.Source)
		var want []byte
		switch {
		case len(words) >= 3 && words[0] == "trace":
			want = fromTrace(t, v, words[1], words[2:])
		case len(words) >= 3 && words[0] == "crypto":
			want = fromFields(t, v, published[words[1]], words[2:])
		case len(words) == 3 && words[0] == "deciphered":
			want = deciphered(t, v, words[1], words[2])
		case v.Kind != "derived":
			t.Errorf("%v: evidence without a source that can be compared: %s", v, v.Source)
			continue
		default:
			continue
		}
		if !bytes.Equal(want, v.Encoded.Bytes) {
			t.Errorf("%v: %s has %X, vector %X", v, v.Source, want, v.Encoded.Bytes)
		}
	}
}

func fromFields(t *testing.T, v *wirevector.Vector, fields map[string]string, words []string) []byte {
	var s string
	skip := 0
	for _, w := range words {
		if lit, ok := strings.CutPrefix(w, "literal="); ok {
			s += lit
		} else if n, ok := strings.CutPrefix(w, "skip="); ok {
			skip, _ = strconv.Atoi(n)
		} else if f, ok := fields[w]; ok {
			s += f
		} else {
			t.Fatalf("%v: no field %s", v, w)
		}
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	return b[skip:]
}

func fromTrace(t *testing.T, v *wirevector.Vector, id string, words []string) []byte {
	text, err := os.ReadFile(filepath.Join("../testdata/traces", id+".json"))
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	var tr struct {
		Framing   string
		Exchanges []struct{ C, R, Framing string }
	}
	if err := json.Unmarshal(text, &tr); err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	first, last, isRange := strings.Cut(words[0], "-")
	if !isRange {
		last = first
	}
	from, _ := strconv.Atoi(first)
	to, _ := strconv.Atoi(last)
	var all []byte
	for i := from; i <= to; i++ {
		x := tr.Exchanges[i]
		framing := tr.Framing
		if x.Framing != "" {
			framing = x.Framing
		}
		if !v.Response {
			b, _ := hex.DecodeString(x.C)
			if framing == "native" {
				checkINS(t, v, b[0], i == from)
				all = append(all, b[1:]...)
				continue
			}
			checkINS(t, v, b[1], i == from)
			if len(b) > 5 {
				all = append(all, b[5:5+int(b[4])]...)
			}
			continue
		}
		b, _ := hex.DecodeString(x.R)
		switch {
		case framing != "native":
			all = append(all, b[:len(b)-2]...)
		case v.Spec().Bare:
			all = append(all, b...)
		default:
			all = append(all, b[1:]...)
		}
	}
	if len(words) == 3 && words[1] == "mac" {
		n, _ := strconv.Atoi(words[2])
		all = all[:len(all)-n]
	}
	return all
}

// deciphered is the plain text that the verifier finds in a recording.
func deciphered(t *testing.T, v *wirevector.Vector, id, at string) []byte {
	rec, err := trace.ReadFile(filepath.Join("../testdata/traces", id+".json"))
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	n, err := strconv.Atoi(at)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	r := trace.Verify(rec, nil)
	if r.Verdict != trace.Verified {
		t.Errorf("%v: %s: %v", v, id, r.Verdict)
	}
	for _, m := range r.Messages {
		switch {
		case n < m.First || n > m.Last || m.Name != v.Command:
		case v.Response:
			return m.PlainAnswer
		default:
			return m.Plain
		}
	}
	t.Errorf("%v: %s has no %s at exchange %d", v, id, v.Command, n)
	return nil
}

func checkINS(t *testing.T, v *wirevector.Vector, ins byte, first bool) {
	if first && ins != v.Spec().INS {
		t.Errorf("%v: the recording has INS %02X", v, ins)
	}
}
