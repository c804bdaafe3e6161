package selftest

import (
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// applicationSteps create, list, select and delete applications.
func applicationSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "application.create", title: "CreateApplication, SelectApplication, DeleteApplication", source: "7.2", run: appCreate},
		{id: "application.parameters", title: "applications that cannot be", source: "7.2", run: appParameters},
		{id: "application.list", title: "a list longer than a frame, in order of creation", source: "7.1", run: appList},
		{id: "application.delete-inside", title: "an application deletes itself", source: "7.2, C-28", run: appDeleteInside},
		{id: "application.frozen", title: "an application with nothing free and nothing changeable", source: "3.3", run: appFrozen},
		{id: "application.without-keys", title: "an application without keys", source: "3.4, C-27", run: appNoKeys},
		{id: "application.settings", title: "ChangeKeySettings of an application", source: "3.3, 7.2", run: appSettings},
	}
	if g == wire.D40 || g == wire.EV1 {
		steps = append(steps, step{id: "application.count", title: "28 applications and no more", source: "3.11", run: appCount})
	}
	steps = append(steps, when(g, wire.FeatureEV1Auth,
		step{id: "application.key-types", title: "applications with each type and number of keys", source: "3.4", run: appKeyTypes})...)
	return append(steps, when(g, wire.FeatureDelegated,
		step{id: "application.two", title: "two applications selected at once", source: "7.2", run: appTwo})...)
}

func desApp(aid wire.AID) *wire.CreateApplication {
	return &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 2)}
}

func appCreate(t *trial) {
	do(t, desApp(appA))
	t.refuses(desApp(appA), wire.StatusDuplicateError)
	do(t, desApp(appB))
	t.equal("the applications", do(t, &wire.GetApplicationIDs{}).AIDs, []wire.AID{appA, appB})
	t.enter(appA)
	t.settingsOfKeys(wire.NewKeySett2(wire.KeyDES, 2))
	t.refuses(desApp(appA+5), wire.StatusPermissionDenied) // not at this level
	t.enter(appA)
	st := t.refuses(&wire.GetApplicationIDs{}, wire.StatusPermissionDenied, wire.StatusIllegalCommand)
	t.observe("list.in-application", "GetApplicationIDs in an application", "%04X", uint16(st))
	t.picc()
	t.refuses(&wire.DeleteApplication{AID: appA}, wire.StatusAuthenticationError) // never free
	t.loginMaster()
	do(t, &wire.DeleteApplication{AID: appA})
	t.equal("the applications", do(t, &wire.GetApplicationIDs{}).AIDs, []wire.AID{appB})
	t.refuses(&wire.DeleteApplication{AID: appA}, wire.StatusApplicationNotFound)
	t.picc()
	t.refuses(&wire.SelectApplication{AID: appA}, wire.StatusApplicationNotFound)
}

func appParameters(t *trial) {
	t.refuses(&wire.CreateApplication{AID: 0, KS1: wire.SettDefault, KS2: 1}, wire.StatusParameterError)
	t.refuses(&wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: 0x0F}, wire.StatusParameterError)
	t.refuses(&wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: 0xC1}, wire.StatusParameterError)
	if t.gen.Has(wire.FeatureISOFiles) {
		for _, fid := range []wire.ISOFID{0x3F00, 0x3FFF, 0xFFFF} {
			a := desApp(appA)
			a.FID = fid
			t.refuses(a, wire.StatusParameterError)
		}
	}
	if !t.gen.Has(wire.FeatureISOFiles) {
		_, st := t.send(0xCA, 0x01, 0xA0, 0xF5, 0x0F, 0x01, 0x01, 0xE1)
		t.expect("CreateApplication with an ISO identifier", st, wire.StatusLengthError)
	}
	_, st := t.send(0xCA, 0x01, 0xA0, 0xF5, 0x0F)
	t.expect("CreateApplication of four bytes", st, wire.StatusLengthError)
	t.equal("the applications", len(do(t, &wire.GetApplicationIDs{}).AIDs), 0)
}

func appList(t *trial) {
	const n = 24 // more than 19, which a frame holds
	var want []wire.AID
	for i := range wire.AID(n) {
		aid := appA + (i*7)%n // not in order of number
		do(t, desApp(aid))
		want = append(want, aid)
	}
	check := func(id, where string) {
		from := len(t.s.tap.answers)
		got := do(t, &wire.GetApplicationIDs{}).AIDs
		t.observe("frames.list."+id, "answer frames of a list of 24 applications "+where, "%v", t.s.tap.answers[from:])
		if !slices.Equal(got, want) {
			t.fail("%s the list is %v; want %v", where, got, want)
		}
	}
	check("none", "without a session")
	t.loginMaster()
	check("session", "in a session")
}

