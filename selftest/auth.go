package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// authSteps are about sessions: how they begin and what ends them.
func authSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	var steps []step
	for _, c := range channels(g) {
		steps = append(steps,
			step{id: "auth." + c.name, title: "authenticate by " + c.name + ", and with a wrong key", source: "6", run: func(t *trial) { authMethod(t, c) }},
			step{id: "auth.error." + c.name, title: "what an error does to a session by " + c.name, source: "4.5", run: func(t *trial) { authError(t, c) }})
	}
	steps = append(steps,
		step{id: "auth.select-ends", title: "SelectApplication ends a session, also of the same application", source: "6, 20.2", run: authSelect},
		step{id: "auth.no-such-key", title: "key numbers that the application lacks", source: "6", run: authNoKey},
		step{id: "auth.again", title: "one authentication after the other, with other keys", source: "6", run: authAgain})
	steps = append(steps, when(g, wire.FeatureEV1Auth,
		step{id: "auth.wrong-type", title: "methods that do not fit the key", source: "6", run: authWrongType})...)
	steps = append(steps, when(g, wire.FeatureEV2Auth,
		step{id: "auth.nonfirst", title: "AuthenticateEV2NonFirst keeps transaction identifier and counter", source: "6.5", run: authNonFirst},
		step{id: "auth.nonfirst-without-session", title: "AuthenticateEV2NonFirst needs an EV2 session", source: "6.5", run: authNonFirstAlone},
		step{id: "auth.needs-mac", title: "a command without MAC in an EV2 session", source: "5.3", run: authNeedsMAC})...)
	return steps
}

// settingsOfKeys demands default settings, and number and type of the keys.
func (t *trial) settingsOfKeys(ks2 wire.KeySett2) {
	ks := do(t, &wire.GetKeySettings{})
	t.equal("key setting 1", ks.KS1, wire.SettDefault)
	t.equal("number and type of the keys", ks.KS2&0xCF, ks2) // flags may be there
}

func authMethod(t *trial, c channel) {
	k := t.appFor(c)
	t.login(c.method, 3, k)
	session, ok := t.card.Session()
	t.equal("a session", ok, true)
	t.equal("the scheme of the session", session.Scheme, c.scheme)
	// An authentic answer proves the session keys.
	t.settingsOfKeys(wire.NewKeySett2(c.typ.Wire(), 5))
	t.equal("the version of key 3", do(t, &wire.GetKeyVersion{Key: 3}).Versions, []wire.KeyVersion{wire.KeyVersion(k.Version())})
	t.enter(appA)
	err := t.card.AuthenticateWith(t.ctx, c.method, 3, testKey(c.typ, 4))
	want := []wire.Status{wire.StatusAuthenticationError}
	if c.method == key.MethodISO7816 {
		want = []wire.Status{wire.StatusISOSecurityStatus, wire.StatusISOAuthFailed}
	}
	t.refusal(err, "authenticate with a wrong key", want...)
	t.login(c.method, 3, k) // and the right one still works
	do(t, &wire.GetKeySettings{})
}

// authError: D40 sessions survive errors, all others do not (C-38).
func authError(t *trial, c channel) {
	k := t.appFor(c)
	if !c.fragile() {
		t.login(c.method, 0, zero(c.typ.Wire()))
		t.refuses(&wire.GetFileSettings{File: 0x0E}, wire.StatusFileNotFound)
		do(t, &wire.ChangeKeySettings{KS1: wire.SettDefault})
		return
	}
	t.login(c.method, 3, k)
	t.refuses(&wire.GetFileSettings{File: 0x0E}, wire.StatusFileNotFound)
	// The reader believes that the session is over, and asks plainly.
	_, ok := t.card.Session()
	t.equal("a session", ok, false)
	t.refuses(&wire.GetCardUID{}, wire.StatusAuthenticationError)
}

func authSelect(t *trial) {
	t.freeApp()
	m := methodOf(t.gen, key.TypeDES)
	for _, again := range []func(){func() { t.enter(appA) }, t.picc} {
		t.login(m, 0, zero(wire.KeyDES))
		again()
		t.refuses(&wire.ChangeKeySettings{KS1: wire.SettDefault}, wire.StatusAuthenticationError)
		t.enter(appA)
	}
	t.login(m, 0, zero(wire.KeyDES))
	t.refuses(&wire.SelectApplication{AID: appB}, wire.StatusApplicationNotFound)
	t.observeSelection()
}

