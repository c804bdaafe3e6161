package selftest

import (
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// piccSteps are about the card level.
func piccSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "picc.format", title: "FormatPICC deletes all, and needs the master key", source: "7.1", run: piccFormat},
		{id: "picc.key-settings", title: "settings of the card: free lists, free creation, frozen or not", source: "3.2", run: piccSettings},
		{id: "picc.master-key", title: "the master key changes through every type and back", source: "7.3, 21.3", run: piccMasterKey},
	}
	steps = append(steps, when(g, wire.FeatureEV1Commands,
		step{id: "picc.memory", title: "what files and applications cost, and when it comes back", source: "3.11, 7.1", run: piccMemory},
		step{id: "picc.df-names", title: "GetDFNames, one application a frame", source: "7.1", run: piccDFNames},
		step{id: "picc.df-names-in-session", title: "GetDFNames in an EV1 session", source: "7.1", run: piccDFNamesInSession})...)
	steps = append(steps, when(g, wire.FeatureCardUID,
		step{id: "picc.default-key", title: "SetConfiguration: the default key of new applications", source: "7.1", run: piccDefaultKey},
		step{id: "picc.configuration-errors", title: "SetConfiguration refuses what it does not know", source: "7.1", run: piccConfigErrors},
		step{id: "picc.uid", title: "GetCardUID in every kind of session", source: "7.1", run: piccUID})...)
	return steps
}

func piccFormat(t *trial) {
	t.freeApp()
	t.create(stdFile(32))
	t.login(methodOf(t.gen, key.TypeDES), 0, zero(wire.KeyDES))
	t.refuses(&wire.FormatPICC{}, wire.StatusPermissionDenied) // at the application level
	t.picc()
	t.refuses(&wire.FormatPICC{}, wire.StatusAuthenticationError)
	t.equal("the applications", do(t, &wire.GetApplicationIDs{}).AIDs, []wire.AID{appA})
	t.loginMaster()
	do(t, &wire.FormatPICC{})
	again := t.outcome(&wire.FormatPICC{})
	t.expect("a second format", again, wire.StatusOK, wire.StatusAuthenticationError)
	t.observe("C-33", "a second FormatPICC in the same session", "%04X", uint16(again))
	t.picc()
	t.equal("the applications after a format", len(do(t, &wire.GetApplicationIDs{}).AIDs), 0)
	t.refuses(&wire.SelectApplication{AID: appA}, wire.StatusApplicationNotFound)
}

func piccSettings(t *trial) {
	set := func(ks wire.KeySett1) {
		t.loginMaster()
		do(t, &wire.ChangeKeySettings{KS1: ks})
		t.equal("the settings in the session", do(t, &wire.GetKeySettings{}).KS1, ks)
		t.picc()
	}
	t.refuses(&wire.ChangeKeySettings{KS1: wire.SettDefault}, wire.StatusAuthenticationError)
	set(wire.SettDefault &^ wire.SettFreeDirectory)
	t.refuses(&wire.GetApplicationIDs{}, wire.StatusAuthenticationError)
	t.refuses(&wire.GetKeySettings{}, wire.StatusAuthenticationError)
	t.loginMaster()
	do(t, &wire.GetApplicationIDs{})

	set(wire.SettDefault &^ wire.SettFreeCreate)
	app := &wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}
	t.refuses(app, wire.StatusAuthenticationError)
	t.loginMaster()
	do(t, app)
	t.picc()
	t.refuses(&wire.DeleteApplication{AID: appA}, wire.StatusAuthenticationError)
	// The application's own master key is not enough now (C-28).
	t.enter(appA)
	t.login(methodOf(t.gen, key.TypeDES), 0, zero(wire.KeyDES))
	t.refuses(&wire.DeleteApplication{AID: appA}, wire.StatusAuthenticationError)
	t.loginMaster()
	do(t, &wire.DeleteApplication{AID: appA})
	set(wire.SettDefault)
	do(t, app)
}

