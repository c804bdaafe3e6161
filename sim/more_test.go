package sim

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// The value of one file goes to another at Commit.
func TestRestoreTransfer(t *testing.T) {
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free+`
		cc 06 00 eeee 00000000 50000000 05000000 00 < 00
		cc 07 00 eeee 00000000 e8030000 05000000 00 < 00
		b1 06 03 < be                   # 100 does not fit 80
		b1 07 03 < 00
		6c 07 < 00 05000000
		c7 < 00
		6c 07 < 00 64000000
		6c 03 < 00 64000000
		b1 03 03 < 9e
		b1 01 03 < 9d
		b1 03 01 < 9d
		b1 09 03 < f0`)
}

// In an EV1 session RestoreTransfer comes with a MAC or without.
func TestRestoreTransferMAC(t *testing.T) {
	for _, x := range channelCases {
		if x.method != key.MethodAES && x.method != key.MethodISO {
			continue
		}
		x.gen = wire.EV3
		_, p := personalised(t, x, wire.CommMAC)
		p.in(x.method, 0, secret(t, x.typ, 0))
		p.ok(&wire.CreateValueFile{File: 20, Access: rights(0x0000), Upper: 1000, Value: 7}, nil, 0)
		p.ok(&wire.CreateValueFile{File: 21, Access: rights(0x0000), Upper: 1000, Value: 5}, nil, 0)
		for _, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC} {
			e, err := p.coder.Encode(nil, &wire.RestoreTransfer{Target: 21, Source: 20})
			if err != nil {
				t.Fatal(err)
			}
			ch := p.ch
			body, err := ch.Seal(nil, sealed(0xB1, e, mode))
			if err != nil {
				t.Fatal(err)
			}
			spec := (*wire.RestoreTransfer)(nil).Spec()
			if st := p.answer(spec, nil, 0, ch, p.exchange(spec, body)); st != wire.StatusOK {
				t.Fatalf("%v: %v: %v", x, mode, st)
			}
		}
		bad := []byte{21, 20, 1, 2, 3, 4, 5, 6, 7, 8}
		if a := p.exchange((*wire.RestoreTransfer)(nil).Spec(), bad); a.Status != wire.StatusIntegrityError {
			t.Errorf("%v: a wrong MAC: %v", x, a.Status)
		}
	}
}

// Inside a session free ChangeFileSettings comes in one of three forms.
func TestFreeChangeFileSettings(t *testing.T) {
	for _, x := range channelCases {
		_, p := personalised(t, x, wire.CommPlain)
		p.in(x.method, 0, secret(t, x.typ, 0))
		p.ok(&wire.ChangeFileSettings{File: 1, Access: rights(0x123E)}, nil, 0)
		p.ok(&wire.ChangeFileSettings{File: 1, Access: rights(0x124E)}, nil, 0) // enciphered
		forms := []wire.CommMode{wire.CommPlain}
		if x.method == key.MethodEV2First {
			forms = append(forms, wire.CommMAC)
		}
		for _, mode := range forms {
			e, err := p.coder.Encode(nil, &wire.ChangeFileSettings{File: 1, Access: rights(0x125E)})
			if err != nil {
				t.Fatal(err)
			}
			ch := p.ch
			body, err := ch.Seal(nil, sealed(0x5F, e, mode))
			if err != nil {
				t.Fatal(err)
			}
			spec := (*wire.ChangeFileSettings)(nil).Spec()
			if st := p.answer(spec, nil, 0, ch, p.exchange(spec, body)); st != wire.StatusOK {
				t.Fatalf("%v: %v: %v", x, mode, st)
			}
		}
	}
}

// AN12696: the name of a delegated application, changed under a MAC over both.
func TestRenameDelegated(t *testing.T) {
	c := newCard(t, wire.EV3)
	zero := key.Zero(key.TypeDES)
	a := addApp(t, c, "123456", wire.KeyAES, 1, cardKey{})
	a.isoID, a.dfName = 0x1234, unhex(t, "A0000003965643")
	c.nvm.slots = []damSlot{{No: 0, Quota: 10, AID: a.aid}}
	c.nvm.keys = append(c.nvm.keys, keyOf(t, wire.KeyDAMMAC, wire.KeyAES, ones, 0))
	p := newPCD(t, c)
	rename := &wire.VCName{DAMMAC: unhex(t, "D28CA69A54454B38"), Length: 7}
	copy(rename.Name[:], unhex(t, "A0000003965644"))
	p.in(key.MethodISO, 0, zero)
	p.ok(&wire.SetConfiguration{Setting: rename}, nil, 0)
	if !bytes.Equal(c.nvm.app(a.aid).dfName, rename.Name[:7]) {
		t.Fatalf("%X", c.nvm.app(a.aid).dfName)
	}
	p.refused(wire.StatusIntegrityError, &wire.SetConfiguration{Setting: rename}, 0) // the old name is another now
}