// observeSelection notes where a card is after SelectApplication of an
// application that is not there, in application appA.
func (t *trial) observeSelection() {
	_, st := t.send(0x6F)
	t.expect("GetFileIDs", st, wire.StatusOK, wire.StatusPermissionDenied, wire.StatusIllegalCommand)
	where := "the application from before"
	if st != wire.StatusOK {
		where = "the card level"
	}
	t.observe("select.failed", "what is selected after SelectApplication was refused (22.2)", "%s", where)
	_, st = t.send(0x54, make([]byte, 8)...)
	t.expect("ChangeKeySettings of 8 bytes without a session", st, wire.StatusAuthenticationError, wire.StatusLengthError, wire.StatusPermissionDenied)
}

func authNoKey(t *trial) {
	t.freeApp()
	m := methodOf(t.gen, key.TypeDES)
	for _, no := range []wire.KeyNo{5, 13} {
		t.refusal(t.card.AuthenticateWith(t.ctx, m, no, zero(wire.KeyDES)), "authenticate with a key that is not there", wire.StatusNoSuchKey)
	}
	t.picc()
	t.refusal(t.card.AuthenticateWith(t.ctx, m, 1, zero(wire.KeyDES)), "authenticate with key 1 of the card level",
		wire.StatusNoSuchKey, wire.StatusPermissionDenied, wire.StatusAuthenticationError)
}

func authAgain(t *trial) {
	t.freeApp()
	m := methodOf(t.gen, key.TypeDES)
	t.create(&wire.CreateStdDataFile{File: fileStd, Option: wire.OptionFull, Access: keyed, Size: 16})
	t.login(m, 1, zero(wire.KeyDES))
	t.refuses(&wire.WriteData{File: fileStd, Data: pattern(4, 1)}, wire.StatusAuthenticationError)
	t.login(m, 2, zero(wire.KeyDES))
	t.write(fileStd, 0, pattern(16, 1))
	t.login(m, 1, zero(wire.KeyDES))
	t.holds(fileStd, 0, pattern(16, 1))
}

func authWrongType(t *trial) {
	begin := func(typ wire.KeyType, cmd wire.Command) {
		t.picc()
		aid := appA + wire.AID(typ)
		do(t, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(typ, 1)})
		t.enter(aid)
		t.refuses(cmd, wire.StatusAuthenticationError)
		t.loginMaster()
		do(t, &wire.DeleteApplication{AID: aid})
	}
	begin(wire.KeyDES, &wire.AuthenticateAES{})
	begin(wire.KeyAES, &wire.AuthenticateISO{})
	begin(wire.KeyAES, &wire.Authenticate{})
	begin(wire.Key3K3DES, &wire.Authenticate{})
	if t.gen.Has(wire.FeatureEV2Auth) {
		begin(wire.Key3K3DES, &wire.AuthenticateEV2First{})
	}
}

func authNonFirst(t *trial) {
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	do(t, &wire.GetKeySettings{})
	before, _ := t.card.Session()
	t.equal("commands counted", before.Counter, uint16(1))
	t.login(key.MethodEV2NonFirst, 1, zero(wire.KeyAES))
	after, _ := t.card.Session()
	t.equal("the transaction identifier", after.TI, before.TI)
	t.equal("the command counter", after.Counter, before.Counter)
	t.equal("the key", after.KeyNo, wire.KeyNo(1))
	do(t, &wire.GetKeySettings{}) // the answer's MAC proves identifier and counter
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	fresh, _ := t.card.Session()
	if fresh.TI == before.TI {
		t.fail("a new session has the transaction identifier %X of the one before", fresh.TI)
	}
}

func authNonFirstAlone(t *trial) {
	t.newApp(wire.KeyAES, 2, wire.SettDefault)
	t.refuses(&wire.AuthenticateEV2NonFirst{}, wire.StatusPermissionDenied)
	t.login(key.MethodAES, 0, zero(wire.KeyAES))
	t.refuses(&wire.AuthenticateEV2NonFirst{}, wire.StatusPermissionDenied)
}

func authNeedsMAC(t *trial) {
	t.newApp(wire.KeyAES, 2, wire.SettDefault)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	_, st := t.send(0x45)
	t.expect("GetKeySettings without MAC", st, wire.StatusLengthError)
	_, st = t.send(0x51)
	t.expect("GetCardUID afterwards", st, wire.StatusAuthenticationError)
}