func appDeleteInside(t *trial) {
	do(t, desApp(appA))
	do(t, desApp(appB))
	t.enter(appA)
	t.refuses(&wire.DeleteApplication{AID: appA}, wire.StatusAuthenticationError)
	t.enter(appA)
	m := methodOf(t.gen, key.TypeDES)
	t.login(m, 0, zero(wire.KeyDES))
	t.refuses(&wire.DeleteApplication{AID: appB}, wire.StatusPermissionDenied, wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(m, 0, zero(wire.KeyDES))
	do(t, &wire.DeleteApplication{AID: appA})
	// The card is at its level now, without a session.
	t.equal("the applications", do(t, &wire.GetApplicationIDs{}).AIDs, []wire.AID{appB})
}

func appFrozen(t *trial) {
	m := methodOf(t.gen, key.TypeDES)
	k := zero(wire.KeyDES)
	t.newApp(wire.KeyDES, 2, wire.SettChangeKey(wire.Never))
	t.refuses(&wire.GetKeySettings{}, wire.StatusAuthenticationError)
	t.refuses(&wire.GetFileIDs{}, wire.StatusAuthenticationError)
	t.refuses(stdFile(8), wire.StatusAuthenticationError)
	t.login(m, 0, k)
	t.create(stdFile(8))
	t.equal("the settings", do(t, &wire.GetKeySettings{}).KS1, wire.SettChangeKey(wire.Never))
	t.refuses(&wire.ChangeKeySettings{KS1: wire.SettDefault}, wire.StatusPermissionDenied)
	t.enter(appA)
	t.refuses(&wire.GetFileSettings{File: fileStd}, wire.StatusAuthenticationError)
	t.refuses(&wire.DeleteFile{File: fileStd}, wire.StatusAuthenticationError)
	t.login(m, 0, k)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), k), "ChangeKey of key 1, which is frozen", wire.StatusPermissionDenied)
	t.enter(appA)
	t.login(m, 0, k)
	t.refusal(t.card.ChangeKey(t.ctx, 0, testKey(key.TypeDES, 1), nil), "ChangeKey of the master key, which is frozen", wire.StatusPermissionDenied)
	t.loginMaster() // the card's master key is above all that
	do(t, &wire.DeleteApplication{AID: appA})
}

func appNoKeys(t *trial) {
	cmd := &wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 0)}
	st := t.outcome(cmd)
	t.observe("C-27", "an application without keys", "%04X", uint16(st))
	if st != wire.StatusOK {
		t.expect("CreateApplication without keys", st, wire.StatusParameterError)
		return
	}
	t.enter(appA)
	t.equal("the number of keys", do(t, &wire.GetKeySettings{}).KS2.Keys(), 0)
	t.refusal(t.card.AuthenticateWith(t.ctx, methodOf(t.gen, key.TypeDES), 0, zero(wire.KeyDES)), "authenticate", wire.StatusNoSuchKey, wire.StatusAuthenticationError)
	t.enter(appA)
	t.create(stdFile(16))
	t.write(fileStd, 0, pattern(16, 1))
	t.holds(fileStd, 0, pattern(16, 1))
}

func appSettings(t *trial) {
	m := methodOf(t.gen, key.TypeDES)
	k := zero(wire.KeyDES)
	t.newApp(wire.KeyDES, 2, wire.SettDefault)
	t.refuses(&wire.ChangeKeySettings{KS1: 0x0B}, wire.StatusAuthenticationError)
	t.login(m, 1, k)
	t.refuses(&wire.ChangeKeySettings{KS1: 0x0B}, wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(m, 0, k)
	do(t, &wire.ChangeKeySettings{KS1: wire.SettDefault &^ wire.SettFreeCreate})
	t.enter(appA)
	t.equal("the settings", do(t, &wire.GetKeySettings{}).KS1, wire.SettDefault&^wire.SettFreeCreate)
	t.refuses(stdFile(8), wire.StatusAuthenticationError)
	t.login(m, 0, k)
	t.create(stdFile(8))
	do(t, &wire.ChangeKeySettings{KS1: wire.SettDefault &^ (wire.SettFreeDirectory | wire.SettChangeable)})
	t.enter(appA)
	t.refuses(&wire.GetFileIDs{}, wire.StatusAuthenticationError)
	t.refuses(&wire.GetFileSettings{File: fileStd}, wire.StatusAuthenticationError)
	t.login(m, 0, k)
	t.refuses(&wire.ChangeKeySettings{KS1: wire.SettDefault}, wire.StatusPermissionDenied)
}

func appCount(t *trial) {
	for i := range wire.AID(28) {
		do(t, desApp(appA+i))
	}
	t.refuses(desApp(appA+28), wire.StatusCountError)
	t.equal("the number of applications", len(do(t, &wire.GetApplicationIDs{}).AIDs), 28)
}

func appKeyTypes(t *trial) {
	for i, typ := range []wire.KeyType{wire.KeyDES, wire.Key3K3DES, wire.KeyAES} {
		aid := appA + wire.AID(i)
		t.picc()
		do(t, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(typ, 14)})
		t.enter(aid)
		t.settingsOfKeys(wire.NewKeySett2(typ, 14))
		t.login(methodOf(t.gen, key.FromWire(typ)), 13, zero(typ))
		t.equal("the version of key 13", do(t, &wire.GetKeyVersion{Key: 13}).Versions, []wire.KeyVersion{0})
	}
}

// The public sources on this are thin: only what goes wrong within what works
// is judged.
func appTwo(t *trial) {
	t.freeApp()
	t.create(stdFile(16))
	t.picc()
	do(t, desApp(appB))
	t.enter(appB)
	t.create(stdFile(16))
	t.picc()
	st := t.outcome(&wire.SelectApplication{AID: appA, Second: appB})
	t.observe("select.two", "SelectApplication of two applications", "%04X", uint16(st))
	if st != wire.StatusOK {
		t.expect("SelectApplication of two", st, wire.StatusPermissionDenied)
		return
	}
	do(t, &wire.WriteData{File: fileStd, Data: pattern(16, 1)})
	do(t, &wire.WriteData{File: fileStd | 0x80, Data: pattern(16, 2)})
	t.equal("the file of the second application", do(t, &wire.ReadData{File: fileStd | 0x80, Length: 16}).Data, pattern(16, 2))
	t.enter(appA)
	t.holds(fileStd, 0, pattern(16, 1))
	t.enter(appB)
	t.holds(fileStd, 0, pattern(16, 2))
	t.refuses(&wire.SelectApplication{AID: appA, Second: appA + 9}, wire.StatusApplicationNotFound)
}
