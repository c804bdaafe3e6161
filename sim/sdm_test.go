package sim

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// The back end, written by others, verifies what the card mirrors.
func TestMirrors(t *testing.T) {
	zero := key.Zero(key.TypeAES)
	for _, useLRP := range []bool{false, true} {
		for _, text := range []string{
			"https://example.com/t?p={picc}&m={mac}",
			"https://example.com/t?p={picc}&e={from}{enc:16}&m={mac}",
			"https://example.com/t?uid={uid}&n={ctr}&{from}x=1&m={mac}",
			"https://example.com/t?p={picc}&{from}e={enc:32}&m={mac}",
		} {
			c := newCard(t, wire.NTAG424)
			p := newPCD(t, c)
			p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}, nil, 0)
			method := key.MethodEV2First
			if useLRP {
				p.in(method, 0, zero)
				turnLRPOn(t, p)
				method = key.MethodLRPFirst
			}
			tpl, err := sdm.ParseTemplate(text, useLRP)
			if err != nil {
				t.Fatal(err)
			}
			settings, err := tpl.Settings(7, 2, 1, 3)
			if err != nil {
				t.Fatal(err)
			}
			p.in(method, 0, zero)
			p.ok(&wire.WriteDataISO{WriteData: wire.WriteData{File: 2, Offset: 7, Data: []byte(tpl.Text())}}, nil, 0)
			access := wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}
			p.ok(&wire.ChangeFileSettings{File: 2, Access: access, SDM: &settings}, nil, 0)
			var got wire.FileSettings
			p.ok(&wire.GetFileSettings{File: 2}, &got, 0)
			if got.SDM == nil || *got.SDM != settings {
				t.Fatalf("%+v, want %+v", got.SDM, settings)
			}
			read := func() string {
				t.Helper()
				p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}, nil, 0)
				var rsp wire.Data
				p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: 2, Offset: 7, Length: uint32(len(tpl.Text()))}}, &rsp, 0)
				return string(rsp.Data)
			}
			v := &sdm.Verifier{MetaRead: zero, FileRead: zero, LRP: useLRP, Replay: new(sdm.Counters)}
			for n := uint32(1); n <= 3; n++ {
				shown := read()
				m, err := tpl.Match(shown)
				if err != nil {
					t.Fatalf("%s: %v", shown, err)
				}
				tag, err := v.Verify(t.Context(), m)
				if err != nil {
					t.Fatalf("LRP %v, %s: %v", useLRP, shown, err)
				}
				if !bytes.Equal(tag.UID, c.UID()) || tag.Counter != n {
					t.Fatalf("%v, want counter %d", tag, n)
				}
				// As a server may get it.
				head, query, _ := strings.Cut(shown, "?")
				items := strings.Split(strings.ToLower(query), "&")
				slices.Reverse(items)
				came := strings.ToUpper(head) + "?utm_source=x&" + strings.Join(items, "&") + "#top"
				came = strings.Replace(came, "COM/T", "COM/t", 1)
				r, err := tpl.Find(came)
				if err != nil || r.Text != shown {
					t.Fatalf("%s is put back as %v: %v", came, r, err)
				}
				again := *v
				again.Replay = nil
				if tag, _, err := again.VerifyReading(t.Context(), r); err != nil || tag.Counter != n {
					t.Fatalf("%s: %v, %v", came, tag, err)
				}
			}
			// The same command again does not count, another one between makes it.
			var a, b wire.Data
			p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: 2}}, &a, 0)
			p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: 2}}, &b, 0)
			if !bytes.Equal(a.Data, b.Data) {
				t.Fatal("a file read in pieces changes")
			}
			p.ok(&wire.ISOSelect{FID: 0xE104, By: wire.SelectEF, P2: wire.SelectNoData}, nil, 0)
			p.ok(&wire.ISOReadBinary{Offset: 7, Length: 100}, &b, 0)
			if bytes.Equal(a.Data[7:107], b.Data) {
				t.Fatal("READ BINARY after ReadData shows the same counter")
			}
			// Who is authenticated reads what is stored.
			p.in(method, 3, zero)
			p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: 2, Offset: 7, Length: uint32(len(tpl.Text()))}}, &a, 0)
			if string(a.Data) != tpl.Text() {
				t.Fatalf("%s", a.Data)
			}
			var ctr wire.FileCounters
			p.ok(&wire.GetFileCounters{File: 2}, &ctr, 0)
			if ctr.SDMReadCtr != 4 {
				t.Fatalf("counter %d", ctr.SDMReadCtr)
			}
			stored := image(c)
			if i, err := ReadImage(stored); err != nil || !bytes.Equal(i.Encode(), stored) {
				t.Fatal(err)
			}
		}
	}
}

