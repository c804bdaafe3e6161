package sim

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// pcd is a small reader for tests. It shares layouts and secure messaging with
// the card, so what it proves is the card's judgement, not its bytes: those are
// the replays' business.
type pcd struct {
	t     testing.TB
	link  frame.Link
	ch    securemsg.Channel
	coder wire.Coder
	// answerLen is how long the plain answer is, -1 if that is not known.
	answerLen int
	// recordsLen is that of the next ReadRecords.
	recordsLen int
	// frames of the last answer.
	frames int
}

func newPCD(t testing.TB, c *Card) *pcd {
	p := &pcd{t: t, link: frame.Link{T: c.Present(), Framing: wire.FramingWrapped}}
	if c.gen.Has(wire.FeatureClassic) {
		p.link.Framing = wire.FramingNative
	}
	return p
}

// auth authenticates and returns the status of a refusal.
func (p *pcd) auth(m key.Method, no wire.KeyNo, k key.Key) wire.Status {
	p.t.Helper()
	var old securemsg.Channel
	if m == key.MethodEV2NonFirst || m == key.MethodLRPNonFirst {
		old = p.ch
	}
	h, err := securemsg.NewHandshake(securemsg.Config{Method: m, KeyNo: no, Key: k, Session: old})
	if err != nil {
		p.t.Fatal(err)
	}
	p.ch = nil
	ins, data := h.First()
	single := &wire.Spec{INS: ins, Exchange: wire.Single}
	a := p.exchange(single, data)
	if a.Status != wire.StatusAdditionalFrame {
		return a.Status
	}
	token, err := h.Second(context.Background(), slices.Clone(a.Data))
	if err != nil {
		p.t.Fatal(err)
	}
	single.INS = wire.InsAdditionalFrame
	if a = p.exchange(single, token); a.Status != wire.StatusOK {
		return a.Status
	}
	if p.ch, err = h.Finish(context.Background(), a.Data); err != nil {
		p.t.Fatal(err)
	}
	return wire.StatusOK
}

