package trace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// opened begins a session of a kind in an application whose files 1 and 2 are
// protected by MAC and enciphered.
func opened(t *testing.T, kind int, seed uint64) (*generator, *VerifyConfig) {
	g := newGenerator(t, seed)
	k := kinds[kind]
	g.native, g.rec.Framing, g.whole = true, Native, true
	g.keys[0] = g.key(k.typ)
	g.selectApp([3]byte{1, 2, 3})
	g.authenticate(k.method, 0)
	for no, mode := range [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
		g.do(&wire.CreateStdDataFile{File: wire.FileNo(no), Option: wire.FileOption(mode), Size: 500}, 0, nil)
	}
	return g, &VerifyConfig{Keys: []Key{{No: -1, Value: g.keys[0]}}}
}

// lose takes the last answer away.
func (g *generator) lose() { g.rec.Exchanges[len(g.rec.Exchanges)-1].Response = nil }

// A session goes on after an answer without content that nobody recorded; the
// command that it belongs to is checked all the same.
func TestLostAnswer(t *testing.T) {
	for i, kind := range kinds {
		for _, file := range [...]wire.FileNo{1, 2} {
			g, cfg := opened(t, i, 3)
			mode := [...]wire.CommMode{0, wire.CommMAC, wire.CommFull}[file]
			g.do(&wire.WriteData{File: file, Data: g.bytes(8)}, mode, nil)
			at := len(g.rec.Exchanges) - 1
			g.lose()
			g.do(&wire.ReadData{File: file, Length: 8}, mode, g.bytes(8))
			if r := Verify(g.rec, cfg); r.Verdict != Verified || !strings.Contains(noteOf(r, at), "no answer, 1 ") {
				t.Errorf("%s, file %d: %v (%s), note %q", kind.name, file, r.Verdict, r.Reason(), noteOf(r, at))
			}
			c := &g.rec.Exchanges[at].Command
			(*c)[len(*c)-1] ^= 1
			r := Verify(g.rec, cfg)
			if r.Verdict != Failed || r.Failures[0].Exchange != at || r.Failures[0].Check != CheckCommandMAC && r.Failures[0].Check != CheckCommandCRC {
				t.Errorf("%s, file %d, altered: %v (%s)", kind.name, file, r.Verdict, r.Reason())
			}
		}
	}
}

func noteOf(r *Result, at int) string {
	for _, m := range r.Messages {
		if m.First <= at && at <= m.Last {
			return m.Note
		}
	}
	return ""
}

// Where the content of a lost answer moves what the next message depends on,
// that message cannot be checked, which is said, and is no failure.
func TestLostAnswerThatMovesTheSession(t *testing.T) {
	for i, kind := range kinds {
		g, cfg := opened(t, i, 3)
		g.do(&wire.ReadData{File: 1, Length: 8}, wire.CommMAC, g.bytes(8))
		g.lose()
		at := len(g.rec.Exchanges)
		g.do(&wire.ReadData{File: 1, Length: 8}, wire.CommMAC, g.bytes(8))
		r := Verify(g.rec, cfg)
		if g.scheme != wire.SchemeEV1 {
			if r.Verdict != Verified {
				t.Errorf("%s: %v (%s)", kind.name, r.Verdict, r.Reason())
			}
			continue
		}
		if r.Verdict != Unverifiable || r.Failures[0].Exchange != at || r.Failures[0].Check != CheckFollowing {
			t.Errorf("%s: %v (%s)", kind.name, r.Verdict, r.Reason())
		}
	}
}

// A command that is protected for a session which a selection has ended.
func TestCommandForASessionThatHasEnded(t *testing.T) {
	for i, kind := range kinds {
		g, cfg := opened(t, i, 3)
		pcd, picc := g.pcd, g.picc
		g.selectApp([3]byte{1, 2, 3})
		at := len(g.rec.Exchanges)
		g.pcd, g.picc = pcd, picc
		g.do(&wire.WriteData{File: 1, Data: g.bytes(8)}, wire.CommMAC, nil)
		g.rec.Exchanges[at].Response = []byte{0xAE}
		r := Verify(g.rec, cfg)
		want := fmt.Sprintf("SelectApplication of exchange %d had ended the session that it is right for", at-1)
		if r.Verdict != Failed || r.Failures[0].Exchange != at || r.Failures[0].Check != CheckSession || !strings.Contains(r.Reason(), want) {
			t.Errorf("%s: %v (%s)", kind.name, r.Verdict, r.Reason())
		}
		g.rec.Exchanges[at].Command[9] ^= 1 // nor for that one
		if r := Verify(g.rec, cfg); r.Verdict != Unverifiable || r.Failures[0].Exchange != at || r.Failures[0].Check != CheckSession {
			t.Errorf("%s, altered: %v (%s)", kind.name, r.Verdict, r.Reason())
		}
	}
}

