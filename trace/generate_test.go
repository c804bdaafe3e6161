package trace

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// generator writes recordings of sessions that a reader and a card of package
// securemsg hold with each other: an implementation that shares nothing with
// this package's checks but the primitives.
type generator struct {
	t      *testing.T
	r      *rand.Rand
	rec    *Recording
	native bool
	whole  bool // frames are not cut
	pcd    securemsg.Channel
	picc   securemsg.Channel
	scheme wire.Scheme
	keyNo  wire.KeyNo
	app    [3]byte
	keys   map[wire.KeyNo]*key.Secret // of the selected application
	macs   int
	crcs   int
	auths  int
	sealed []int // exchanges whose answers are protected
}

func newGenerator(t *testing.T, seed uint64) *generator {
	g := &generator{t: t, r: rand.New(rand.NewPCG(seed, 1)), rec: &Recording{ID: "generated"}, keys: map[wire.KeyNo]*key.Secret{}}
	g.native = g.r.IntN(2) == 0
	g.rec.Framing = ISO
	if g.native {
		g.rec.Framing = Native
	}
	return g
}

// Read makes the generator a source of random bytes.
func (g *generator) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(g.r.Uint32())
	}
	return len(b), nil
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = g.Read(b)
	return b
}

func (g *generator) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *generator) add(cmd, rsp []byte) {
	g.rec.Exchanges = append(g.rec.Exchanges, Exchange{Command: slices.Clone(cmd), Response: slices.Clone(rsp)})
}

func (g *generator) framing() wire.Framing {
	if g.native {
		return wire.FramingNative
	}
	return wire.FramingWrapped
}

// frames records one logical exchange, cut as chance will have it.
func (g *generator) frames(ins byte, body, rsp []byte, status wire.Status) {
	f := g.framing()
	for {
		n := min(len(body), 1+g.r.IntN(50))
		if g.whole {
			n = len(body)
		}
		cmd := wire.AppendCommand(nil, f, ins, body[:n])
		body = body[n:]
		if len(body) == 0 {
			g.answers(f, cmd, rsp, status)
			return
		}
		g.add(cmd, wire.AppendAnswer(nil, f, nil, wire.StatusAdditionalFrame, false))
		ins = wire.InsAdditionalFrame
	}
}

func (g *generator) answers(f wire.Framing, cmd, rsp []byte, status wire.Status) {
	for {
		n := min(len(rsp), 1+g.r.IntN(57))
		if g.whole {
			n = len(rsp)
		}
		if len(rsp) > 0 && status == wire.StatusOK {
			g.sealed = append(g.sealed, len(g.rec.Exchanges))
		}
		if n == len(rsp) {
			g.add(cmd, wire.AppendAnswer(nil, f, rsp, status, false))
			return
		}
		g.add(cmd, wire.AppendAnswer(nil, f, rsp[:n], wire.StatusAdditionalFrame, false))
		rsp = rsp[n:]
		cmd = wire.AppendCommand(nil, f, wire.InsAdditionalFrame, nil)
	}
}

// authenticate opens a session with a key of the selected application.
func (g *generator) authenticate(m key.Method, no wire.KeyNo) {
	if m == key.MethodISO7816 {
		g.authenticateISO(no)
		return
	}
	g.t.Helper()
	ctx := context.Background()
	k := g.keys[no]
	caps := g.bytes(g.r.IntN(7))
	if m == key.MethodLRPFirst {
		caps = []byte{2}
	} else if len(caps) > 0 {
		caps[0] &^= 2
	}
	rc := securemsg.Config{Method: m, KeyNo: no, Key: k, Rand: g, Caps: caps, Session: g.pcd}
	h, err := securemsg.NewHandshake(rc)
	g.must(err)
	ins, data := h.First()
	cc := rc
	cc.Session = g.picc
	c, err := securemsg.NewCardHandshake(cc)
	g.must(err)
	challenge, err := c.First(ctx)
	g.must(err)
	token, err := h.Second(ctx, challenge)
	g.must(err)
	proof, picc, err := c.Second(ctx, token)
	g.must(err)
	pcd, err := h.Finish(ctx, proof)
	g.must(err)
	f := g.framing()
	n := len(g.rec.Exchanges)
	g.sealed = append(g.sealed, n, n+1)
	g.add(wire.AppendCommand(nil, f, ins, data), wire.AppendAnswer(nil, f, challenge, wire.StatusAdditionalFrame, false))
	g.add(wire.AppendCommand(nil, f, wire.InsAdditionalFrame, token), wire.AppendAnswer(nil, f, proof, wire.StatusOK, false))
	g.open(pcd, picc, no)
}