func TestRenameLight(t *testing.T) {
	c := newCard(t, wire.Light)
	p := newPCD(t, c)
	sel := &wire.ISOSelect{By: wire.SelectByName, Name: c.nvm.apps[0].dfName, P2: wire.SelectNoData}
	p.ok(sel, nil, 0)
	p.in(key.MethodEV2First, 0, key.Zero(key.TypeAES))
	rename := &wire.SetConfiguration{Setting: &wire.RawSetting{Opt: wire.ConfigName, Data: unhex(t, "02DF A0000000")}}
	p.ok(rename, nil, 0)
	p.refused(wire.StatusPermissionDenied, rename, 0) // once
	p.refused(wire.StatusISOFileNotFound, sel, 0)
	p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: unhex(t, "A0000000"), P2: wire.SelectNoData}, nil, 0)
	p.ok(&wire.ISOSelect{FID: 0xDF02, P2: wire.SelectNoData}, nil, 0)
}

func TestConfigErrors(t *testing.T) {
	for _, x := range []struct {
		cfg  Config
		says string
	}{
		{Config{UID: []byte{1, 2}}, "want 7"},
		{Config{Generation: wire.EV1, Storage: 4097}, "DESFire EV1 was made with 2k, 4k or 8k"},
		{Config{Hardware: []byte{1}}, "want 7"},
		{Config{Signature: []byte{1}}, "want 56"},
		{Config{MaxFrame: 8}, "at least"},
		{Config{Generation: 99}, "D40"},
		{Config{Rand: bytes.NewReader(nil)}, "UID"},
	} {
		if _, err := New(&x.cfg); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%+v: %v", x.cfg, err)
		}
	}
	c, err := New(nil)
	if err != nil || c.Generation() != wire.EV3 || c.UID()[0] != 4 {
		t.Fatal(c, err)
	}
}

func TestLimits(t *testing.T) {
	for g, want := range map[wire.Generation]struct {
		command, response int
		framing           wire.Framing
	}{
		wire.D40: {60, 60, wire.FramingAuto}, wire.EV1: {60, 60, wire.FramingAuto},
		wire.EV3:     {maxExtendedCommand, maxExtendedResponse, wire.FramingAuto},
		wire.NTAG424: {261, 258, wire.FramingWrapped},
	} {
		a := newCard(t, g).Present()
		if c, r, f := a.Limits(); c != want.command || r != want.response || f != want.framing {
			t.Errorf("%v: %d %d %v", g, c, r, f)
		}
	}
}

// Answers in one APDU: 256 bytes at most in a short one, more in an extended.
func TestLongAnswers(t *testing.T) {
	c := newCard(t, wire.EV3)
	a := c.Present()
	script(t, a, `
		ca 010000 0f 01 < 00
		5a 010000 < 00
		cd 01 00 eeee 010100 < 00
		90 ad 00 00 07 01 000000 010100 00 < 917e
		5a 010000 < 00
		90 ad 00 00 07 01 000000 000100 00 < `+strings.Repeat("00", 256)+`9100
		90 ad 00 00 000007 01 000000 010100 0000 < `+strings.Repeat("00", 257)+`9100
		ad 01 000000 010100 < 00`+strings.Repeat("00", 257))
	d := newCard(t, wire.D40)
	script(t, d.Present(), "90 5a 00 00 000003 000000 0000 < 6700")
}

// A frame of a larger FSD, and the pieces in a session.
func TestMaxFrame(t *testing.T) {
	c := newCard(t, wire.EV3, func(c *Config) { c.MaxFrame = 124 })
	a := c.Present()
	script(t, a, `
		ca 010000 0f 81 < 00
		5a 010000 < 00
		cd 01 00 eeee 000100 < 00
		bd 01 000000 000000 < af `+strings.Repeat("00", 123)+`
		af < af `+strings.Repeat("00", 123)+`
		af < 00 `+strings.Repeat("00", 10))
	p := newPCD(t, c)
	p.ok(&wire.SelectApplication{AID: 1}, nil, 0)
	p.in(key.MethodAES, 0, key.Zero(key.TypeAES))
	p.ok(&wire.ReadData{File: 1}, nil, 0)
	if p.frames != 3 { // 112, 112, 32 and the MAC
		t.Errorf("%d frames", p.frames)
	}
}

// GetCardUID with and without the second identifier.
func TestCardUID(t *testing.T) {
	c := newCard(t, wire.EV3)
	p := newPCD(t, c)
	p.refused(wire.StatusAuthenticationError, &wire.GetCardUID{}, 0)
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	ch := p.ch
	body, err := ch.Seal(nil, securemsg.Message{Code: 0x51, Data: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	p.answerLen = 11
	var uid wire.CardUID
	if st := p.answer((*wire.GetCardUID)(nil).Spec(), &uid, 0, ch, p.exchange((*wire.GetCardUID)(nil).Spec(), body)); st != wire.StatusOK || len(uid.NUID) != 4 {
		t.Fatal(st, uid)
	}
}

func TestPlannedFaults(t *testing.T) {
	c := newCard(t, wire.EV3)
	a := c.Present()
	c.TearAfter(1)
	c.ClearFaults()
	script(t, a, "5a 000000 < 00")
	if n := c.Exchanges(); n != 1 {
		t.Errorf("%d exchanges", n)
	}
	for k := FaultKind(0); k <= FailWrite+1; k++ {
		if k.String() == "" {
			t.Errorf("fault %d has no name", k)
		}
	}
}
