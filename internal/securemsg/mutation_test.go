package securemsg

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/handshake"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// scriptsOf are the published vectors of a scheme.
func scriptsOf(t *testing.T, scheme wire.Scheme) (s []script) {
	areas := map[wire.Scheme]map[string]func(*testing.T, *vector.Vector) script{
		wire.SchemeD40: {"d40-sm": d40Script},
		wire.SchemeEV1: {"ev1-sm": ev1Script, "ev1-changekey": ev1ChangeKeyScript},
		wire.SchemeEV2: {"ev2-sm": ev2Script},
		wire.SchemeLRP: {"lrp-sm": lrpScript},
	}[scheme]
	for area, build := range areas {
		for _, v := range vector.Load(t, area) {
			s = append(s, build(t, v))
		}
	}
	return s
}

// Every mistake of these classes is caught by a published vector of every
// scheme it can be made in.
func TestVectorsCatchMistakes(t *testing.T) {
	session := func(f func(*Session)) mutation { return mutation{session: f} }
	message := func(f func(*Message)) mutation { return mutation{message: f} }
	all := []wire.Scheme{wire.SchemeD40, wire.SchemeEV1, wire.SchemeEV2, wire.SchemeLRP}
	counted := all[2:]
	for _, tt := range []struct {
		name    string
		schemes []wire.Scheme
		mut     mutation
	}{
		{"zeroed session key", all, session(func(s *Session) { s.Key = make([]byte, len(s.Key)) })},
		{"zeroed MAC key", all[2:3], session(func(s *Session) { s.MAC = make([]byte, 16) })},
		{"zeroed IV", all[1:2], session(func(s *Session) { s.IV = nil })},
		{"zeroed TI", counted, session(func(s *Session) { s.TI = [4]byte{} })},
		{"reversed TI", counted, session(func(s *Session) { s.TI = [4]byte{s.TI[3], s.TI[2], s.TI[1], s.TI[0]} })},
		{"zeroed counter", counted, session(func(s *Session) { s.Counter = 0 })},
		{"reversed counter", counted, session(func(s *Session) { s.Counter = s.Counter<<8 | s.Counter>>8 })},
		{"zeroed block counter", all[3:], session(func(s *Session) { s.Blocks = 0 })},
		{"reversed block counter", all[3:], session(func(s *Session) {
			s.Blocks = binary.BigEndian.Uint32(binary.LittleEndian.AppendUint32(nil, s.Blocks))
		})},
		// D40 protects no header, so that there is none to drop
		{"dropped header", all[1:], message(func(m *Message) { m.Head = nil })},
		{"dropped code", all[1:], message(func(m *Message) { m.Code ^= 0xFF })},
		{"zeroed data", all, message(func(m *Message) { m.Data = make([]byte, len(m.Data)) })},
		{"the other padding", all[:2], message(func(m *Message) { m.Pad = Pad80 })},
		{"other truncation", all, mutation{sealed: otherTruncation}},
	} {
		for _, scheme := range tt.schemes {
			t.Run(tt.name+" "+scheme.String(), func(t *testing.T) {
				caught := 0
				for _, s := range scriptsOf(t, scheme) {
					if err := s.run(mutation{}); err != nil {
						t.Fatal(err)
					}
					if s.run(tt.mut) != nil {
						caught++
					}
				}
				if caught == 0 {
					t.Error("no published vector notices it")
				}
				t.Logf("%d vectors notice it", caught)
			})
		}
	}
}