func (p *pcd) exchange(spec *wire.Spec, body []byte) frame.Answer {
	p.t.Helper()
	a, err := p.link.Exchange(context.Background(), spec, body, nil, frame.Want{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.frames = a.Frames
	return a
}

// do runs a command with the given mode of the file and decodes its answer.
func (p *pcd) do(cmd wire.Command, rsp wire.Message, file wire.CommMode) wire.Status {
	p.t.Helper()
	spec := cmd.Spec()
	p.answerLen = -1
	switch m := cmd.(type) {
	case *wire.ReadData:
		if m.Length > 0 {
			p.answerLen = int(m.Length)
		}
	case *wire.ReadRecords:
		if m.Count > 0 && p.recordsLen > 0 {
			p.answerLen = p.recordsLen
		}
		p.recordsLen = 0
	case *wire.GetValue:
		p.answerLen = 4
	case *wire.GetCardUID:
		p.answerLen = 7
	case interface{ AnswerLen() int }:
		p.answerLen = m.AnswerLen()
	}
	e, err := p.coder.Encode(nil, cmd)
	if err != nil {
		p.t.Fatal(err)
	}
	cuts := slices.Clone(e.Marks)
	ch := p.ch
	if spec.Rule == wire.RulePlain {
		ch = nil
	}
	body := e.Bytes
	if ch != nil {
		mode := spec.Rule.Protection(ch.Info().Scheme, false, file)
		pad := securemsg.PadDefault
		if x, ok := cmd.(*wire.SetConfiguration); ok && x.PadISO() {
			pad = securemsg.Pad80
		}
		if body, err = ch.Seal(nil, securemsg.Message{Code: spec.INS, Head: e.Bytes[:e.Head], Data: e.Bytes[e.Head:], Mode: mode, Pad: pad}); err != nil {
			p.t.Fatal(err)
		}
	}
	var a frame.Answer
	if spec.Class == wire.ClassISO {
		if a, err = p.link.ISO(context.Background(), spec, wire.Encoded{Bytes: body, P1: e.P1, P2: e.P2, Le: e.Le}, frame.Want{}); err != nil {
			p.t.Fatal(err)
		}
	} else {
		a, err = p.link.Exchange(context.Background(), spec, body, cuts, frame.Want{})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	p.frames = a.Frames
	if !spec.CanAnswer(a.Status) {
		p.t.Errorf("%s answers %v, which the table of statuses lacks", spec.Name, a.Status)
	}
	return p.answer(spec, rsp, file, ch, a)
}

// answer opens and decodes an answer.
func (p *pcd) answer(spec *wire.Spec, rsp wire.Message, file wire.CommMode, ch securemsg.Channel, a frame.Answer) wire.Status {
	p.t.Helper()
	success := a.Status == spec.Success || a.Status == wire.StatusOK || a.Status>>8 == 0x62
	if !success {
		if ch != nil && ch.Info().Scheme != wire.SchemeD40 {
			p.ch = nil
		}
		return a.Status
	}
	data := a.Data
	if ch != nil {
		mode := spec.Rule.Protection(ch.Info().Scheme, true, file)
		pad := securemsg.PadDefault
		if spec.INS == wire.InsCommitReaderID && mode == wire.CommFull {
			pad = securemsg.PadNone
		}
		var err error
		if data, err = ch.Open(nil, securemsg.Message{Code: a.Status.Byte(), Data: a.Data, Mode: mode, Len: p.answerLen, Pad: pad}); err != nil {
			p.t.Fatalf("%s: %v", spec.Name, err)
		}
	}
	if rsp != nil {
		if err := p.coder.Decode(data, a.Marks, rsp); err != nil && ch == nil {
			p.t.Fatal(err)
		} else if err != nil {
			if err := p.coder.Decode(data, nil, rsp); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	if spec.Name == "SelectApplication" || spec.Name == "ISOSelect" {
		p.ch = nil
	}
	return a.Status
}

// ok is do for commands that must succeed.
func (p *pcd) ok(cmd wire.Command, rsp wire.Message, file wire.CommMode) {
	p.t.Helper()
	if st := p.do(cmd, rsp, file); st != wire.StatusOK && st != wire.StatusISOOK && st != wire.StatusSignatureOK {
		p.t.Fatalf("%s: %v", cmd.Spec().Name, st)
	}
}

// refused is do for commands that must not.
func (p *pcd) refused(want wire.Status, cmd wire.Command, file wire.CommMode) {
	p.t.Helper()
	if st := p.do(cmd, nil, file); st != want {
		p.t.Fatalf("%s: %v, want %v", cmd.Spec().Name, st, want)
	}
}

func (p *pcd) in(m key.Method, no wire.KeyNo, k key.Key) {
	p.t.Helper()
	if st := p.auth(m, no, k); st != wire.StatusOK {
		p.t.Fatalf("authenticate %v with key %d: %v", m, no, st)
	}
}

// changeKey changes a key; old is nil for that of the session.
func (p *pcd) changeKey(head []byte, new, old key.Key) wire.Status {
	p.t.Helper()
	code := byte(0xC4)
	if len(head) == 2 {
		code = wire.InsChangeKeyEV2
	}
	ch := p.ch
	body, err := securemsg.SealKeyChange(context.Background(), ch, nil, securemsg.KeyChange{Code: code, Head: head, New: new, Old: old})
	if err != nil {
		p.t.Fatal(err)
	}
	spec := (*wire.ChangeKey)(nil).Spec()
	a := p.exchange(&wire.Spec{INS: code, Success: wire.StatusOK}, body)
	if old == nil {
		p.ch = nil
		return a.Status
	}
	return p.answer(&wire.Spec{INS: code, Name: "ChangeKey", Rule: spec.Rule, Success: wire.StatusOK}, nil, wire.CommPlain, ch, a)
}

// secret makes a key from one byte.
func secret(t testing.TB, typ key.Type, b byte) *key.Secret {
	t.Helper()
	raw := make([]byte, typ.Size())
	for i := range raw {
		raw[i] = b + byte(2*i)
	}
	if typ == key.TypeDES {
		copy(raw[8:], raw[:8])
	}
	k, err := key.New(typ, raw, 0x10+b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// channelCase is a way to authenticate, and the type of key for it.
type channelCase struct {
	method key.Method
	typ    key.Type
	gen    wire.Generation
}

func (c channelCase) String() string { return fmt.Sprintf("%v/%v/%v", c.gen, c.method, c.typ) }

var channelCases = []channelCase{
	{key.MethodD40, key.TypeDES, wire.D40}, {key.MethodD40, key.Type2K3DES, wire.EV1}, {key.MethodD40, key.TypeDES, wire.EV3},
	{key.MethodISO, key.TypeDES, wire.EV1}, {key.MethodISO, key.Type2K3DES, wire.EV2}, {key.MethodISO, key.Type3K3DES, wire.EV1},
	{key.MethodAES, key.TypeAES, wire.EV1}, {key.MethodAES, key.TypeAES, wire.EV3},
	{key.MethodEV2First, key.TypeAES, wire.EV2}, {key.MethodEV2First, key.TypeAES, wire.EV3},
}

func sealed(code byte, e wire.Encoded, mode wire.CommMode) securemsg.Message {
	return securemsg.Message{Code: code, Head: e.Bytes[:e.Head], Data: e.Bytes[e.Head:], Mode: mode}
}

func hexOf(b []byte) string { return fmt.Sprintf("%x", b) }
