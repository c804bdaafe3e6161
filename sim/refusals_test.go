package sim

import (
	"bytes"
	"context"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// The ISO 7816 handshake refuses each of its three commands that is wrong, and a
// refusal ends it: the right next one comes too late.
func TestISOAuthenticationRefusals(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV1}
	alg := wire.ISOAlgorithm(securemsg.ISOAlgorithm(x.typ))
	ref := wire.ISOKeyOfApplication | 3
	for _, tc := range []struct {
		name               string
		external, internal wire.Status
		edit               func(*wire.ISOExternalAuthenticate, *wire.ISOInternalAuthenticate)
	}{
		{"right", wire.StatusISOOK, wire.StatusISOOK, nil},
		{"the algorithm of the context", wire.StatusISOOK, wire.StatusISOOK, func(e *wire.ISOExternalAuthenticate, _ *wire.ISOInternalAuthenticate) {
			e.Algorithm = wire.AlgorithmContext
		}},
		{"a key of the card", wire.StatusISOWrongP1P2, wire.StatusISOConditionsOfUse, func(e *wire.ISOExternalAuthenticate, _ *wire.ISOInternalAuthenticate) { e.Key = 3 }},
		{"no such key", wire.StatusISOWrongP1P2, wire.StatusISOConditionsOfUse, func(e *wire.ISOExternalAuthenticate, _ *wire.ISOInternalAuthenticate) {
			e.Key = wire.ISOKeyOfApplication | 9
		}},
		{"another algorithm", wire.StatusISOWrongP1P2, wire.StatusISOConditionsOfUse, func(e *wire.ISOExternalAuthenticate, _ *wire.ISOInternalAuthenticate) {
			e.Algorithm = wire.ISOAlgorithm(securemsg.ISOAlgorithm(key.Type3K3DES))
		}},
		{"a short token", wire.StatusISOWrongLength, wire.StatusISOConditionsOfUse, func(e *wire.ISOExternalAuthenticate, _ *wire.ISOInternalAuthenticate) { e.Token = e.Token[:16] }},
		{"a wrong token", wire.StatusISOSecurityStatus, wire.StatusISOConditionsOfUse, func(e *wire.ISOExternalAuthenticate, _ *wire.ISOInternalAuthenticate) { e.Token[31] ^= 1 }},
		{"then another key", wire.StatusISOOK, wire.StatusISOWrongP1P2, func(_ *wire.ISOExternalAuthenticate, i *wire.ISOInternalAuthenticate) {
			i.Key = wire.ISOKeyOfApplication | 2
		}},
		{"then a short number", wire.StatusISOOK, wire.StatusISOWrongLength, func(_ *wire.ISOExternalAuthenticate, i *wire.ISOInternalAuthenticate) { i.RndPCD = i.RndPCD[:8] }},
	} {
		c, p := personalised(t, x, wire.CommMAC)
		h, err := securemsg.NewISOHandshake(securemsg.Config{Method: key.MethodISO7816, KeyNo: 3, Key: secret(t, x.typ, 3)})
		if err != nil {
			t.Fatal(err)
		}
		var challenge wire.Data
		p.ok(&wire.ISOGetChallenge{Length: h.First()}, &challenge, 0)
		token, err := h.Second(context.Background(), challenge.Data)
		if err != nil {
			t.Fatal(err)
		}
		external := &wire.ISOExternalAuthenticate{Algorithm: alg, Key: ref, Token: bytes.Clone(token)}
		third, err := h.Third()
		if err != nil {
			t.Fatal(err)
		}
		internal := &wire.ISOInternalAuthenticate{Algorithm: alg, Key: ref, RndPCD: third, Length: 2 * h.First()}
		if tc.edit != nil {
			tc.edit(external, internal)
		}
		if st := p.do(external, nil, 0); st != tc.external {
			t.Errorf("%s: EXTERNAL AUTHENTICATE: %v, want %v", tc.name, st, tc.external)
		}
		if st := p.do(internal, new(wire.Data), 0); st != tc.internal {
			t.Errorf("%s: INTERNAL AUTHENTICATE: %v, want %v", tc.name, st, tc.internal)
		}
		if open := c.v.session.channel != nil; open != (tc.internal == wire.StatusISOOK) {
			t.Errorf("%s: a session is open: %v", tc.name, open)
		}
	}
}

