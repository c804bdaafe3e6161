package sdm

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// Each cause, in a message that was made so.
func TestExplain(t *testing.T) {
	ctx := context.Background()
	uid := []byte{4, 0xAB, 2, 3, 4, 0xEF, 6}
	meta, file, zero := aesOf(t, []byte("the meta read ky")), aesOf(t, []byte("the file read ky")), key.Key(key.Zero(key.TypeAES))
	master := aesOf(t, []byte("a key for all of"))
	plain := PICCData{UID: uid, Counter: 0x000107, HasCounter: true}
	with := func(change func(*PICCData)) PICCData {
		p := plain
		p.UID = bytes.Clone(uid)
		change(&p)
		return p
	}
	derived := func(d Diversifier) key.Key {
		k, err := d.FileRead(ctx, uid)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	backend, err := NewBackend(master.Export())
	if err != nil {
		t.Fatal(err)
	}
	boltMetaKey, err := (&Boltcard{Issuer: master}).MetaRead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	divertedBy := func(d Diversifier) *Verifier {
		v := &Verifier{MetaRead: meta}
		if err := v.Use(ctx, d); err != nil {
			t.Fatal(err)
		}
		return v
	}
	own := &Verifier{MetaRead: meta, FileRead: file}
	for _, x := range []struct {
		want      string // empty: nothing is proved
		next      string
		v         *Verifier
		meta      key.Key // nil: UID and counter in plain
		file      key.Key
		enters    PICCData // the session
		tmpl, tag string   // the template that is given, and the tag's
		cut       func([]byte) []byte
		lrp       bool
	}{
		{want: "the two keys are swapped", next: "Swap", v: own, meta: file, file: meta, enters: plain},
		{want: "the MAC is made with the meta read key", v: own, meta: meta, file: meta, enters: plain},
		{want: "the PICC data are enciphered with the file read key", v: own, meta: file, file: file, enters: plain},
		{want: "the MAC is made with a key of zeros: anybody can forge", v: own, meta: meta, file: zero, enters: plain},
		{want: "the PICC data are enciphered with a key of zeros; the MAC is made with a key of zeros", v: own, meta: zero, file: zero, enters: plain},
		{want: "the MAC is made with a key of zeros", v: own, file: zero, enters: plain},
		{want: "the MAC is made with a key that follows from the file read key by boltcard:0", next: "--diversify", v: &Verifier{MetaRead: meta, FileRead: master}, meta: meta, file: derived(&Boltcard{Issuer: master}), enters: plain},
		{want: "follows from the file read key by sdm-backend", v: &Verifier{MetaRead: meta, FileRead: master}, meta: meta, file: derived(backend), enters: plain},
		{want: "follows from the file read key by sdm-backend:legacy", v: &Verifier{FileRead: master}, file: derived(backend.Legacy()), enters: plain},
		{want: "follows from the file read key by an10922", v: &Verifier{FileRead: master}, file: derived(&AN10922{Master: master}), enters: plain},
		{want: "by an10922:aid=D2760000850101", v: &Verifier{FileRead: master}, file: derived(&AN10922{Master: master, Tail: unhex(t, "D2760000850101")}), enters: plain},
		{want: "the master key itself", v: divertedBy(&AN10922{Master: master, Tail: []byte("demo")}), meta: meta, file: master, enters: plain},
		{want: "the same input, with uid=reversed", v: divertedBy(&AN10922{Master: master, Tail: []byte("demo")}), meta: meta, file: derived(&AN10922{Master: master, Tail: []byte("demo"), Reversed: true}), enters: plain},
		{want: "boltcard:3", v: divertedBy(&Boltcard{Issuer: master, Version: 1}), meta: boltMetaKey, file: derived(&Boltcard{Issuer: master, Version: 3}), enters: plain},
		{want: "the tag uses LRP", next: "--lrp", v: own, file: file, enters: plain, lrp: true},
		{want: "its counter has its bytes in the other order: 459008, not 263", v: own, meta: meta, file: file, enters: with(func(p *PICCData) { p.Counter = 0x070100 })},
		{want: "its counter is 264, not 263", v: own, file: file, enters: with(func(p *PICCData) { p.Counter++ })},
		{want: "its counter is 262, not 263", v: own, file: file, enters: with(func(p *PICCData) { p.Counter-- })},
		{want: "the UID does not enter its session keys", v: own, meta: meta, file: file, enters: with(func(p *PICCData) { p.UID = nil })},
		{want: "the counter does not enter its session keys", v: own, file: file, enters: with(func(p *PICCData) { p.HasCounter = false })},
		{want: "its UID has its bytes in the other order", v: own, file: file, enters: with(func(p *PICCData) { p.UID = []byte{6, 0xEF, 4, 3, 2, 0xAB, 4} })},
		{want: "the first half of the full CMAC", v: own, meta: meta, file: file, enters: plain, cut: func(f []byte) []byte { return f[:8] }},
		{want: "the second half", v: own, file: file, enters: plain, cut: func(f []byte) []byte { return f[8:] }},
		{want: "the bytes 0, 2, ... 14", v: own, file: file, enters: plain, cut: func(f []byte) []byte { return odd(f, 0) }},
		{want: "key of zeros: anybody can forge messages of this tag; it covers UID, counter and \"u=", next: "The template is https://x.example/t?{from}u={uid}&n={ctr}&m={mac}", v: own, file: zero, enters: plain, tag: "https://x.example/t?{from}u={uid}&n={ctr}&m={mac}"},
		{v: own, meta: meta, file: aesOf(t, []byte("nobody knows it!")), enters: plain},
		{v: own, file: aesOf(t, []byte("nobody knows it!")), enters: plain},
		{v: own, meta: aesOf(t, []byte("nobody knows it!")), file: file, enters: plain},
		{v: divertedBy(&Boltcard{Issuer: master, Version: 1}), file: aesOf(t, []byte("nobody knows it!")), enters: plain},
	} {
		name := x.want
		tmpl := x.tmpl
		if tmpl == "" {
			tmpl = "https://x.example/t?u={uid}&n={ctr}&m={mac}"
			if x.meta != nil {
				tmpl = "https://x.example/t?p={picc}&m={mac}"
			}
		}
		tp, err := ParseTemplate(tmpl, false)
		if err != nil {
			t.Fatal(err)
		}
		m := &Message{Plain: plain}
		if x.meta != nil {
			if m.PICCData, err = EncipherPICC(ctx, x.meta, false, plain, bytes.Repeat([]byte{9}, 24)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := NewSession(ctx, x.file, x.lrp, x.enters)
		if err != nil {
			t.Fatal(err)
		}
		var input []byte
		if x.tag != "" {
			made, err := ParseTemplate(x.tag, false)
			if err != nil {
				t.Fatal(err)
			}
			filled, err := made.Match(made.fill(m))
			if err != nil {
				t.Fatal(err)
			}
			input = filled.MACInput
		}
		full := bytes.Clone(s.full(input))
		cut := func(f []byte) []byte { return odd(f, 1) }
		if x.cut != nil {
			cut = x.cut
		}
		m.MAC = [8]byte(cut(full))
		r, err := tp.Find(tp.fill(m))
		if err != nil {
			t.Fatal(err)
		}
		if tag, _, err := x.v.VerifyReading(ctx, r); !errors.Is(err, ErrMAC) && !errors.Is(err, ErrPICCData) {
			t.Errorf("%s: %v, %v", name, tag, err)
		}
		causes := x.v.Explain(ctx, r)
		if len(causes) == 0 {
			t.Errorf("%s: no causes", name)
			continue
		}
		c := causes[0]
		if c.Proved != (x.want != "") || !strings.Contains(c.Words, x.want) || !strings.Contains(c.Next, x.next) {
			t.Errorf("%+v\nwant %q, %q", c, x.want, x.next)
		}
		for _, k := range []*key.Secret{meta, file, master} {
			if strings.Contains(strings.ToUpper(c.Words+c.Next), strings.ToUpper(hex.EncodeToString(k.Export()))) {
				t.Errorf("%s shows a key", c.Words)
			}
		}
	}
}

// A tag that mirrors only its counter.
func TestExplainNoUID(t *testing.T) {
	ctx := context.Background()
	meta, file := aesOf(t, []byte("the meta read ky")), aesOf(t, []byte("the file read ky"))
	picc, err := EncipherPICC(ctx, meta, false, PICCData{Counter: 9, HasCounter: true}, bytes.Repeat([]byte{9}, 24))
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{MetaRead: meta, FileRead: file}
	r := Parts(&Message{PICCData: picc}, false)
	if c := v.Explain(ctx, r); len(c) != 1 || !strings.Contains(c[0].Words, "a counter and no UID") || c[0].Proved {
		t.Errorf("%+v", c)
	}
	if err := v.Use(ctx, &AN10922{Master: file}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.VerifyReading(ctx, r); !errors.Is(err, ErrNoUID) {
		t.Errorf("diversified, without a UID: %v", err)
	}
}

// The MAC covers another part than the template says: it is told, not accepted,
// and no counter is noted.
func TestCoverage(t *testing.T) {
	ctx := context.Background()
	const given = "https://x.example/t?u={uid}&n={ctr}&m={mac}"
	for _, x := range []struct{ tag, found, loose string }{
		{"https://x.example/t?u={from}{uid}&n={ctr}&m={mac}", "", "https://x.example/t?u="},
		{"https://x.example/t?u={uid}&n={from}{ctr}&m={mac}", "", "https://x.example/t?u={uid}&n="},
		{"{from}https://x.example/t?u={uid}&n={ctr}&m={mac}", "", ""},
		{"https://{from}x.example/t?u={uid}&n={ctr}&m={mac}", "", "https://"},
		{"https://x.exam{from}ple/t?u={uid}&n={ctr}&m={mac}", "", "https://x.exam"},
		{"https://x.example/t?u={uid}&n={ctr}&{from}m={mac}", "", "https://x.example/t?u={uid}&n={ctr}&"},
	} {
		_, text, v := tagShows(t, x.tag, false, 0x107)
		v.Replay = replays{t}
		tp, err := ParseTemplate(given, false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tp.Find(text)
		if err != nil {
			t.Fatal(err)
		}
		tag, _, err := v.VerifyReading(ctx, r)
		var e *CoverageError
		if !errors.As(err, &e) || !errors.Is(err, ErrMAC) || tag != nil {
			t.Fatalf("%s: %v, %v", x.tag, tag, err)
		}
		if e.Coverage.Template != x.tag || e.Coverage.Loose != x.loose || e.Tag.Counter != 0x107 {
			t.Errorf("%s: %+v", x.tag, e.Coverage)
		}
		if by, err := ParseTemplate(e.Coverage.Template, false); err != nil {
			t.Error(err)
		} else if m, err := by.Match(text); err != nil {
			t.Error(err)
		} else if _, err := (&Verifier{FileRead: v.FileRead}).Verify(ctx, m); err != nil {
			t.Errorf("by the template that was offered: %v", err)
		}
	}
}

// replays must not be asked.
type replays struct{ t *testing.T }

func (r replays) Use(context.Context, []byte, uint32) error {
	r.t.Error("the counter was noted")
	return nil
}

// A MAC that begins within the header of the NDEF message.
func TestCoverageOfHeader(t *testing.T) {
	ctx := context.Background()
	tp, text, v := tagShows(t, "https://x.example/t?u={uid}&n={ctr}&m={mac}", false, 1)
	file, _, err := tp.NDEFFile(256, 2, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, rest := tp.abbreviated()
	shown := append(file[:len(file)-rest:len(file)-rest], text[len(text)-rest:]...)
	for _, from := range []int{0, 2, 6} {
		s, err := NewSession(ctx, v.FileRead, false, PICCData{UID: []byte{4, 0xAB, 2, 3, 4, 0xEF, 6}, Counter: 1, HasCounter: true})
		if err != nil {
			t.Fatal(err)
		}
		mac := s.MAC(shown[from : len(shown)-macChars])
		r, err := tp.Find(text[:len(text)-macChars] + upperHex(mac[:]))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = v.VerifyReading(ctx, r)
		var e *CoverageError
		want := fmt.Sprintf("https://{from:%d}x.example/t?u={uid}&n={ctr}&m={mac}", len(file)-rest-from)
		if !errors.As(err, &e) || !bytes.Equal(e.Coverage.Header, shown[from:len(file)-rest]) || e.Coverage.Template != want {
			t.Fatalf("from %d: %v", from, err)
		}
		by, err := ParseTemplate(want, false)
		if err != nil {
			t.Fatal(err)
		}
		r, err = by.Find(r.Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, c, err := v.VerifyReading(ctx, r); err != nil || len(c.Header) == 0 {
			t.Errorf("by that template: %v, %v", c, err)
		}
		// A tag that is set up by it shows the same.
		made, set, err := by.NDEFFile(256, 2, 1, 0)
		if err != nil || int(set.MACInputOffset) != from || !bytes.Equal(made, file) {
			t.Errorf("%X, %+v, %v", made, set, err)
		}
	}
}

// Several meta read keys, and keys by UID.
func TestVerifierKeys(t *testing.T) {
	ctx := context.Background()
	tp, text, v := tagShows(t, "https://x.example/t?p={picc}&m={mac}", false, 5)
	m, err := tp.Match(text)
	if err != nil {
		t.Fatal(err)
	}
	file := v.FileRead
	many := &Verifier{FileReadOf: func(_ context.Context, uid []byte) (key.Key, error) {
		if !bytes.Equal(uid, []byte{4, 0xAB, 2, 3, 4, 0xEF, 6}) {
			return aesOf(t, make([]byte, 16)), nil
		}
		return file, nil
	}}
	for i := range 300 { // some of them decipher to what looks like PICC data
		many.MetaReads = append(many.MetaReads, aesOf(t, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 8)))
	}
	if tag, err := many.Verify(ctx, m); err == nil {
		t.Errorf("without its key: %v", tag)
	}
	many.MetaReads = append(many.MetaReads, v.MetaRead)
	if tag, err := many.Verify(ctx, m); err != nil || tag.Counter != 5 {
		t.Errorf("%v, %v", tag, err)
	}
	many.FileReadOf = func(context.Context, []byte) (key.Key, error) { return nil, errors.New("no such tag") }
	if _, err := many.Verify(ctx, m); err == nil || !strings.Contains(err.Error(), "no such tag") {
		t.Errorf("%v", err)
	}
}
