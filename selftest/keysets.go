package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// keySetSteps are about key sets of EV2 and EV3.
func keySetSteps(g wire.Generation) []step {
	return when(g, wire.FeatureKeySets,
		step{id: "keyset.roll", title: "initialize, fill, finalize and roll a key set", source: "7.4", run: keySetRoll},
		step{id: "keyset.errors", title: "key sets that are not there, not ready or not allowed", source: "7.4, HN 7", run: keySetErrors},
		step{id: "keyset.parameters", title: "applications with impossible key sets", source: "7.2, C-7", run: keySetParameters})
}

// keySetApp has three AES keys in three sets; key 1 rolls.
func keySetApp() *wire.CreateApplication {
	return &wire.CreateApplication{
		AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3) | wire.SettHasKS3, KS3: wire.SettKeySets,
		KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 3, MaxKeySize: 16, AppKeySetSett: 1},
	}
}

func keySetRoll(t *trial) {
	z := zero(wire.KeyAES)
	t.makeApp(keySetApp())
	ks := do(t, &wire.GetKeySettings{})
	t.equal("the number of key sets", ks.NoKeySets, uint8(3))
	t.equal("the roll key", ks.AppKeySetSett, uint8(1))
	t.login(key.MethodEV2First, 0, z)
	do(t, &wire.InitializeKeySet{Set: 1, Type: wire.KeySetType(wire.KeyAES)})
	fill := make([]*key.Secret, 3)
	for no := range wire.KeyNo(3) {
		fill[no] = testKey(key.TypeAES, int(no))
		t.ok(t.card.ChangeKeyInSet(t.ctx, 1, no, fill[no], z), "ChangeKeyEV2")
	}
	t.equal("the version of a key in the set", do(t, &wire.GetKeyVersion{Key: 2, Set: 1}).Versions, []wire.KeyVersion{wire.KeyVersion(fill[2].Version())})
	t.refuses(&wire.RollKeySet{Set: 1}, wire.StatusPermissionDenied, wire.StatusAuthenticationError) // not finalized
	t.enter(appA)
	t.login(key.MethodEV2First, 0, z)
	do(t, &wire.FinalizeKeySet{Set: 1, Version: 5})
	t.equal("the versions of the sets", do(t, &wire.GetKeyVersion{Set: wire.AllKeySets}).Versions, []wire.KeyVersion{1, 5, 0})
	t.refuses(&wire.RollKeySet{Set: 1}, wire.StatusAuthenticationError) // not the roll key
	t.enter(appA)
	t.login(key.MethodEV2First, 1, z)
	do(t, &wire.RollKeySet{Set: 1}) // its answer has no MAC, the session is over
	t.refuses(&wire.GetCardUID{}, wire.StatusAuthenticationError)
	for no, k := range fill {
		t.enter(appA)
		t.login(key.MethodEV2First, wire.KeyNo(no), k)
	}
	versions := do(t, &wire.GetKeyVersion{Set: wire.AllKeySets}).Versions
	t.observe("keyset.numbers", "versions of the sets after rolling from version 1 to set 1 of version 5", "%v", versions)
	t.enter(appA)
	t.refusal(t.card.AuthenticateWith(t.ctx, key.MethodEV2First, 0, z), "authenticate with a key of the set from before", wire.StatusAuthenticationError)
}

func keySetErrors(t *trial) {
	z := zero(wire.KeyAES)
	in := func(aid wire.AID, no wire.KeyNo) {
		t.enter(aid)
		t.login(key.MethodEV2First, no, z)
	}
	t.makeApp(keySetApp())
	aes := wire.KeySetType(wire.KeyAES)
	in(appA, 1)
	t.refuses(&wire.InitializeKeySet{Set: 1, Type: aes}, wire.StatusAuthenticationError)
	in(appA, 0)
	st := t.refuses(&wire.InitializeKeySet{Set: 0, Type: aes}, wire.StatusParameterError)
	in(appA, 0)
	high := t.refuses(&wire.InitializeKeySet{Set: 3, Type: aes}, wire.StatusParameterError, wire.StatusNoSuchKey)
	t.observe("keyset.number", "InitializeKeySet of set 0, and of one too many", "%04X, %04X", uint16(st), uint16(high))
	in(appA, 0)
	t.refuses(&wire.InitializeKeySet{Set: 1, Type: wire.KeySetType(wire.Key3K3DES)}, wire.StatusParameterError) // 24 bytes
	in(appA, 0)
	t.refuses(&wire.FinalizeKeySet{Set: 1, Version: 3}, wire.StatusPermissionDenied) // not initialized
	in(appA, 0)
	do(t, &wire.InitializeKeySet{Set: 1, Type: aes})
	t.refuses(&wire.FinalizeKeySet{Set: 1, Version: 0}, wire.StatusParameterError)
	in(appA, 0)
	do(t, &wire.FinalizeKeySet{Set: 1, Version: 3})
	t.refuses(&wire.FinalizeKeySet{Set: 1, Version: 4}, wire.StatusPermissionDenied)
	in(appA, 1)
	t.refuses(&wire.RollKeySet{Set: 0}, wire.StatusParameterError) // the active one
	t.picc()
	do(t, &wire.CreateApplication{AID: appB, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)})
	in(appB, 0)
	t.refuses(&wire.InitializeKeySet{Set: 1, Type: aes}, wire.StatusPermissionDenied)
}

func keySetParameters(t *trial) {
	for _, change := range []func(*wire.CreateApplication){
		func(a *wire.CreateApplication) { a.NoKeySets = 1 },
		func(a *wire.CreateApplication) { a.NoKeySets = 17 },
		func(a *wire.CreateApplication) { a.MaxKeySize = 17 },
		func(a *wire.CreateApplication) { a.AppKeySetSett = 0x0F },
	} {
		a := keySetApp()
		change(a)
		t.refuses(a, wire.StatusParameterError)
	}
	do(t, keySetApp())
}
