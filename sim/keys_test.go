package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// The own key, another key twice in a row, and back, under every channel.
func TestChangeKeys(t *testing.T) {
	for _, x := range channelCases {
		t.Run(x.String(), func(t *testing.T) {
			_, p := personalised(t, x, wire.CommMAC)
			p.in(x.method, 0, secret(t, x.typ, 0))
			ok := func(st wire.Status) {
				t.Helper()
				if st != wire.StatusOK {
					t.Fatal(st)
				}
			}
			ok(p.changeKey([]byte{1}, secret(t, x.typ, 0x21), secret(t, x.typ, 1)))
			ok(p.changeKey([]byte{1}, secret(t, x.typ, 0x22), secret(t, x.typ, 0x21)))
			var v wire.KeyVersions
			p.ok(&wire.GetKeyVersion{Key: 1}, &v, 0)
			if want := secret(t, x.typ, 0x22).Version(); byte(v.Versions[0]) != want {
				t.Errorf("version %v, want %02X", v.Versions, want)
			}
			ok(p.changeKey([]byte{0}, secret(t, x.typ, 0x30), nil))
			p.refused(wire.StatusAuthenticationError, &wire.ReadData{File: 1, Length: 1}, 0) // the session is over
			if st := p.auth(x.method, 0, secret(t, x.typ, 0)); st != wire.StatusAuthenticationError {
				t.Fatal(st)
			}
			p.in(x.method, 0, secret(t, x.typ, 0x30))
			// The wrong old key.
			if st := p.changeKey([]byte{1}, secret(t, x.typ, 0x23), secret(t, x.typ, 0x55)); st != wire.StatusIntegrityError {
				t.Fatal(st)
			}
			p.in(x.method, 1, secret(t, x.typ, 0x22))
			if st := p.changeKey([]byte{2}, secret(t, x.typ, 0x23), secret(t, x.typ, 2)); st != wire.StatusAuthenticationError {
				t.Fatal(st)
			}
			p.in(x.method, 0, secret(t, x.typ, 0x30))
			if st := p.changeKey([]byte{5}, secret(t, x.typ, 0x23), secret(t, x.typ, 2)); st != wire.StatusNoSuchKey {
				t.Fatal(st)
			}
		})
	}
}

// Who may change which key: the upper half of the settings.
func TestChangeKeyRights(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV1}
	for _, r := range []struct {
		settings wire.KeySett1
		auth     wire.KeyNo
		change   wire.KeyNo
		want     wire.Status
	}{
		{0x0F, 0, 0, wire.StatusOK},
		{0x0F, 0, 3, wire.StatusOK},
		{0x0F, 3, 3, wire.StatusAuthenticationError},
		{0x0E, 0, 0, wire.StatusPermissionDenied}, // the master key is frozen
		{0x0E, 0, 3, wire.StatusOK},
		{0x2F, 2, 3, wire.StatusOK},
		{0x2F, 0, 3, wire.StatusAuthenticationError},
		{0x2F, 0, 2, wire.StatusOK}, // the change key itself: under the master key
		{0x2F, 2, 2, wire.StatusAuthenticationError},
		{0x2F, 0, 0, wire.StatusOK},
		{0x2F, 2, 0, wire.StatusAuthenticationError},
		{0xEF, 3, 3, wire.StatusOK},
		{0xEF, 0, 3, wire.StatusAuthenticationError},
		{0xEF, 0, 0, wire.StatusOK},
		{0xFF, 0, 3, wire.StatusPermissionDenied},
		{0xFF, 3, 3, wire.StatusPermissionDenied},
		{0xFF, 0, 0, wire.StatusOK},
	} {
		c, p := personalised(t, x, wire.CommPlain)
		c.nvm.app(farebox).settings = r.settings
		p.in(x.method, r.auth, secret(t, x.typ, byte(r.auth)))
		var old key.Key
		if r.auth != r.change {
			old = secret(t, x.typ, byte(r.change))
		}
		if got := p.changeKey([]byte{byte(r.change)}, secret(t, x.typ, 0x40), old); got != r.want {
			t.Errorf("settings %02X, key %d changes key %d: %v, want %v", byte(r.settings), r.auth, r.change, got, r.want)
		}
	}
}