// zeroIV makes the reader's side of ISO 7816 start the last cryptogram at zero.
type zeroIV struct{ key.Key }

func (z zeroIV) DecryptCBC(ctx context.Context, _, dst, src []byte) error {
	return z.Key.DecryptCBC(ctx, nil, dst, src)
}

func (g *generator) authenticateISO(no wire.KeyNo) {
	g.t.Helper()
	ctx := context.Background()
	k := g.keys[no]
	zero := g.r.IntN(2) == 0
	var used key.Key = k
	if zero {
		used = zeroIV{k}
	}
	h, err := securemsg.NewISOHandshake(securemsg.Config{Method: key.MethodISO7816, KeyNo: no, Key: used, Rand: g})
	g.must(err)
	c := securemsg.NewISOCardHandshake(g, zero)
	challenge, err := c.Challenge(h.First())
	g.must(err)
	token, err := h.Second(ctx, challenge)
	g.must(err)
	g.must(c.External(ctx, no, k, token))
	third, err := h.Third()
	g.must(err)
	answer, picc, err := c.Internal(ctx, third)
	g.must(err)
	pcd, err := h.Finish(ctx, answer)
	g.must(err)
	alg := securemsg.ISOAlgorithm(k.Type())
	ok := []byte{0x90, 0x00}
	g.add(wire.AppendAPDU(nil, 0, insChallenge, 0, 0, nil, len(challenge)), append(slices.Clone(challenge), ok...))
	g.add(wire.AppendAPDU(nil, 0, insExternal, alg, byte(no)|0x80, token, -1), ok)
	g.sealed = append(g.sealed, len(g.rec.Exchanges))
	g.add(wire.AppendAPDU(nil, 0, insInternal, alg, byte(no)|0x80, third, len(answer)), append(slices.Clone(answer), ok...))
	g.open(pcd, picc, no)
}

func (g *generator) open(pcd, picc securemsg.Channel, no wire.KeyNo) {
	g.pcd, g.picc, g.keyNo, g.scheme = pcd, picc, no, pcd.Info().Scheme
	g.auths++
}

func (g *generator) selectApp(app [3]byte) {
	g.app, g.pcd, g.picc = app, nil, nil
	g.frames(insSelect, app[:], nil, wire.StatusOK)
}

// do records a command of the session. plain is the card's answer.
func (g *generator) do(cmd wire.Command, file wire.CommMode, plain []byte) {
	g.t.Helper()
	spec := cmd.Spec()
	var c wire.Coder
	e, err := c.Encode(nil, cmd)
	g.must(err)
	body := slices.Clone(e.Bytes)
	if g.pcd == nil {
		g.frames(spec.INS, body, plain, wire.StatusOK)
		return
	}
	m := securemsg.Message{Code: spec.INS, Head: body[:e.Head], Data: body[e.Head:], Mode: spec.Rule.Protection(g.scheme, false, file)}
	if p, ok := cmd.(interface{ PadISO() bool }); ok && p.PadISO() {
		m.Pad = securemsg.Pad80
	}
	g.count(m.Mode, false)
	sent, err := g.pcd.Seal(nil, m)
	g.must(err)
	m.Len = len(m.Data)
	m.Data = sent[e.Head:]
	_, err = g.picc.Open(nil, m)
	g.must(err)
	a := securemsg.Message{Data: plain, Mode: spec.Rule.Protection(g.scheme, true, file), Len: len(plain)}
	if r, ok := cmd.(*wire.ReadData); ok && r.Length == 0 {
		a.Pad = securemsg.Pad80
	}
	g.count(a.Mode, true)
	rsp, err := g.picc.Seal(nil, a)
	g.must(err)
	a.Data = rsp
	_, err = g.pcd.Open(nil, a)
	g.must(err)
	before := len(g.sealed)
	g.frames(spec.INS, sent, rsp, wire.StatusOK)
	if g.scheme != wire.SchemeEV1 && a.Mode == wire.CommPlain {
		g.sealed = g.sealed[:before] // not protected
	}
}

