package sim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestChangeFileSettings(t *testing.T) {
	for _, x := range channelCases {
		c, p := personalised(t, x, wire.CommMAC)
		in := func(no wire.KeyNo) { t.Helper(); p.in(x.method, no, secret(t, x.typ, byte(no))) }
		in(3)
		p.refused(wire.StatusAuthenticationError, &wire.ChangeFileSettings{File: 1}, 0)
		in(0)
		p.refused(wire.StatusFileNotFound, &wire.ChangeFileSettings{File: 9}, 0)
		in(0)
		p.refused(wire.StatusParameterError, &wire.ChangeFileSettings{File: 1, Option: 1 << 2}, 0)
		// Many rights, so that a checksum that fits the wrong length would show.
		for i := range 600 {
			in(0)
			want := &wire.ChangeFileSettings{File: 1, Option: wire.OptionFull, Access: rights(uint16(i*197) & 0xFFF0)}
			if x.gen.Has(wire.FeatureAdditionalAR) && i%2 == 1 {
				want.Additional = []wire.AccessRights{rights(0x1234), rights(uint16(i * 7))}
			}
			p.ok(want, nil, 0)
			f := c.nvm.app(farebox).file(1)
			if f.rights != want.Access || f.comm != wire.CommFull || !slices.Equal(f.additional, want.Additional) {
				t.Fatalf("%v: %v %v, want %v %v", x, f.rights, f.additional, want.Access, want.Additional)
			}
			if i > 20 && i%100 != 0 {
				continue
			}
			var s wire.FileSettings
			p.ok(&wire.GetFileSettings{File: 1}, &s, 0)
			if s.Access != want.Access || !slices.Equal(s.Additional, want.Additional) {
				t.Fatalf("%v: %+v", x, s)
			}
		}
		in(0)
		p.ok(&wire.ChangeFileSettings{File: 1, Access: rights(0x111F)}, nil, 0)
		p.refused(wire.StatusPermissionDenied, &wire.ChangeFileSettings{File: 1}, 0)
	}
}

// The union of all sets counts.
func TestAdditionalRights(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV3}
	c, p := personalised(t, x, wire.CommMAC)
	f := c.nvm.app(farebox).file(1)
	f.rights, f.additional = rights(0x1FFF), []wire.AccessRights{rights(0xFF4F), rights(0x2FFF)}
	for no, read := range map[wire.KeyNo]wire.Status{1: 0, 2: 0, 4: 0, 3: wire.StatusAuthenticationError} {
		p.in(x.method, no, secret(t, x.typ, byte(no)))
		if got := p.do(&wire.ReadData{File: 1, Length: 1}, nil, wire.CommMAC); read != 0 && got != read || read == 0 && got != wire.StatusOK {
			t.Errorf("key %d reads: %v", no, got)
		}
	}
	p.in(x.method, 4, secret(t, x.typ, 4))
	p.ok(&wire.WriteData{File: 1, Data: []byte{1}}, nil, wire.CommMAC)
	f = c.nvm.app(farebox).file(1)
	f.additional = append(slices.Clone(f.additional), rights(0xEFFF))
	p.in(x.method, 4, secret(t, x.typ, 4))
	p.ok(&wire.ReadData{File: 1, Length: 1}, nil, wire.CommMAC) // the key counts before what is free
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.ReadData{File: 1, Length: 1}, nil, wire.CommPlain)
}