// ISO commands on files: what does not fit, and modes that they have not.
func TestISOFileRefusals(t *testing.T) {
	c := newCard(t, wire.EV3)
	script(t, c.Present(), `
		ca 010000 0f 21 10e1 d2760000850101 < 00
		5a 010000 < 00
		cd 02 04e1 00 eeee 200000 < 00
		c1 04 06e1 00 eeee 040000 030000 < 00
		00 a4 04 0c 07 d2760000850101 < 9000
		00 d6 82 1f 02 0102 < 6a84       # over the end
		00 b0 82 1f 01 < 009000          # and nothing of it is written
		00 e2 00 20 05 0102030405 < 6700 # longer than a record
		00 b2 04 22 00 < 6a86            # a mode that is none
		00 dc 01 22 01 11 < 6a86
		00 dc 01 24 01 11 < 6a83         # there is no record yet
		00 e2 00 20 02 1122 < 9000
		c7 < 00
		00 dc 02 24 01 11 < 6a83         # nor a second one
		00 dc 01 24 05 0102030405 < 6700
		c7 < 0c                          # nothing pends after all that
		00 b2 01 24 00 < 112200009000`)
}

// In an EV1 session the answer has a CMAC, which Le counts; a file in full mode
// cannot be read so.
func TestISOReadInSession(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV1}
	for _, tc := range []struct {
		mode   wire.CommMode
		length int
		status wire.Status
		answer int
	}{
		{wire.CommMAC, 8, wire.StatusISOWrongLength, 0},
		{wire.CommMAC, 9, wire.StatusISOOK, 9},
		{wire.CommMAC, 20, wire.StatusISOOK, 20},
		{wire.CommPlain, 20, wire.StatusISOOK, 20},
		{wire.CommFull, 20, wire.StatusISOSecurityStatus, 0},
	} {
		_, p := personalised(t, x, tc.mode)
		p.in(x.method, 3, secret(t, x.typ, 3))
		rsp := new(wire.Data)
		if st := p.do(&wire.ISOReadBinary{EF: wire.ShortEF{ID: 1}, Length: tc.length}, rsp, tc.mode); st != tc.status || len(rsp.Data) != tc.answer {
			t.Errorf("%v, %d bytes: %v and %d bytes, want %v and %d", tc.mode, tc.length, st, len(rsp.Data), tc.status, tc.answer)
		}
	}
}

// A key of a set changes against its old value only, in a set that is begun and
// not finished; set 0 is the active one.
func TestChangeKeyEV2(t *testing.T) {
	c := newCard(t, wire.EV3)
	p := newPCD(t, c)
	p.ok(&wire.CreateApplication{
		AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3), KS3: wire.SettKeySets,
		KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 2, MaxKeySize: 16},
	}, nil, 0)
	p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
	zero, next := key.Zero(key.TypeAES), secret(t, key.TypeAES, 7)
	change := func(want wire.Status, as wire.KeyNo, set, no byte, old key.Key) {
		t.Helper()
		p.in(key.MethodEV2First, as, zero)
		before := image(c)
		st := p.changeKey([]byte{set, no}, next, old)
		if st != want {
			t.Fatalf("key %d of set %d: %v, want %v", no, set, st, want)
		}
		if changed := !bytes.Equal(before, image(c)); changed != (want == wire.StatusOK) {
			t.Fatalf("key %d of set %d: changed %v", no, set, changed)
		}
	}
	change(wire.StatusPermissionDenied, 0, 1, 1, zero) // not begun
	change(wire.StatusNoSuchKey, 0, 2, 1, zero)        // no such set
	p.in(key.MethodEV2First, 0, zero)
	p.ok(&wire.InitializeKeySet{Set: 1, Type: wire.KeySetType(wire.KeyAES)}, nil, 0)
	change(wire.StatusNoSuchKey, 0, 1, 3, zero)
	change(wire.StatusAuthenticationError, 1, 1, 2, zero) // key 1 changes no other
	change(wire.StatusIntegrityError, 0, 1, 1, next)      // the old key is another
	change(wire.StatusOK, 0, 1, 1, zero)
	change(wire.StatusOK, 0, 0, 2, zero) // of the active set
	p.in(key.MethodEV2First, 2, next)
	p.in(key.MethodEV2First, 0, zero)
	var v wire.KeyVersions
	p.ok(&wire.GetKeyVersion{Key: 1, Set: 1}, &v, 0)
	if len(v.Versions) != 1 || byte(v.Versions[0]) != next.Version() {
		t.Errorf("versions %v, want %02X", v.Versions, next.Version())
	}
	for _, bad := range []struct {
		want wire.Status
		m    wire.GetKeyVersion
	}{
		{wire.StatusParameterError, wire.GetKeyVersion{Key: 1, Set: wire.AllKeySets}},
		{wire.StatusParameterError, wire.GetKeyVersion{Key: 1, Set: 2}},
		{wire.StatusNoSuchKey, wire.GetKeyVersion{Key: 3, Set: 1}},
	} {
		p.in(key.MethodEV2First, 0, zero)
		p.refused(bad.want, &bad.m, 0)
	}
	p.in(key.MethodEV2First, 0, zero)
	p.refused(wire.StatusPermissionDenied, &wire.RollKeySet{Set: 1}, 0) // not finished
	p.in(key.MethodEV2First, 0, zero)
	p.ok(&wire.FinalizeKeySet{Set: 1, Version: 1}, nil, 0)
	p.refused(wire.StatusPermissionDenied, &wire.RollKeySet{Set: 1}, 0) // not newer
	change(wire.StatusPermissionDenied, 0, 1, 1, next)                  // finished
}