// count says what Verify has to find.
func (g *generator) count(mode wire.CommMode, answer bool) {
	switch g.scheme {
	case wire.SchemeD40:
		switch mode {
		case wire.CommMAC:
			g.macs++
		case wire.CommFull:
			g.crcs++
		}
	case wire.SchemeEV1:
		switch {
		case mode == wire.CommFull:
			g.crcs++
		case mode == wire.CommMAC || answer:
			g.macs++
		}
	default:
		if mode != wire.CommPlain {
			g.macs++
		}
	}
}

// change changes a key.
func (g *generator) change(no wire.KeyNo, to *key.Secret) {
	g.t.Helper()
	g.changeIn(&wire.ChangeKey{Key: no}, no, to)
}

// changeIn changes a key with the command cmd, whose data is left to be filled
// in.
func (g *generator) changeIn(cmd wire.Command, no wire.KeyNo, to *key.Secret) {
	g.t.Helper()
	old := g.keys[no]
	var coder wire.Coder
	e, err := coder.Encode(nil, cmd)
	g.must(err)
	ins := cmd.Spec().INS
	k := securemsg.KeyChange{Code: ins, Head: slices.Clone(e.Bytes), New: to}
	own := no == g.keyNo
	if !own {
		k.Old = old
	}
	sent, err := securemsg.SealKeyChange(context.Background(), g.pcd, nil, k)
	g.must(err)
	g.keys[no] = to
	if g.scheme == wire.SchemeEV2 || g.scheme == wire.SchemeLRP {
		g.macs++
	} else {
		g.crcs++
	}
	if own {
		g.frames(ins, sent, nil, wire.StatusOK)
		g.pcd, g.picc = nil, nil
		return
	}
	_, err = securemsg.OpenKeyChange(g.picc, ins, k.Head, sent[len(k.Head):], to.Type(), old.Export())
	g.must(err)
	a := securemsg.Message{Mode: wire.RuleChangeKey.Protection(g.scheme, true, 0)}
	g.count(a.Mode, true)
	rsp, err := g.picc.Seal(nil, a)
	g.must(err)
	a.Data = rsp
	_, err = g.pcd.Open(nil, a)
	g.must(err)
	g.frames(ins, sent, rsp, wire.StatusOK)
}

// refuse records a command that the card refuses. The session ends but for
// D40.
func (g *generator) refuse(cmd wire.Command) {
	g.t.Helper()
	spec := cmd.Spec()
	var c wire.Coder
	e, err := c.Encode(nil, cmd)
	g.must(err)
	body := slices.Clone(e.Bytes)
	if g.pcd != nil {
		body, err = g.pcd.Seal(nil, securemsg.Message{Code: spec.INS, Head: body[:e.Head], Data: body[e.Head:], Mode: spec.Rule.Protection(g.scheme, false, 0)})
		g.must(err)
		if g.scheme == wire.SchemeEV2 || g.scheme == wire.SchemeLRP {
			g.macs++ // the command was right
		}
	}
	g.frames(spec.INS, body, nil, wire.StatusPermissionDenied)
	if g.scheme != wire.SchemeD40 {
		g.pcd, g.picc = nil, nil
	}
}