// What a reader makes wrong in other ways than by a wrong bit.
func TestMistakesOfReaders(t *testing.T) {
	preset := &Preset{Kind: "ev2", Enc: make([]byte, 16), MAC: slices.Repeat([]byte{7}, 16), TI: []byte{1, 2, 3, 4}, Counter: 5, KeyNo: -1}
	s, err := preset.takeOver()
	if err != nil {
		t.Fatal(err)
	}
	seal := func(code byte, ctr uint16, body []byte) []byte {
		sum := s.sumEV2(code, ctr, body)
		return slices.Concat([]byte{code}, body, sum[:])
	}
	head := []byte{1, 0, 0, 0, 16, 0, 0}
	for name, tc := range map[string]struct {
		command []byte
		status  byte
		check   Check
		verdict Verdict
	}{
		"right":           {command: seal(0x3D, 5, slices.Concat(head, make([]byte, 16))), status: 0x1E, verdict: Verified},
		"counter ahead":   {seal(0x3D, 6, slices.Concat(head, make([]byte, 16))), 0x1E, CheckCommandMAC, Failed},
		"padding":         {seal(0x3D, 5, slices.Concat(head, make([]byte, 32))), 0x7E, CheckCommandPadding, Failed},
		"without a MAC":   {[]byte{0x6A}, 0x7E, CheckCommandMAC, Failed},
		"too short":       {seal(0x3D, 5, slices.Concat(head, make([]byte, 3))), 0x7E, CheckCommandLength, Unverifiable},
		"MAC, 4 bytes":    {seal(0x6C, 5, []byte{1})[:6], 0x7E, CheckCommandLength, Unverifiable},
		"unknown, wrong":  {seal(0x99, 6, []byte{1}), 0x1E, CheckCommandMAC, Failed},
		"unknown command": {seal(0x99, 6, []byte{1}), 0x1C, CheckCommandMAC, Unverifiable},
	} {
		status := tc.status
		rec := &Recording{Framing: Native, Exchanges: []Exchange{{Command: tc.command, Response: []byte{status}, Preset: preset}}}
		r := Verify(rec, nil)
		if r.Verdict != tc.verdict || tc.check != "" && (len(r.Failures) == 0 || r.Failures[0].Check != tc.check || r.Failures[0].Exchange != 0) {
			t.Errorf("%s: %v (%s)", name, r.Verdict, r.Reason())
		}
	}
}

// Tokens that readers make wrong, by what they did.
func TestTokensOfReaders(t *testing.T) {
	for _, kind := range kinds {
		if kind.method == key.MethodLRPFirst || kind.method == key.MethodISO7816 {
			continue // a MAC; and nothing is rotated
		}
		g := newGenerator(t, 12)
		k := g.key(kind.typ)
		n := kind.typ.NonceSize()
		if kind.method == key.MethodD40 {
			n = 8
		}
		rndA, rndB := g.bytes(n), g.bytes(n)
		challenge := encrypt(k, nil, rndB)
		d40 := kind.method == key.MethodD40
		iv := challenge[n-kind.typ.BlockSize():]
		if d40 || kind.method == key.MethodEV2First {
			iv = nil
		}
		enciphered := func(a, b []byte) []byte { return encrypt(k, iv, slices.Concat(a, b)) }
		deciphered := func(a, b []byte) []byte {
			var out []byte
			plain, bs := slices.Concat(a, b), kind.typ.BlockSize()
			prev := make([]byte, bs)
			for i := 0; i < len(plain); i += bs {
				prev = decrypt(k, nil, xor(plain[i:i+bs], prev))
				out = append(out, prev...)
			}
			return out
		}
		right, other := enciphered, deciphered
		if d40 {
			right, other = deciphered, enciphered
		}
		for what, tc := range map[string]struct {
			token   []byte
			verdict Verdict
		}{
			"is right for the key":                 {right(rndA, rotl(rndB)), Unverifiable},
			"none of the keys":                     {g.bytes(2 * n), Unverifiable},
			"did not rotate":                       {right(rndA, rndB), Failed},
			"rotated the card's random the wrong":  {right(rndA, rotr(rndB)), Failed},
			"put the card's random before its own": {right(rotl(rndB), rndA), Failed},
			"in clear":                             {slices.Concat(rndA, rotl(rndB)), Failed},
			"token; a D40 reader|as for D40":       {other(rndA, rotl(rndB)), Failed},
			"(ECB)":                                {slices.Concat(ecb(k, rndA, encrypt), ecb(k, rotl(rndB), encrypt)), Failed},
			fmt.Sprintf("has %d bytes instead", n): {right(rndA, rotl(rndB))[:n], Failed},
		} {
			ins := map[key.Method]byte{key.MethodD40: insD40, key.MethodISO: insISO, key.MethodAES: insAES, key.MethodEV2First: insFirst}[kind.method]
			command := []byte{ins, 0}
			if ins == insFirst {
				command = []byte{ins, 0, 0}
			}
			rec := &Recording{Framing: Native, Exchanges: []Exchange{
				{Command: command, Response: slices.Concat([]byte{0xAF}, challenge)},
				{Command: slices.Concat([]byte{0xAF}, tc.token), Response: []byte{0xAE}},
			}}
			r := Verify(rec, &VerifyConfig{Keys: []Key{{No: -1, Value: k}}})
			said := slices.ContainsFunc(strings.Split(what, "|"), func(s string) bool { return strings.Contains(r.Reason(), s) })
			if r.Verdict != tc.verdict || r.Failures[0].Check != CheckToken || r.Failures[0].Exchange != 1 || !said {
				t.Errorf("%s, %s: %v (%s)", kind.name, what, r.Verdict, r.Reason())
			}
			if strings.Contains(r.Reason(), fmt.Sprintf("%X", k.Export()[:4])) {
				t.Error("a digit of the key is said")
			}
		}
	}
}