func TestConfiguration(t *testing.T) {
	for _, x := range channelCases {
		if x.gen == wire.D40 {
			continue
		}
		c := newCard(t, x.gen)
		c.nvm.keys[0] = keyOf(t, 0, x.typ.Wire(), hexOf(secret(t, x.typ, 9).Export()), 0)
		p := newPCD(t, c)
		in := func() { t.Helper(); p.in(x.method, 0, secret(t, x.typ, 9)) }
		in()
		p.refused(wire.StatusParameterError, &wire.SetConfiguration{Setting: &wire.PICCConfig{Flags: 0x80}}, 0)
		for n := 1; n <= 20; n++ {
			in()
			ats := append([]byte{byte(n)}, pattern(n-1)...)
			p.ok(&wire.SetConfiguration{Setting: &wire.ATS{ATS: ats}}, nil, 0)
			if !slices.Equal(c.nvm.config.ats, ats) {
				t.Fatalf("%X, want %X", c.nvm.config.ats, ats)
			}
		}
		c.Present()
		if n := len(c.ATR()); n < 4+15 {
			t.Errorf("ATR %X", c.ATR())
		}
		p = newPCD(t, c)
		in()
		p.ok(&wire.SetConfiguration{Setting: &wire.ATS{ATS: unhex(t, "067577810280")}}, nil, 0)
		c.Present()
		if atr := hexOf(c.ATR()); atr != "3b8180018080" {
			t.Errorf("ATR %s", atr)
		}
		p = newPCD(t, c)
		in()
		sak := wire.StatusOK
		if x.gen == wire.EV1 {
			sak = wire.StatusParameterError
		}
		if got := p.do(&wire.SetConfiguration{Setting: &wire.SAK{SAK1: 4, SAK2: 0x28}}, nil, 0); got != sak {
			t.Errorf("%v: SAK: %v", x, got)
		}
		in()
		p.ok(&wire.SetConfiguration{Setting: &wire.PICCConfig{Flags: wire.PICCNoFormat | wire.PICCRandomID}}, nil, 0)
		p.ok(&wire.SetConfiguration{Setting: &wire.PICCConfig{}}, nil, 0) // which cannot be undone
		p.refused(wire.StatusPermissionDenied, &wire.FormatPICC{}, 0)
		p.ch = nil
		var v wire.Version
		p.ok(&wire.GetVersion{}, &v, 0)
		if !v.UID.IsZero() {
			t.Error("the identifier shows")
		}
		stored := image(c)
		if i, err := ReadImage(stored); err != nil || !slices.Equal(i.Encode(), stored) {
			t.Fatal(err)
		}
		if x.gen != wire.EV2 || x.method != key.MethodEV2First {
			continue
		}
		in()
		p.ok(&wire.SetConfiguration{Setting: &wire.SecureMessagingConfig{Flags: wire.NoD40 | wire.NoEV1}}, nil, 0)
		script(t, c.Present(), "0a 00 < 1c\n1a 00 < 1c\naa 00 < 1c")
		p = newPCD(t, c)
		in()
	}
}

func TestChainedWritingOff(t *testing.T) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	c, p := personalised(t, x, wire.CommMAC)
	c.nvm.config.messaging = wire.NoChainedWriting
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.WriteData{File: 1, Data: pattern(40)}, nil, wire.CommMAC) // one frame
	p.ok(&wire.WriteData{File: 2, Data: pattern(90)}, nil, wire.CommMAC) // a backup file
	p.link.MaxCommand = 300
	p.ok(&wire.WriteDataISO{WriteData: wire.WriteData{File: 1, Data: pattern(200)}}, nil, wire.CommMAC)
	p.link.MaxCommand = 0
	p.refused(wire.StatusPermissionDenied, &wire.WriteData{File: 1, Data: pattern(200)}, wire.CommMAC)
}

func TestTransactionTimer(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	c := newCard(t, wire.EV3, func(cfg *Config) { cfg.Clock = func() time.Time { return now } })
	script(t, c.Present(), free)
	p := newPCD(t, c)
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	data := make([]byte, 10)
	data[wire.CapPDCap2_2] = 3
	p.ok(&wire.SetConfiguration{Setting: &wire.Capabilities{Data: data}}, nil, 0)
	a := c.Present()
	script(t, a, "5a 563412 < 00\ndc 03 01000000 < 00")
	now = now.Add(3 * time.Second)
	script(t, a, "6c 03 < 00 64000000")
	now = now.Add(time.Second)
	var lost *FieldError
	if _, err := a.Transmit(t.Context(), []byte{0xC7}); !errors.As(err, &lost) || !lost.Sent() {
		t.Fatal(err)
	}
	script(t, c.Present(), "5a 563412 < 00\nc7 < 0c\n6c 03 < 00 64000000")
}