// The PICC master key takes every type, and comes back.
func TestChangeTypeOfMasterKey(t *testing.T) {
	c := newCard(t, wire.EV1)
	p := newPCD(t, c)
	methods := map[key.Type]key.Method{
		key.TypeDES: key.MethodISO, key.Type2K3DES: key.MethodISO, key.Type3K3DES: key.MethodISO, key.TypeAES: key.MethodAES,
	}
	now := key.Zero(key.TypeDES)
	for i, typ := range []key.Type{
		key.TypeAES, key.Type3K3DES, key.Type2K3DES, key.TypeAES, key.TypeAES, key.TypeDES, key.Type3K3DES, key.TypeDES, key.Type2K3DES, key.TypeDES,
	} {
		p.in(methods[now.Type()], 0, now)
		next := secret(t, typ, byte(i))
		if st := p.changeKey([]byte{byte(typ.Wire()) << 6}, next, nil); st != wire.StatusOK {
			t.Fatalf("%v to %v: %v", now, next, st)
		}
		now = next
	}
	p.in(key.MethodD40, 0, now)
	p.ok(&wire.FormatPICC{}, nil, 0)
	p.in(key.MethodISO, 0, now)
	if st := p.changeKey([]byte{0xC0}, secret(t, key.TypeAES, 1), nil); st != wire.StatusParameterError {
		t.Fatal(st)
	}
}

func TestAuthenticateRefusals(t *testing.T) {
	for _, x := range []struct {
		gen  wire.Generation
		typ  key.Type
		cmd  string
		want string
	}{
		{wire.D40, key.TypeDES, "0a05", "40"},
		{wire.D40, key.TypeDES, "0a", "7e"},
		{wire.D40, key.TypeDES, "1a00", "1c"},
		{wire.D40, key.TypeDES, "aa00", "1c"},
		{wire.EV1, key.TypeDES, "aa00", "ae"},
		{wire.EV1, key.TypeDES, "7100", "1c"},
		{wire.EV1, key.TypeAES, "0a00", "ae"},
		{wire.EV1, key.TypeAES, "1a00", "ae"},
		{wire.EV1, key.Type3K3DES, "0a00", "ae"},
		{wire.EV1, key.Type3K3DES, "aa00", "ae"},
		{wire.EV2, key.TypeDES, "710000", "ae"},
		{wire.EV2, key.TypeAES, "7100", "7e"},
		{wire.EV2, key.TypeAES, "71000100", "af"},
		{wire.EV2, key.TypeAES, "710009000000000000000000", "af"}, // longer capabilities count up to six
		{wire.EV2, key.TypeAES, "7700", "9d"},
		{wire.EV2, key.TypeAES, "aa0e", "40"},
	} {
		_, p := personalised(t, channelCase{typ: x.typ, gen: x.gen}, wire.CommPlain)
		rsp, err := p.link.T.Transmit(t.Context(), unhex(t, x.cmd))
		if err != nil {
			t.Fatal(err)
		}
		if got := hexOf(rsp[:1]); got != x.want {
			t.Errorf("%v, %v keys: %s: %s, want %s", x.gen, x.typ, x.cmd, got, x.want)
		}
	}
}

