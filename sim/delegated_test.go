package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func aesKey(t testing.TB, digits string) *key.Secret {
	t.Helper()
	k, err := key.NewAES(unhex(t, digits), 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const (
	ones = "11111111111111111111111111111111"
	twos = "22222222222222222222222222222222"
)

// The published numbers of AN12696: an application of somebody else's, created
// with a MAC that the card checks, and deleted with one.
func TestDelegatedApplication(t *testing.T) {
	c := newCard(t, wire.EV3)
	p := newPCD(t, c)
	auth := secret(t, key.TypeAES, 0x50)
	create := &wire.CreateDelegatedApplication{
		AID: 0x563412, Quota: 64, KS1: 0xEF, KS2: 0x81,
		EncK:   wire.NewSecret(unhex(t, "9232C82A913FA1CFCDC7ED5EC63AB45CE991C06A1F485156DB8C3CDCB689BD27")),
		DAMMAC: [8]byte(unhex(t, "5D941683B901612B")),
	}
	p.refused(wire.StatusAuthenticationError, create, 0)
	if st := p.auth(key.MethodAES, wire.KeyDAMAuth, auth); st != wire.StatusPermissionDenied {
		t.Fatal("a key that is not set:", st)
	}
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	for no, k := range map[wire.KeyNo]*key.Secret{wire.KeyDAMAuth: auth, wire.KeyDAMMAC: aesKey(t, ones), wire.KeyDAMEnc: aesKey(t, twos)} {
		if st := p.changeKey([]byte{byte(no)}, k, key.Zero(key.TypeAES)); st != wire.StatusOK {
			t.Fatal(st)
		}
	}
	for _, m := range []key.Method{key.MethodAES, key.MethodEV2First} {
		p.in(m, wire.KeyDAMAuth, auth)
		bad := *create
		bad.DAMMAC[7]++
		p.refused(wire.StatusIntegrityError, &bad, 0)
		p.in(m, wire.KeyDAMAuth, auth)
		p.ok(create, nil, 0)
		var info wire.DelegatedInfo
		p.ok(&wire.GetDelegatedInfo{}, &info, 0)
		if info.AID != create.AID || info.Quota != 64 || info.Free != 61 {
			t.Fatalf("%+v", info)
		}
		var free wire.Memory
		p.ok(&wire.FreeMemory{}, &free, 0)
		if free.Bytes != 8192-64*32 {
			t.Fatalf("free %d", free.Bytes)
		}
		p.refused(wire.StatusDuplicateError, create, 0)
		p.ok(&wire.SelectApplication{AID: create.AID}, nil, 0)
		p.in(key.MethodAES, 0, key.Zero(key.TypeAES)) // the key inside EncK
		p.refused(wire.StatusOutOfEEPROM, &wire.CreateStdDataFile{File: 1, Size: 62 * 32}, 0)
		p.in(key.MethodAES, 0, key.Zero(key.TypeAES))
		p.ok(&wire.CreateStdDataFile{File: 1, Size: 61 * 32}, nil, 0)
		p.ok(&wire.FormatPICC{}, nil, 0) // of this application only
		p.ok(&wire.CreateStdDataFile{File: 1, Size: 61 * 32}, nil, 0)
		stored := image(c)
		if i, err := ReadImage(stored); err != nil || string(i.Encode()) != string(stored) {
			t.Fatal(err)
		}
		p.ok(&wire.SelectApplication{}, nil, 0)
		p.in(m, wire.KeyDAMAuth, auth)
		p.refused(wire.StatusAuthenticationError, &wire.DeleteApplication{AID: create.AID, DAMMAC: make([]byte, 8)}, 0)
		p.in(m, wire.KeyDAMAuth, auth)
		p.ok(&wire.DeleteApplication{AID: create.AID, DAMMAC: unhex(t, "DCD2F30E702C9370")}, nil, 0)
		p.ok(&wire.FreeMemory{}, &free, 0)
		if free.Bytes != 8192-64*32 {
			t.Fatalf("free %d", free.Bytes)
		}
	}
	p.refused(wire.StatusApplicationNotFound, &wire.GetDelegatedInfo{Slot: 1}, 0)
}

func TestProximityCheck(t *testing.T) {
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		c := newCard(t, g)
		p := newPCD(t, c)
		p.link.Framing = wire.FramingWrapped                   // a native answer to ProximityCheck has no status to tell an error by
		p.refused(wire.StatusStateError, &wire.PreparePC{}, 0) // a factory card
		p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
		vc, pc := secret(t, key.TypeAES, 0x20), secret(t, key.TypeAES, 0x21)
		if st := p.changeKey([]byte{0x20}, vc, key.Zero(key.TypeAES)); st != wire.StatusOK {
			t.Fatal(st)
		}
		p.in(key.MethodAES, wire.KeyVCConfig, vc)
		if st := p.changeKey([]byte{0x21}, pc, key.Zero(key.TypeAES)); st != wire.StatusOK {
			t.Fatal(st)
		}
		check := func(rounds int, spoil byte) wire.Status {
			t.Helper()
			p.ch = nil
			var times wire.PCTimes
			p.ok(&wire.PreparePC{}, &times, 0)
			if want := map[wire.Generation]uint16{wire.EV2: 0x06A0, wire.EV3: 0x0320}[g]; times.PubRespTime != want {
				t.Fatalf("%+v", times)
			}
			input := []byte{times.Option, byte(times.PubRespTime >> 8), byte(times.PubRespTime), times.PPS1}
			mine := pattern(8)
			for i := range rounds {
				n := 8 / rounds
				var r wire.Data
				p.ok(&wire.ProximityCheck{RndC: mine[i*n : i*n+n]}, &r, 0)
				input = append(append(input, r.Data...), mine[i*n:i*n+n]...)
			}
			mac := macT(pc.Export(), []byte{0xFD}, input)
			mac[0] ^= spoil
			var answer wire.PCMAC
			st := p.do(&wire.VerifyPC{MAC: mac}, &answer, 0)
			if st == wire.StatusSignatureOK && answer.MAC != macT(pc.Export(), []byte{0x90}, input) {
				t.Fatalf("%X", answer.MAC)
			}
			return st
		}
		for _, rounds := range []int{1, 2, 4, 8} {
			if st := check(rounds, 0); st != wire.StatusSignatureOK {
				t.Fatal(st)
			}
		}
		if st := check(1, 1); st != wire.StatusIntegrityError {
			t.Fatal(st)
		}
		p.ok(&wire.PreparePC{}, nil, 0)
		p.refused(wire.StatusStateError, &wire.GetVersion{}, 0)
		p.refused(wire.StatusStateError, &wire.SelectApplication{}, 0)
		p.refused(wire.StatusLengthError, &wire.ProximityCheck{RndC: make([]byte, 9)}, 0)
		p.ok(&wire.GetVersion{}, nil, 0)
		p.refused(wire.StatusStateError, &wire.VerifyPC{}, 0)

		// Mandatory: the application is closed until the check was done.
		p.ok(&wire.CreateApplication{AID: farebox, KS1: wire.SettDefault, KS2: 1}, nil, 0)
		p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
		p.ok(&wire.SetConfiguration{Setting: &wire.PICCConfig{Flags: wire.PICCProximity}}, nil, 0)
		p = newPCD(t, c)
		p.link.Framing = wire.FramingWrapped
		p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
		p.refused(wire.StatusStateError, &wire.GetFileIDs{}, 0)
		if st := check(8, 0); st != wire.StatusSignatureOK {
			t.Fatal(st)
		}
		p.ok(&wire.GetFileIDs{}, nil, 0)
	}
}

// Virtual card selection (one source).
func TestVirtualCard(t *testing.T) {
	c := newCard(t, wire.EV3)
	p := newPCD(t, c)
	iid := unhex(t, "A0000003965643410300000000000001")
	sel := &wire.ISOSelectVC{IID: iid}
	if st := p.do(sel, nil, 0); st != wire.StatusISOFileNotFound {
		t.Fatal(st)
	}
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	p.ok(&wire.SetConfiguration{Setting: &wire.VCName{Name: [16]byte(iid), Length: 16}}, nil, 0)
	p.ch = nil
	p.ok(sel, nil, 0)
	p.in(key.MethodISO, 0, key.Zero(key.TypeDES))
	mac, enc := secret(t, key.TypeAES, 0x22), secret(t, key.TypeAES, 0x23)
	for no, k := range map[byte]*key.Secret{0x22: mac, 0x23: enc} {
		if st := p.changeKey([]byte{no}, k, key.Zero(key.TypeAES)); st != wire.StatusOK {
			t.Fatal(st)
		}
	}
	p.ch = nil
	var fci wire.Data
	p.ok(sel, &fci, 0)
	if len(fci.Data) != 36 {
		t.Fatalf("%X", fci.Data)
	}
	chal, payload := fci.Data[4:20], fci.Data[20:]
	plain := make([]byte, 16)
	aesBlock(enc.Export()).Decrypt(plain, payload)
	for i := range plain {
		plain[i] ^= chal[i]
	}
	if string(plain[3:10]) != string(c.UID()) {
		t.Fatalf("%X", plain)
	}
	answer := macT(mac.Export(), chal, plain)
	p.ok(&wire.ISOExternalAuthenticateVC{Data: answer[:]}, nil, 0)
	if st := p.do(&wire.ISOExternalAuthenticateVC{Data: answer[:]}, nil, 0); st == wire.StatusISOOK {
		t.Fatal("a MAC is good for one challenge")
	}
}
