package ndef_test

import (
	"reflect"
	"testing"

	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/wire"
)

// FuzzLayout makes a card a tag, by what the input says, and writes messages there.
// What is read is what was written last; what does not fit is refused and leaves it.
func FuzzLayout(f *testing.F) {
	for i := range byte(12) {
		f.Add(i, uint32(40)<<(i%6), "https://www.example.org/a", "en", []byte{i, 2, 3}, i*37)
	}
	f.Fuzz(func(t *testing.T, how byte, size uint32, uri, text string, data []byte, more byte) {
		if size > 4000 || len(data) > 4000 || len(uri)+len(text) > 4000 {
			return
		}
		gen := []wire.Generation{wire.EV1, wire.EV2, wire.EV3}[how%3]
		poster, err := ndef.SmartPoster(ndef.Poster{URI: uri, Titles: []ndef.Phrase{{Language: "en", Text: text}}, Action: ndef.Action(more % 3), Type: "text/plain", Size: size})
		records := ndef.Message{ndef.URI(uri), ndef.Text("en", text), ndef.MIME("a/b", data), ndef.External("example.org:x", data)}
		if err == nil {
			records = append(records, poster)
		}
		first := int(more) % len(records)
		m := records[first : first+1+int(how)%(len(records)-first)]
		content, err := m.Encode()
		if err != nil {
			return
		}
		if back, err := ndef.Parse(content); err != nil || len(back) != len(m) {
			t.Fatalf("%v is read as %v, %v", m, back, err)
		}
		for _, r := range m {
			if r.String() == "" {
				t.Error("a record without words")
			}
			if u, err := r.URI(); err == nil && u != uri {
				t.Errorf("URI %q, want %q", u, uri)
			}
			if p, err := r.Text(); err == nil && p.Text != text {
				t.Errorf("text %q, want %q", p.Text, text)
			}
			if p, err := r.SmartPoster(); err == nil && (p.URI != uri || len(p.Titles) != 1 || p.Titles[0].Text != text || p.Size != size && size != 0) {
				t.Errorf("poster %+v", p)
			}
		}
		l := ndef.Layout{Size: size, Open: how&0x10 != 0}
		if _, err := l.Commands(); err != nil {
			return
		}
		_, card := newCard(t, gen)
		format(t, card, l)
		tag, err := ndef.Open(t.Context(), card)
		if err != nil {
			t.Fatal(err)
		}
		had := ndef.Message(nil)
		for _, next := range []ndef.Message{m, records[:1], m} {
			err := tag.Write(t.Context(), next)
			if err == nil {
				had = next
			}
			got, err2 := tag.Read(t.Context())
			if err2 != nil || len(got) != len(had) || len(had) > 0 && !reflect.DeepEqual(must(got.Encode()), must(had.Encode())) {
				t.Fatalf("size %d: written %v, %v; read %v, %v", size, next, err, got, err2)
			}
		}
		if err := tag.Erase(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := tag.Read(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("erased, and it holds %v, %v", got, err)
		}
	})
}

func must(b []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	return string(b)
}