// turnLRPOn sets the bit that can never be undone; the answer has no MAC.
func turnLRPOn(t *testing.T, p *pcd) {
	t.Helper()
	data := make([]byte, 10)
	data[wire.CapPDCap2_1] = wire.CapLRP
	e, err := p.coder.Encode(nil, &wire.SetConfiguration{Setting: &wire.Capabilities{Data: data}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := p.ch.Seal(nil, sealed(0x5C, e, wire.CommFull))
	if err != nil {
		t.Fatal(err)
	}
	if a := p.exchange(&wire.Spec{INS: 0x5C, Success: wire.StatusOK}, body); a.Status != wire.StatusOK || len(a.Data) > 0 {
		t.Fatalf("%v %X", a.Status, a.Data)
	}
	p.ch = nil
}

func TestSDMSettingsRefused(t *testing.T) {
	c := newCard(t, wire.NTAG424)
	p := newPCD(t, c)
	zero := key.Zero(key.TypeAES)
	p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}, nil, 0)
	access := wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}
	good := wire.SDM{
		Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(wire.Free, 1, wire.Free),
		UIDOffset: 10, ReadCtrOffset: 30, MACInputOffset: 40, MACOffset: 80,
	}
	for name, change := range map[string]func(*wire.SDM){
		"good":                      func(*wire.SDM) {},
		"no ASCII":                  func(s *wire.SDM) { s.Options &^= wire.SDMASCII },
		"reserved bit":              func(s *wire.SDM) { s.Options |= 2 },
		"key 5":                     func(s *wire.SDM) { s.Access = wire.NewSDMAccess(wire.Free, 5, wire.Free) },
		"nothing mirrored":          func(s *wire.SDM) { s.Options = wire.SDMASCII },
		"UID without meta read":     func(s *wire.SDM) { s.Access = wire.NewSDMAccess(wire.Never, 1, wire.Free) },
		"UID over counter":          func(s *wire.SDM) { s.ReadCtrOffset = 23 },
		"UID over MAC":              func(s *wire.SDM) { s.UIDOffset = 70 },
		"MAC beyond the end":        func(s *wire.SDM) { s.MACOffset = 241 },
		"MAC input after MAC":       func(s *wire.SDM) { s.MACInputOffset = 81 },
		"limit 0":                   func(s *wire.SDM) { s.Options |= wire.SDMReadCtrLimit },
		"enciphered, 16 bytes":      func(s *wire.SDM) { s.Options |= wire.SDMEncFile; s.ENCOffset, s.ENCLength = 40, 16 },
		"enciphered before the MAC": func(s *wire.SDM) { s.Options |= wire.SDMEncFile; s.ENCOffset, s.ENCLength = 39, 32 },
		"enciphered into the MAC":   func(s *wire.SDM) { s.Options |= wire.SDMEncFile; s.ENCOffset, s.ENCLength = 49, 32 },
	} {
		s := good
		change(&s)
		want := wire.StatusParameterError
		if name == "good" {
			want = wire.StatusOK
		}
		p.in(key.MethodEV2First, 0, zero)
		if got := p.do(&wire.ChangeFileSettings{File: 2, Access: access, SDM: &s}, nil, 0); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	p.in(key.MethodEV2First, 0, zero)
	p.refused(wire.StatusPermissionDenied, &wire.ChangeFileSettings{File: 3, Access: access, SDM: &good}, 0)
}

func TestReadCounterLimit(t *testing.T) {
	c := newCard(t, wire.NTAG424)
	p := newPCD(t, c)
	sel := &wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}
	p.ok(sel, nil, 0)
	p.in(key.MethodEV2First, 0, key.Zero(key.TypeAES))
	p.ok(&wire.ChangeFileSettings{File: 2, Access: wire.AccessRights{Read: wire.Free}, SDM: &wire.SDM{
		Options: wire.SDMASCII | wire.SDMReadCtr | wire.SDMReadCtrLimit, Access: wire.NewSDMAccess(wire.Free, wire.Never, wire.Free),
		ReadCtrLimit: 2,
	}}, nil, 0)
	for range 2 {
		p.ok(sel, nil, 0)
		p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: 2, Length: 6}}, nil, 0)
	}
	p.ok(sel, nil, 0)
	p.refused(wire.StatusPermissionDenied, &wire.ReadDataISO{ReadData: wire.ReadData{File: 2, Length: 6}}, 0)
	var ctr wire.FileCounters
	p.ok(&wire.GetFileCounters{File: 2}, &ctr, 0)
	if ctr.SDMReadCtr != 2 {
		t.Fatal(ctr)
	}
}
