package securemsg

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestEV2Messages(t *testing.T) { eachScript(t, "ev2-sm", ev2Script) }
func TestLRPMessages(t *testing.T) { eachScript(t, "lrp-sm", lrpScript) }

func ev2Script(t *testing.T, v *vector.Vector) script {
	s := script{id: v.ID, session: Session{
		Method: key.MethodEV2First, Key: v.HexOr("ses_enc"), MAC: v.Hex("ses_mac"),
		TI: [4]byte(v.Hex("ti")), Counter: uint16(v.Int("cmd_ctr")),
	}}
	if s.session.Key == nil {
		s.session.Key = make([]byte, 16) // not used by these
	}
	m := Message{Code: v.Hex("cmd")[0], Head: v.Hex("header"), Data: v.Hex("data"), Mode: wire.CommFull}
	if v.Text("comm_mode") == "mac" {
		m.Mode = wire.CommMAC
	}
	sent := m.Data
	if v.Has("cmd_cryptogram") {
		sent = v.Hex("cmd_cryptogram")
	}
	s.steps = []step{{m: m, want: join(m.Head, sent, v.Hex("cmd_mac"))}}
	if m.Code == 0xC4 {
		s.steps[0].m = ev2ChangeKey(t, m)
	}
	if v.Has("resp_mac") {
		payload := v.Hex("response_payload")
		a := answerOK(payload, m.Mode, join(payload, v.Hex("resp_mac")))
		if v.Has("resp_plain_padded") {
			a.m.Mode, a.m.Data = wire.CommFull, v.Hex("resp_plain_padded")
			if m.Code == 0xC8 { // CommitReaderID answers one block without padding
				a.m.Pad = PadNone
			} else {
				a.m.Data = a.m.Data[:unpad80(a.m.Data, 16)]
			}
		}
		s.steps = append(s.steps, a)
	}
	ev2Inputs(t, v, s)
	return s
}

// ev2ChangeKey turns the data of a published ChangeKey into one of keys. All
// keys replaced in them are zero.
func ev2ChangeKey(t *testing.T, m Message) Message {
	k := KeyChange{Code: m.Code, Head: m.Head, New: vectorKey(t, m.Data[:16], m.Data[16:17])}
	if len(m.Data) == 21 {
		if crc.Sum32(m.Data[:16]) != binary.LittleEndian.Uint32(m.Data[17:]) {
			t.Fatal("the old key is not zero")
		}
		k.Old = key.Zero(key.TypeAES)
	}
	own, err := k.Message()
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// ev2Inputs checks the published inputs of the MACs and the IVs.
func ev2Inputs(t *testing.T, v *vector.Vector, s script) {
	c, err := NewChannel(s.session)
	if err != nil {
		t.Fatal(err)
	}
	e := c.(*ev2)
	suite := e.suite.(*aesSuite)
	for _, x := range []struct {
		mac, mid, iv string
		answer       bool
	}{{"cmd_mac", "cmd_mac_input", "iv_cmd", false}, {"resp_mac", "resp_mac_input", "iv_resp", true}} {
		code := s.steps[0].m.Code
		if x.answer {
			code = 0
			e.info.Counter++
		}
		e.begin(code)
		if v.Has(x.iv) {
			suite.start(e.head[:], x.answer)
			if !bytes.Equal(suite.iv[:], v.Hex(x.iv)) {
				t.Errorf("%s is %X", x.iv, suite.iv)
			}
		}
		if !v.Has(x.mid) {
			continue
		}
		in := v.Hex(x.mid)
		if !bytes.HasPrefix(in, e.head[:]) {
			t.Errorf("%s: MAC input begins with %X", x.mid, e.head)
		}
		suite.cmac.Reset(nil)
		suite.cmac.Write(in)
		if got := cmac.Truncated(suite.cmac.Sum()); v.Has(x.mac) && !bytes.Equal(got[:], v.Hex(x.mac)) {
			t.Errorf("MAC of %s is %X", x.mid, got)
		}
	}
}

func lrpScript(_ *testing.T, v *vector.Vector) script {
	s := script{id: v.ID, session: Session{
		Method: key.MethodLRPFirst, Key: v.Hex("ses_auth_master"), TI: [4]byte(v.Hex("ti")),
		Counter: uint16(v.Int("cmd_ctr")), Blocks: uint32(v.Int("enc_ctr_before_cmd")),
	}}
	m := Message{Code: v.Hex("cmd")[0], Head: v.Hex("header"), Data: v.Hex("data"), Mode: wire.CommFull}
	s.steps = []step{{m: m, want: join(m.Head, v.HexOr("cmd_cryptogram"), v.Hex("cmd_mac"))}}
	blocks := len(v.HexOr("cmd_cryptogram")) / 16
	if v.Int("enc_ctr_before_resp") != v.Int("enc_ctr_before_cmd")+blocks {
		panic("block counter of the answer")
	}
	a := Message{Mode: wire.CommFull}
	if v.Has("resp_plain_padded") {
		p := v.Hex("resp_plain_padded")
		a.Data = p[:unpad80(p, 16)]
	}
	s.steps = append(s.steps, step{answer: true, m: a, want: join(v.Hex("response_cryptogram"), v.Hex("resp_mac"))})
	return s
}