// A setting that is wrong changes nothing; one that is right is in the image, and
// read from it.
func TestSettingsRefused(t *testing.T) {
	for _, tc := range []struct {
		gen  wire.Generation
		want wire.Status
		s    wire.Setting
	}{
		{wire.EV3, wire.StatusLengthError, &wire.ATS{ATS: []byte{6, 0x75, 0x77}}},
		{wire.EV3, wire.StatusParameterError, &wire.SecureMessagingConfig{Flags: 0x80}},
		{wire.EV3, wire.StatusParameterError, &wire.FailedAuthConfig{Enabled: true}},
		{wire.EV3, wire.StatusParameterError, &wire.FailedAuthConfig{Enabled: true, Limit: 1, Decrement: 2}},
		{wire.EV3, wire.StatusParameterError, &wire.HardwareConfig{Flags: 1}}, // not of this generation
		{wire.NTAG424, wire.StatusParameterError, &wire.HardwareConfig{Flags: 2}},
		{wire.EV3, wire.StatusLengthError, &wire.Capabilities{Data: make([]byte, 8)}},
		{wire.EV2, wire.StatusLengthError, &wire.Capabilities{Data: make([]byte, 9)}},
		{wire.EV3, wire.StatusOK, &wire.Capabilities{Data: []byte{1, 2, 3, 4, 0, 6, 7, 8, 9}}},
		{wire.NTAG424, wire.StatusOK, &wire.HardwareConfig{Flags: 1}},
		{wire.EV3, wire.StatusOK, &wire.ATQA{ATQA: 0x4403}},
		{wire.EV3, wire.StatusOK, &wire.SecureMessagingConfig{Flags: wire.NoD40}},
		{wire.EV3, wire.StatusOK, &wire.DefaultKey{Key: wire.NewSecret(bytes.Repeat([]byte{0x5A}, 24)), Version: 9}},
	} {
		c := newCard(t, tc.gen)
		p := newPCD(t, c)
		if tc.gen == wire.NTAG424 {
			p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}, nil, 0)
			p.in(key.MethodEV2First, 0, key.Zero(key.TypeAES))
		} else {
			p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
		}
		before := image(c)
		if st := p.do(&wire.SetConfiguration{Setting: tc.s}, nil, 0); st != tc.want {
			t.Errorf("%v %T%+v: %v, want %v", tc.gen, tc.s, tc.s, st, tc.want)
		}
		after := image(c)
		if changed := !bytes.Equal(before, after); changed != (tc.want == wire.StatusOK) {
			t.Errorf("%v %T%+v: changed %v", tc.gen, tc.s, tc.s, changed)
		}
		read, err := ReadImage(after)
		if err != nil {
			t.Fatal(err)
		}
		sameImage(t, read.Encode(), after)
	}
}
