package selftest

import (
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// delegatedSteps are about delegated applications of EV2 and EV3.
func delegatedSteps(g wire.Generation) []step {
	return when(g, wire.FeatureDelegated,
		step{id: "delegation.no-session", title: "CreateDelegatedApplication without a session", source: "7.5", run: damRefused},
		step{id: "delegation.create", title: "a delegated application under keys of our own", source: "7.5", lasting: true, run: damCreate})
}

func damCommand() *wire.CreateDelegatedApplication {
	return &wire.CreateDelegatedApplication{AID: appA, Slot: 0, Quota: 64, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2),
		EncK: wire.NewSecret(make([]byte, wire.EncKSize))}
}

func damRefused(t *trial) {
	t.refuses(damCommand(), wire.StatusAuthenticationError)
	t.refuses(&wire.GetDelegatedInfo{}, wire.StatusApplicationNotFound)
	t.equal("the applications", len(do(t, &wire.GetApplicationIDs{}).AIDs), 0)
}

// damKeys sets the keys for delegated applications, to zeros: they stay.
func (t *trial) damKeys() *key.Secret {
	z := key.Zero(key.TypeAES)
	t.setPICCKeys(z, 0x10, 0x11, 0x12)
	return z
}

// setPICCKeys sets special keys of the card level. What a key was before that was
// never set counts as zeros.
func (t *trial) setPICCKeys(k *key.Secret, numbers ...wire.KeyNo) {
	for _, no := range numbers {
		t.loginMaster()
		t.ok(t.card.ChangeKey(t.ctx, no, k, key.Zero(key.TypeAES)), "ChangeKey of key "+no.String()+" of the card level")
	}
	t.picc()
}

func damCreate(t *trial) {
	z := t.damKeys()
	app := testKey(key.TypeAES, 4)
	cmd := damCommand()
	var err error
	cmd.EncK, err = dam.EncK(t.ctx, z, [7]byte(pattern(7, 1)), app)
	t.ok(err, "EncK")
	cmd.DAMMAC, err = dam.CreateMAC(t.ctx, z, cmd)
	t.ok(err, "DAMMAC")
	t.login(key.MethodAES, 0x10, z)
	bad := *cmd
	bad.DAMMAC[0] ^= 1
	t.refuses(&bad, wire.StatusIntegrityError)
	t.picc()
	t.login(key.MethodAES, 0x10, z)
	do(t, cmd)
	t.equal("the applications", do(t, &wire.GetApplicationIDs{}).AIDs, []wire.AID{appA})
	t.picc()
	info := do(t, &wire.GetDelegatedInfo{})
	t.equal("the application of the slot", info.AID, appA)
	t.equal("the quota of the slot", info.Quota, uint16(64))
	t.enter(appA)
	t.login(key.MethodAES, 1, app) // the default key inside EncK
	v := do(t, &wire.GetKeyVersion{Key: 1}).Versions
	where := "31"
	if v[0] != wire.KeyVersion(app.Version()) {
		where = "not 31"
	}
	t.observe("C-11", "place of the key version in EncK", "%s (the version is %v)", where, v[0])
	t.create(stdFile(32))
	t.write(fileStd, 0, pattern(32, 1))
	t.holds(fileStd, 0, pattern(32, 1))
	mac, err := dam.DeleteMAC(t.ctx, z, appA)
	t.ok(err, "DAMMAC")
	t.picc()
	t.login(key.MethodAES, 0x10, z)
	st := t.outcome(&wire.DeleteApplication{AID: appA, DAMMAC: mac[:]})
	t.observe("delegation.delete", "DeleteApplication with a DAMMAC under the DAM key", "%04X", uint16(st))
}