func piccMasterKey(t *trial) {
	from := t.s.master
	for i, typ := range append(keyTypes(t.gen), key.TypeDES) {
		to := testKey(typ, 0)
		if i == len(keyTypes(t.gen)) {
			to = t.s.master
		}
		t.changeMaster(from, to)
		from = to
	}
	t.loginMaster()
	do(t, &wire.GetApplicationIDs{})
}

// changeMaster changes the master key of the card and proves the new one.
func (t *trial) changeMaster(from, to *key.Secret) {
	t.picc()
	t.login(methodOf(t.gen, from.Type()), 0, from)
	t.ok(t.card.ChangeKey(t.ctx, 0, to, nil), "ChangeKey of the master key to "+to.Type().String())
	t.picc() // the session is over
	t.login(methodOf(t.gen, to.Type()), 0, to)
	ks := do(t, &wire.GetKeySettings{})
	t.equal("the settings", ks.KS1, wire.SettDefault)
	t.observe("picc.key-settings."+to.Type().String(), "GetKeySettings at the card level with a "+to.Type().String()+" master key (22.2)", "%02X %02X", uint8(ks.KS1), uint8(ks.KS2))
	v, err := t.card.KeyVersion(t.ctx, 0)
	t.ok(err, "GetKeyVersion")
	t.equal("the version of the new master key", v, to.Version())
}

func piccMemory(t *trial) {
	free := func() int { return int(do(t, &wire.FreeMemory{}).Bytes) }
	empty := free()
	t.observe("memory.empty", "free memory after a format (22.2)", "%d bytes", empty)
	do(t, &wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)})
	withApp := free()
	t.enter(appA)
	t.create(stdFile(64))
	withStd := free()
	t.create(backupFile(64))
	withBackup := free()
	if withApp >= empty || withStd > withApp-64 || withBackup > withStd-128 {
		t.fail("free: %d empty, %d with an application, %d with a file of 64 bytes, %d with a backup file of 64", empty, withApp, withStd, withBackup)
	}
	t.observe("memory.application", "what an application with one DES key costs", "%d bytes", empty-withApp)
	t.observe("memory.standard", "what a standard file of 64 bytes costs", "%d bytes", withApp-withStd)
	t.observe("memory.backup", "what a backup file of 64 bytes costs", "%d bytes", withStd-withBackup)
	do(t, &wire.DeleteFile{File: fileStd})
	t.equal("free memory after DeleteFile", free(), withBackup)
	t.loginMaster()
	do(t, &wire.DeleteApplication{AID: appA})
	if got := free(); got > withApp {
		t.fail("free memory after DeleteApplication is %d, more than before its files were made", got)
	}
	do(t, &wire.FormatPICC{})
	t.picc()
	t.equal("free memory after a format", free(), empty)
}

func piccDFNames(t *trial) {
	t.equal("names on an empty card", len(do(t, &wire.GetDFNames{}).Applications), 0)
	named := []wire.DFName{
		{AID: appA, FID: 0xF501, Name: []byte("selftest.a")},
		{AID: appB, FID: 0xF502, Name: []byte("selftest.b.16byt")},
	}
	do(t, &wire.CreateApplication{AID: appA + 8, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)})
	for _, n := range named {
		do(t, &wire.CreateApplication{AID: n.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1), FID: n.FID, DFName: n.Name})
	}
	t.equal("the names", do(t, &wire.GetDFNames{}).Applications, named)
	for _, n := range named { // names and identifiers are unique
		t.refuses(&wire.CreateApplication{AID: appA + 9, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1), FID: n.FID, DFName: []byte("x")}, wire.StatusDuplicateError)
		t.refuses(&wire.CreateApplication{AID: appA + 9, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1), FID: 0xF509, DFName: n.Name}, wire.StatusDuplicateError)
	}
	t.freeFrame()
}

