package sim

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
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

// FuzzSession sends commands inside a session: a byte for the channel, then for
// each command a byte for the mode (above 3: a frame as it is, 0xFF: the field
// is lost), one for the length, INS, one for the length of the clear header, and
// the rest.
func FuzzSession(f *testing.F) {
	add := func(channel byte, steps ...string) {
		in := []byte{channel}
		for _, s := range steps {
			b := unhex(f, s)
			in = append(append(in, b[0], byte(len(b)-1)), b[1:]...)
		}
		f.Add(in)
	}
	for i := range channelCases {
		add(byte(i), "00 bd 07 01000000000000", "01 3d 07 01000000040000 aabbccdd", "03 dc 01 03 01000000", "00 c7 00", "ff")
		add(byte(i), "03 5f 01 01 00 eeee", "03 54 00 0f", "03 c4 01 01 00112233445566778899aabbccddeeff00", "00 6f 00")
		add(byte(i), "01 3b 07 04000000040000 aabbccdd", "01 eb 01 05", "01 c7 00 01", "00 51 00", "04 af 00")
		add(byte(i), "03 ce 05 0f00 10ff 02 00112233445566778899aabbccddeeff 01", "00 c8 00 00112233445566778899aabbccddeeff", "01 c7 00 01")
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		x := channelCases[int(in[0])%len(channelCases)]
		c, p := personalised(t, x, wire.CommMode([]byte{0, 1, 3}[int(in[0])/len(channelCases)%3]))
		a := p.link.T
		enter := func() {
			p.ch = nil
			if a.(*Activation).Reconnect(t.Context()) != nil {
				t.Fatal("no way back")
			}
			if _, err := a.Transmit(t.Context(), unhex(t, "5a9011f2")); err != nil {
				t.Fatal(err)
			}
			p.auth(x.method, wire.KeyNo(in[0]%5), secret(t, x.typ, in[0]%5))
		}
		enter()
		for in := in[1:]; len(in) > 3; {
			mode, n := in[0], min(int(in[1]), len(in)-2)
			step := in[2 : 2+n]
			in = in[2+n:]
			if mode == 0xFF {
				enter()
				continue
			}
			cmd := step
			if mode <= 3 && p.ch != nil && len(step) >= 2 {
				head := min(int(step[1]), len(step)-2)
				body, err := p.ch.Seal([]byte{step[0]}, securemsg.Message{
					Code: step[0], Head: step[2 : 2+head], Data: step[2+head:], Mode: wire.CommMode(mode),
				})
				if err != nil {
					continue
				}
				cmd = body
			}
			rsp, err := a.Transmit(t.Context(), cmd)
			if err != nil || len(rsp) == 0 {
				t.Fatalf("%X: answer %X, %v", cmd, rsp, err)
			}
			if rsp[0] != 0 && rsp[0] != 0xAF || c.v.session.channel == nil {
				enter()
			} else if rsp[0] == 0 && mode <= 3 && p.ch != nil {
				if _, err := p.ch.Open(nil, securemsg.Message{Data: rsp[1:], Mode: wire.CommPlain, Len: -1}); err != nil {
					enter()
				}
			}
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