// otherTruncation makes the MAC of a sealed message again and cuts it as
// another scheme would: EV1 as MACt, the others as the first or last bytes. A
// cut at the right places, redone the same way, must give the channel's bytes.
func otherTruncation(before Channel, m Message, sealed []byte) []byte {
	n := len(sealed)
	out := bytes.Clone(sealed)
	switch c := before.(type) {
	case *d40:
		if m.Mode == wire.CommMAC {
			c.appendMAC(nil, m.Data)
			copy(out[n-d40MAC:], c.iv[8-d40MAC:8])
		}
	case *ev1:
		if m.Mode == wire.CommMAC || m.Mode == wire.CommPlain && !c.sealsCommands() {
			c.move(m, m.Data, c.sealsCommands())
			if c.size == 16 {
				t := cmac.Truncated(c.iv[:])
				copy(out[n-ev1MAC:], t[:])
			}
		}
	case *ev2:
		if m.Mode == wire.CommPlain {
			return out
		}
		c.begin(m.Code)
		body := sealed[len(m.Head) : n-ev2MAC]
		var full []byte
		switch s := c.suite.(type) {
		case *aesSuite:
			s.mac(c.head[:], m.Head, body)
			s.cmac.Reset(nil)
			s.cmac.Write(c.head[:])
			s.cmac.Write(m.Head)
			s.cmac.Write(body)
			full = s.cmac.Sum()
		case *lrpSuite:
			f := s.sum.Sum(c.head[:], m.Head, body)
			full = f[:]
		}
		if right := cmac.Truncated(full); !bytes.Equal(right[:], sealed[n-ev2MAC:]) {
			return out // not the same MAC: would prove nothing
		}
		copy(out[n-ev2MAC:], full)
	}
	return out
}

// Swapped randoms and a zeroed key are caught by published authentications of
// every method.
func TestAuthenticationsCatchMistakes(t *testing.T) {
	ctx := context.Background()
	caught := map[string]int{}
	note := func(name string, differs bool) {
		if differs {
			caught[name]++
		} else {
			caught[name] += 0
		}
	}
	for area, method := range map[string]key.Method{"d40-auth": key.MethodD40, "ev1-auth": key.MethodISO} {
		for _, v := range vector.Load(t, area) {
			k, m := vectorKey(t, v.Hex("key"), nil), method
			if v.Has("keytype") && v.Text("keytype") == "aes" {
				k, m = vectorKey(t, v.Hex("key"), []byte{0}), key.MethodAES
			}
			a, b, want := v.Hex("rndA"), rndB(t, v), v.Hex("session_key")
			if !sameKey(handshake.Classic(a, b, k.Type().SessionSize()), want) {
				t.Fatalf("%s: session key", v.ID)
			}
			note(m.String()+" swapped randoms", !sameKey(handshake.Classic(b, a, k.Type().SessionSize()), want))
			zero := key.Zero(k.Type())
			zero = vectorKey(t, make([]byte, len(zero.Export())), map[bool][]byte{true: {0}}[m == key.MethodAES])
			rec, err := Recover(ctx, Recorded{Method: m, Key: zero, Challenge: v.Hex("enc_rndB"), Token: v.Hex("token"), Proof: v.Hex("response")})
			if err != nil {
				t.Fatal(err)
			}
			note(m.String()+" zeroed key", !rec.CardProof)
		}
	}
	for _, v := range vector.Load(t, "ev2-auth") {
		if !v.Has("ses_enc") {
			continue
		}
		a, b := v.Hex("rndA"), v.Hex("rndB")
		k := vectorKey(t, v.Hex("key"), []byte{0})
		enc, mac, err := handshake.EV2(ctx, k, b, a)
		if err != nil {
			t.Fatal(err)
		}
		note("EV2 swapped randoms", !bytes.Equal(enc, v.Hex("ses_enc")) && !bytes.Equal(mac, v.Hex("ses_mac")))
		enc, mac, _ = handshake.EV2(ctx, key.Zero(key.TypeAES), a, b)
		note("EV2 zeroed key", !bytes.Equal(enc, v.Hex("ses_enc")) && !bytes.Equal(mac, v.Hex("ses_mac")))
		note("EV2 swapped labels", !bytes.Equal(mac, v.Hex("ses_enc")))
	}
	for _, v := range vector.Load(t, "lrp-auth") {
		a, b, want := v.Hex("rndA"), v.Hex("rndB"), v.Hex("ses_auth_master")
		k := vectorKey(t, v.Hex("key"), []byte{0})
		m, err := handshake.LRP(ctx, k, b, a)
		if err != nil {
			t.Fatal(err)
		}
		note("LRP swapped randoms", !bytes.Equal(m[:], want))
		m, _ = handshake.LRP(ctx, key.Zero(key.TypeAES), a, b)
		note("LRP zeroed key", !bytes.Equal(m[:], want))
	}
	for name, n := range caught {
		t.Logf("%s: %d vectors notice it", name, n)
		if n == 0 {
			t.Errorf("%s: no vector notices it", name)
		}
	}
	if len(caught) != 11 {
		t.Errorf("%d classes, want 11", len(caught))
	}
}