// freeFrame notes how the list of applications is cut.
func (t *trial) freeFrame() {
	do(t, &wire.CreateApplication{AID: appA + 10, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1), FID: 0xF50A})
	list := do(t, &wire.GetDFNames{}).Applications
	t.observe("df-names.without-name", "an application with an ISO identifier and no name", "listed: %v", len(list) == 3)
}

// Silicon was seen to answer C1, or to fall silent, so this is no judgement.
func piccDFNamesInSession(t *trial) {
	do(t, &wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1), FID: 0xF501, DFName: []byte("selftest")})
	t.loginMaster()
	saw := "the list, as outside"
	list, err := desfire.Do(t.ctx, t.card, &wire.GetDFNames{})
	switch st, refused := statusOf(err); {
	case refused:
		saw = st.Error()
	case err != nil:
		saw = err.Error()
	case len(list.Applications) != 1:
		t.fail("%d names; want 1", len(list.Applications))
	}
	t.observe("df-names.session", "GetDFNames in a session with the master key", "%s", saw)
	t.anew()
	t.equal("the names outside", len(do(t, &wire.GetDFNames{}).Applications), 1)
}

func piccDefaultKey(t *trial) {
	k := testKey(key.TypeAES, 5)
	set := &wire.DefaultKey{Key: wire.NewSecret(append(k.Export(), make([]byte, 8)...)), Version: 0x5A}
	t.loginMaster()
	do(t, &wire.SetConfiguration{Setting: set})
	do(t, &wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)})
	t.enter(appA)
	t.login(key.MethodAES, 1, k)
	v, err := t.card.KeyVersion(t.ctx, 1)
	t.ok(err, "GetKeyVersion")
	t.equal("the version of a key of the new application", v, byte(0x5A))
	t.loginMaster()
	do(t, &wire.SetConfiguration{Setting: &wire.DefaultKey{Key: wire.NewSecret(make([]byte, 24))}})
	do(t, &wire.CreateApplication{AID: appB, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)})
	t.enter(appB)
	t.login(key.MethodAES, 1, zero(wire.KeyAES))
}

func piccConfigErrors(t *trial) {
	unknown := &wire.SetConfiguration{Setting: &wire.RawSetting{Opt: 0x3F, Data: []byte{0}}}
	t.refuses(unknown, wire.StatusAuthenticationError, wire.StatusLengthError)
	t.loginMaster()
	t.refuses(unknown, wire.StatusParameterError)
	t.loginMaster()
	t.refuses(&wire.SetConfiguration{Setting: &wire.RawSetting{Opt: wire.ConfigDefaultKey, Data: make([]byte, 8)}},
		wire.StatusLengthError, wire.StatusIntegrityError) // where the card expects the CRC tells
	t.freeApp()
	t.login(methodOf(t.gen, key.TypeDES), 0, zero(wire.KeyDES))
	t.refuses(&wire.SetConfiguration{Setting: &wire.DefaultKey{Key: wire.NewSecret(make([]byte, 24))}}, wire.StatusPermissionDenied)
}

func piccUID(t *trial) {
	want := t.s.conf.WipeCard
	for _, c := range channels(t.gen) {
		t.picc()
		do(t, &wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(c.typ.Wire(), 1)})
		t.enter(appA)
		t.login(c.method, 0, zero(c.typ.Wire()))
		uid, err := desfire.Do(t.ctx, t.card, &wire.GetCardUID{})
		if c.scheme == wire.SchemeD40 {
			saw := "CRC16 over the UID"
			if err != nil {
				if !errors.As(err, new(*desfire.IntegrityError)) {
					t.ok(err, "GetCardUID in a session by "+c.name)
				}
				saw = "not CRC16 over the UID"
			}
			t.observe("C-9", "GetCardUID in a D40 session", "%s", saw)
		} else {
			t.ok(err, "GetCardUID in a session by "+c.name)
		}
		if err == nil {
			t.equal("the UID in a session by "+c.name, uid.UID, want)
		}
		t.loginMaster()
		do(t, &wire.DeleteApplication{AID: appA})
	}
}
