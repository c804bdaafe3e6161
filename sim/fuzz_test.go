package sim

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// FuzzCard sends frames to a card: a byte for the generation, then frames, each
// with its length before it. The card answers all of them, and its memory
// stays one that could be stored and loaded.
func FuzzCard(f *testing.F) {
	add := func(g byte, frames ...string) {
		in := []byte{g}
		for _, s := range frames {
			b := unhex(f, s)
			in = append(append(in, byte(len(b))), b...)
		}
		f.Add(in)
	}
	for g := range byte(6) {
		add(g, "60", "af", "af", "5a563412", "bd02000000000000", "3d01000000200000aabb", "afcc", "af", "6a")
		add(g, "9060000000", "90af000000", "90bd0000070100000000000000", "00a4040007d276000085010000", "00b0000000")
		add(g, "0a00", "af00000000000000000000000000000000", "1a00", "aa00", "710000", "7700")
		add(g, "3b0400000010000000112233445566778899aabbccddeeff", "c7", "bb04000000000000", "eb04", "dc0301000000", "1c0301000000", "a7")
		add(g, "ca0100000f81", "5a010000", "cd0003eeee400000", "f500", "6f", "61", "45", "6400", "df00", "da010000", "6d", "6e")
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		g := wire.Generations[int(in[0])%len(wire.Generations)]
		c := newCard(t, g)
		a := c.Present()
		if g.Has(wire.FeatureApplications) {
			script(t, a, free)
		}
		for in = in[1:]; len(in) > 0; {
			n := min(int(in[0]), len(in)-1)
			rsp, err := a.Transmit(t.Context(), in[1:1+n])
			if err != nil || len(rsp) == 0 {
				t.Fatalf("%X: answer %X, %v", in[1:1+n], rsp, err)
			}
			in = in[1+n:]
		}
		stored := image(c)
		i, err := ReadImage(stored)
		if err != nil {
			t.Fatalf("%v\n%s", err, stored)
		}
		if !bytes.Equal(i.Encode(), stored) {
			t.Fatal("the image changes when it is read and written")
		}
	})
}

// FuzzReadImage reads images: an error or a card that answers.
func FuzzReadImage(f *testing.F) {
	for _, g := range classic {
		c := newCard(f, g)
		script(f, c.Present(), free+pending)
		f.Add(image(c))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := Memory()
		s.image = data
		c, err := New(&Config{Store: s})
		if err != nil {
			return
		}
		a := c.Present()
		for _, cmd := range []string{"60", "6a", "5a563412", "6f", "f501", "f504", "6c03", "bd02000000000000", "bb05000000000000"} {
			if rsp, err := a.Transmit(t.Context(), unhex(t, cmd)); err != nil || len(rsp) == 0 {
				t.Fatalf("%s: %X, %v", cmd, rsp, err)
			}
		}
	})
}