// What ends a session, and what pending changes survive (command reference
// 20.2, 20.3).
func TestWhatEndsASession(t *testing.T) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV2}
	c, p := personalised(t, x, wire.CommPlain)
	k := func(n byte) *key.Secret { return secret(t, x.typ, n) }

	p.in(x.method, 3, k(3))
	p.ok(&wire.Debit{File: 3, Amount: 7}, nil, 0)
	p.in(key.MethodEV2NonFirst, 1, k(1)) // keeps the transaction
	p.in(key.MethodEV2First, 3, k(3))    // so does First (hardware notes 3)
	p.ok(&wire.CommitTransaction{}, nil, 0)
	if v := c.nvm.app(farebox).file(3).value; v != 493 {
		t.Fatalf("value %d", v)
	}
	p.ok(&wire.Debit{File: 3, Amount: 7}, nil, 0)
	p.ok(&wire.AbortTransaction{}, nil, 0) // keeps the session
	p.refused(wire.StatusNoChanges, &wire.CommitTransaction{}, 0)
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0)

	p.in(x.method, 3, k(3))
	if st := p.auth(key.MethodEV2First, 3, k(9)); st != wire.StatusAuthenticationError {
		t.Fatal(st)
	}
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0) // a failed authentication ends it

	p.in(x.method, 3, k(3))
	if st := p.auth(key.MethodEV2NonFirst, 3, k(9)); st != wire.StatusAuthenticationError {
		t.Fatal(st)
	}
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0)

	p.in(x.method, 3, k(3))
	if st := p.auth(key.MethodAES, 3, k(3)); st != wire.StatusOK {
		t.Fatal(st)
	}
	p.refused(wire.StatusBoundaryError, &wire.ReadData{File: 1, Offset: 400}, 0)
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0) // any error ends an EV1 session

	// A command without its MAC.
	p.in(x.method, 3, k(3))
	p.ch = nil
	p.refused(wire.StatusLengthError, &wire.CommitTransaction{}, 0)
}

// A D40 session survives a refusal (C-38).
func TestD40SessionSurvivesErrors(t *testing.T) {
	x := channelCase{key.MethodD40, key.TypeDES, wire.EV1}
	_, p := personalised(t, x, wire.CommMAC)
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.ClearRecordFile{File: 4}, nil, 0)
	p.refused(wire.StatusPermissionDenied, &wire.WriteRecord{File: 4, Data: []byte{1}}, wire.CommMAC)
	p.refused(wire.StatusNoChanges, &wire.CommitTransaction{}, 0)
	p.ok(&wire.WriteRecord{File: 4, Data: []byte{1}}, nil, wire.CommMAC)
	p.ok(&wire.CommitTransaction{}, nil, 0)
}

func TestFailedAuthentications(t *testing.T) {
	c := newCard(t, wire.NTAG424)
	c.quirks.DelayAfter, c.quirks.DelayAnswers = 3, 2
	p := newPCD(t, c)
	p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectNoData}, nil, 0)
	wrong := secret(t, key.TypeAES, 1)
	for range 3 {
		if st := p.auth(key.MethodEV2First, 0, wrong); st != wire.StatusAuthenticationError {
			t.Fatal(st)
		}
	}
	for _, want := range []wire.Status{wire.StatusAuthenticationDelay, wire.StatusAuthenticationDelay, wire.StatusOK, wire.StatusOK} {
		if st := p.auth(key.MethodEV2First, 0, key.Zero(key.TypeAES)); st != want {
			t.Fatal(st, want)
		}
	}
	p.ok(&wire.SetConfiguration{Setting: &wire.FailedAuthConfig{Enabled: true, Limit: 2, Decrement: 1}}, nil, 0)
	for range 2 {
		if st := p.auth(key.MethodEV2First, 1, wrong); st != wire.StatusAuthenticationError {
			t.Fatal(st)
		}
	}
	if st := p.auth(key.MethodEV2First, 1, key.Zero(key.TypeAES)); st != wire.StatusPermissionDenied {
		t.Fatal("a disabled key:", st)
	}
	p.in(key.MethodEV2First, 0, key.Zero(key.TypeAES))
	// A change enables it again.
	if st := p.changeKey([]byte{1}, wrong, key.Zero(key.TypeAES)); st != wire.StatusOK {
		t.Fatal(st)
	}
	p.in(key.MethodEV2First, 1, wrong)
}

