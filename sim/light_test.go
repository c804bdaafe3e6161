package sim

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestLightFromFactory(t *testing.T) {
	c := newCard(t, wire.Light)
	script(t, c.Present(), `
		60 < 6e00                         # wrapped frames only
		5a 000000 < 6e00
		90 5a 00 00 03 000000 00 < 911c
		90 6f 00 00 00 < 919d             # the card level after power-up
		00 a4 04 0c 10 a00000039656434103f015400000000b < 9000
		90 6f 00 00 00 < 0f1f03000104 9100
		90 f5 00 00 01 00 00 < 00 03 301f 000100 9100
		90 f5 00 00 01 01 00 < 04 03 3012 100000 050000 000000 9100
		90 f5 00 00 01 1f 00 < 00 00 30ef 200000 9100
		90 f5 00 00 01 0f 00 < 05 03 101f 02 00 9100
		90 bd 00 00 07 1f 000000 000000 00 < 911c
		90 ad 00 00 07 1f 1f0000 000000 00 < 00 9100
		90 ad 00 00 07 00 000000 000000 00 < 91ae
		90 ca 00 00 05 010000 0f81 00 < 911c
		90 df 00 00 01 00 00 < 919d       # only the transaction MAC file goes
		00 a4 04 00 10 a00000039656434103f015400000000b 00 < `+hexOf(make([]byte, 32))+`9000`)
}

func TestNTAG424FromFactory(t *testing.T) {
	c := newCard(t, wire.NTAG424)
	script(t, c.Present(), `
		00 a4 04 0c 07 d2760000850101 < 9000
		00 a4 02 0c 02 e103 < 9000
		00 b0 00 00 17 < 001720010000ff0406e104010000000506e10500808283 9000
		00 a4 02 0c 02 e104 < 9000
		00 d6 00 00 03 d10101 < 9000
		00 b0 00 00 03 < d10101 9000
		90 f5 00 00 01 02 00 < 00 00 e0ee 000100 9100
		90 ad 00 00 07 02 000000 030000 00 < d10101 9100
		90 64 00 00 01 00 00 < 00 9100
		90 6f 00 00 00 < 911c
		00 a4 02 0c 02 e105 < 9000
		00 b0 00 00 03 < 6982
		01 b0 00 00 03 < 6e00`)
}

// The LRP switch is for ever; then all goes on under LRP.
func TestLRP(t *testing.T) {
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		c := newCard(t, g)
		p := newPCD(t, c)
		zero := key.Zero(key.TypeAES)
		sel := &wire.ISOSelect{By: wire.SelectByName, Name: c.nvm.apps[0].dfName, P2: wire.SelectNoData}
		p.ok(sel, nil, 0)
		p.in(key.MethodEV2First, 0, zero)
		turnLRPOn(t, p)
		if st := p.auth(key.MethodEV2First, 0, zero); st != wire.StatusPermissionDenied {
			t.Fatal(st)
		}
		p.in(key.MethodLRPFirst, 3, zero)
		file := wire.FileNo(3)
		if g == wire.Light {
			file = 0x04
		}
		p.ok(&wire.WriteDataISO{WriteData: wire.WriteData{File: file, Data: pattern(100)}}, nil, wire.CommFull)
		var rsp wire.Data
		p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: file, Length: 100}}, &rsp, wire.CommFull)
		if !bytes.Equal(rsp.Data, pattern(100)) {
			t.Fatalf("%X", rsp.Data)
		}
		p.in(key.MethodLRPNonFirst, 0, zero)
		if st := p.changeKey([]byte{1}, secret(t, key.TypeAES, 5), zero); st != wire.StatusOK {
			t.Fatal(st)
		}
		var uid wire.CardUID
		p.ok(&wire.GetCardUID{}, &uid, 0)
		if st := p.changeKey([]byte{0}, secret(t, key.TypeAES, 6), nil); st != wire.StatusOK {
			t.Fatal(st)
		}
		p.in(key.MethodLRPFirst, 0, secret(t, key.TypeAES, 6))
		p.ok(&wire.GetCardUID{}, &uid, 0)
		if !bytes.Equal(uid.UID, c.UID()) {
			t.Fatalf("%X", uid.UID)
		}
		if g == wire.Light { // the transaction MAC file goes and comes back
			p.ok(&wire.DeleteFile{File: 0x0F}, nil, 0)
			p.ok(&wire.CreateTransactionMACFile{
				Key:  wire.NewSecret(make([]byte, wire.TMKeySize)),
				File: 0x0F, Option: wire.OptionFull, KeyOption: wire.TMKeyAES,
				Access: wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: 1, Change: 0},
			}, nil, 0)
		}
	}
}

func TestLightConfiguration(t *testing.T) {
	c := newCard(t, wire.Light)
	p := newPCD(t, c)
	zero := key.Zero(key.TypeAES)
	sel := &wire.ISOSelect{By: wire.SelectByName, Name: c.nvm.apps[0].dfName, P2: wire.SelectNoData}
	p.refused(wire.StatusPermissionDenied, &wire.SetConfiguration{Setting: &wire.HardwareConfig{}}, 0) // at card level
	p.ok(sel, nil, 0)
	p.refused(wire.StatusAuthenticationError, &wire.SetConfiguration{Setting: &wire.HardwareConfig{}}, 0)
	p.in(key.MethodEV2First, 0, zero)
	value := &wire.SetConfiguration{Setting: &wire.ValueFileConfig{File: 3, Lower: -5, Upper: 500, Value: 7, Flags: wire.ValueLimitedCredit}}
	p.ok(value, nil, 0)
	var s wire.FileSettings
	p.ok(&wire.GetFileSettings{File: 3}, &s, 0)
	if s.Lower != -5 || s.Upper != 500 {
		t.Fatalf("%+v", s)
	}
	p.refused(wire.StatusPermissionDenied, value, 0) // once
	p.in(key.MethodEV2First, 0, zero)
	p.refused(wire.StatusParameterError, &wire.SetConfiguration{Setting: &wire.PICCConfig{Flags: wire.PICCNoFormat}}, 0)
	p.in(key.MethodEV2First, 0, zero)
	p.ok(&wire.SetConfiguration{Setting: &wire.PICCConfig{Flags: wire.PICCRandomID}}, nil, 0)
	var v wire.Version
	p.ok(&wire.GetVersion{}, &v, 0)
	if !v.UID.IsZero() {
		t.Fatalf("random identifier, and GetVersion tells %v", v.UID)
	}
	var sig wire.Signature
	p.ok(&wire.ReadSignature{}, &sig, 0)
	p.ok(sel, nil, 0)
	p.refused(wire.StatusAuthenticationError, &wire.ReadSignature{}, 0)
}