func TestKeySets(t *testing.T) {
	c := newCard(t, wire.EV3)
	p := newPCD(t, c)
	create := &wire.CreateApplication{
		AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 3), KS3: wire.SettKeySets,
		KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 3, MaxKeySize: 16, AppKeySetSett: 2},
	}
	for _, bad := range []wire.KeySetConfig{
		{NoKeySets: 1, MaxKeySize: 16}, {NoKeySets: 17, MaxKeySize: 16}, {NoKeySets: 2, MaxKeySize: 17}, {NoKeySets: 2, MaxKeySize: 16, AppKeySetSett: 0xF},
	} {
		x := *create
		x.KeySetConfig = bad
		p.refused(wire.StatusParameterError, &x, 0)
	}
	p.ok(create, nil, 0)
	p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
	var s wire.KeySettings
	p.ok(&wire.GetKeySettings{}, &s, 0)
	if s.KeySetConfig != create.KeySetConfig {
		t.Fatalf("%+v", s)
	}
	des := key.Zero(key.TypeDES)
	p.refused(wire.StatusAuthenticationError, &wire.InitializeKeySet{Set: 1, Type: 2}, 0)
	in := func() { t.Helper(); p.in(key.MethodISO, 0, des) }
	in()
	p.refused(wire.StatusParameterError, &wire.InitializeKeySet{Set: 1, Type: 1}, 0) // 24 bytes do not fit
	in()
	p.refused(wire.StatusParameterError, &wire.InitializeKeySet{Set: 0, Type: 2}, 0)
	in()
	p.refused(wire.StatusNoSuchKey, &wire.InitializeKeySet{Set: 3, Type: 2}, 0)
	in()
	p.refused(wire.StatusPermissionDenied, &wire.FinalizeKeySet{Set: 1, Version: 5}, 0)
	in()
	p.ok(&wire.InitializeKeySet{Set: 1, Type: 2}, nil, 0)
	for no := byte(0); no < 3; no++ {
		if st := p.changeKey([]byte{1, no}, secret(t, key.TypeAES, no), key.Zero(key.TypeAES)); st != wire.StatusOK {
			t.Fatal(st)
		}
	}
	p.in(key.MethodD40, 0, des) // where these commands have no data, so no MAC
	p.ok(&wire.InitializeKeySet{Set: 2, Type: 0}, nil, 0)
	body, err := p.ch.Seal(nil, sealed(0x56, wire.Encoded{Bytes: []byte{2, 2}}, wire.CommMAC))
	if err != nil {
		t.Fatal(err)
	}
	if a := p.exchange(&wire.Spec{INS: 0x56, Success: wire.StatusOK}, body); a.Status != wire.StatusOK {
		t.Fatal("with a MAC over the header:", a.Status)
	}
	in()
	p.refused(wire.StatusParameterError, &wire.FinalizeKeySet{Set: 1}, 0)
	in()
	p.ok(&wire.FinalizeKeySet{Set: 1, Version: 5}, nil, 0)
	var v wire.KeyVersions
	p.ok(&wire.GetKeyVersion{Set: wire.AllKeySets}, &v, 0)
	if len(v.Versions) != 3 || v.Versions[0] != 1 || v.Versions[1] != 5 {
		t.Fatal(v)
	}
	p.ok(&wire.GetKeyVersion{Key: 2, Set: 1}, &v, 0)
	if v.Versions[0] != 0x12 {
		t.Fatal(v)
	}
	p.refused(wire.StatusAuthenticationError, &wire.RollKeySet{Set: 1}, 0)
	p.in(key.MethodISO, 2, des)
	stored := image(c) // key sets survive storage
	if i, err := ReadImage(stored); err != nil || string(i.Encode()) != string(stored) {
		t.Fatal(err)
	}
	ch := p.ch
	body, err = ch.Seal(nil, sealed(0x55, wire.Encoded{Bytes: []byte{1}}, wire.CommMAC))
	if err != nil {
		t.Fatal(err)
	}
	if a := p.exchange(&wire.Spec{INS: 0x55, Success: wire.StatusOK}, body); a.Status != wire.StatusOK || len(a.Data) != 0 {
		t.Fatalf("%v %X: the answer has no MAC", a.Status, a.Data)
	}
	p.ch = nil
	p.in(key.MethodAES, 1, secret(t, key.TypeAES, 1))
	p.ok(&wire.GetKeyVersion{Set: wire.AllKeySets}, &v, 0)
	if v.Versions[0] != 5 || v.Versions[1] != 1 {
		t.Fatal(v)
	}
}
