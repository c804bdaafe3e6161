package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// keySteps change keys.
func keySteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	var steps []step
	for _, c := range channels(g) {
		if c.method == key.MethodISO7816 {
			continue // the session is that of iso or aes
		}
		steps = append(steps, step{
			id: "key.change." + c.name, title: "ChangeKey of own and other keys, several in a row, in a session by " + c.name,
			source: "7.3", run: func(t *trial) { keyChange(t, c) },
		}, step{
			id: "key.wrong-old." + c.name, title: "ChangeKey against another key than the old one, in a session by " + c.name,
			source: "7.3", run: func(t *trial) { keyWrongOld(t, c) },
		})
	}
	return append(steps,
		step{id: "key.right.master", title: "keys change under the master key", source: "3.3", run: keyRightMaster},
		step{id: "key.right.other", title: "keys change under a key for that", source: "3.3", run: keyRightOther},
		step{id: "key.right.own", title: "each key changes itself", source: "3.3", run: keyRightOwn},
		step{id: "key.version", title: "key versions, in the parity bits of DES keys", source: "3.10", run: keyVersion},
		step{id: "key.errors", title: "ChangeKey without a session, and of a key that is not there", source: "7.3", run: keyErrors})
}

// proved demands that the card holds a key.
func (t *trial) proved(m key.Method, no wire.KeyNo, k *key.Secret) {
	t.enter(appA)
	t.login(m, no, k)
	t.equal("the version of the key", do(t, &wire.GetKeyVersion{Key: no}).Versions, []wire.KeyVersion{wire.KeyVersion(k.Version())})
}

func keyChange(t *trial, c channel) {
	t.newApp(c.typ.Wire(), 4, wire.SettDefault)
	z := zero(c.typ.Wire())
	t.login(c.method, 0, z)
	k := []*key.Secret{testKey(c.typ, 0), testKey(c.typ, 1), testKey(c.typ, 2), testKey(c.typ, 3)}
	change := func(no wire.KeyNo, to, from key.Key) {
		t.ok(t.card.ChangeKey(t.ctx, no, to, from), "ChangeKey of key "+no.String())
	}
	change(1, k[3], z) // three in a row, one key twice
	change(1, k[1], k[3])
	change(2, k[2], z)
	t.settingsOfKeys(wire.NewKeySett2(c.typ.Wire(), 4)) // the session goes on
	change(0, k[0], nil)                                // and is over now
	t.refuses(&wire.ChangeKeySettings{KS1: wire.SettDefault}, wire.StatusAuthenticationError)
	for no := range wire.KeyNo(3) {
		t.proved(c.method, no, k[no])
	}
	t.enter(appA)
	t.refusal(t.card.AuthenticateWith(t.ctx, c.method, 1, z), "authenticate with the key from before", wire.StatusAuthenticationError)
	t.login(c.method, 0, k[0]) // and back, from a session with the new one
	change(1, z, k[1])
	change(0, z, nil)
	t.proved(c.method, 1, z)
	t.proved(c.method, 0, z)
	t.proved(c.method, 2, k[2])
}

func keyWrongOld(t *trial, c channel) {
	t.newApp(c.typ.Wire(), 4, wire.SettDefault)
	z := zero(c.typ.Wire())
	t.login(c.method, 0, z)
	wrong := testKey(c.typ, 7)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(c.typ, 1), wrong), "ChangeKey against a wrong old key", wire.StatusIntegrityError)
	t.proved(c.method, 1, z) // nothing has changed
}

func keyRightMaster(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.newApp(wire.KeyDES, 3, wire.SettDefault)
	t.login(m, 1, z)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), nil), "ChangeKey of key 1 under itself", wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(m, 2, z)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), z), "ChangeKey of key 1 under key 2", wire.StatusAuthenticationError)
	t.proved(m, 1, z)
	t.enter(appA)
	t.login(m, 0, z)
	t.ok(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), z), "ChangeKey of key 1 under the master key")
	t.proved(m, 1, testKey(key.TypeDES, 1))
}

func keyRightOther(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.newApp(wire.KeyDES, 4, wire.SettDefault|wire.SettChangeKey(2))
	t.login(m, 2, z)
	t.ok(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), z), "ChangeKey of key 1 under key 2")
	t.proved(m, 1, testKey(key.TypeDES, 1))
	t.enter(appA)
	t.login(m, 3, z)
	t.refusal(t.card.ChangeKey(t.ctx, 1, z, testKey(key.TypeDES, 1)), "ChangeKey of key 1 under key 3", wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(m, 0, z) // the key for that changes under the master key
	t.ok(t.card.ChangeKey(t.ctx, 2, testKey(key.TypeDES, 2), z), "ChangeKey of key 2 under the master key")
	t.proved(m, 2, testKey(key.TypeDES, 2))
	t.enter(appA)
	t.login(m, 0, z)
	t.refusal(t.card.ChangeKey(t.ctx, 3, testKey(key.TypeDES, 3), z), "ChangeKey of key 3 under the master key", wire.StatusAuthenticationError)
}

func keyRightOwn(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.newApp(wire.KeyDES, 3, wire.SettDefault|wire.SettChangeKey(wire.Free))
	t.login(m, 1, z)
	t.ok(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), nil), "ChangeKey of key 1 under itself")
	t.proved(m, 1, testKey(key.TypeDES, 1))
	t.enter(appA)
	t.login(m, 0, z)
	t.refusal(t.card.ChangeKey(t.ctx, 2, testKey(key.TypeDES, 2), z), "ChangeKey of key 2 under the master key", wire.StatusAuthenticationError)
	t.proved(m, 2, z)
}

func keyVersion(t *trial) {
	for _, typ := range keyTypes(t.gen) {
		t.loginMaster()
		do(t, &wire.FormatPICC{})
		t.picc()
		t.newApp(typ.Wire(), 2, wire.SettDefault)
		z := zero(typ.Wire())
		t.login(methodOf(t.gen, typ), 0, z)
		k := testKey(typ, 1).WithVersion(0xA5)
		t.ok(t.card.ChangeKey(t.ctx, 1, k, z), "ChangeKey")
		v := do(t, &wire.GetKeyVersion{Key: 1}).Versions
		t.equal("the version of the new key", v, []wire.KeyVersion{0xA5})
		t.ok(t.card.ChangeKey(t.ctx, 1, k.WithVersion(0x5A), k), "ChangeKey to the same key with another version")
		t.enter(appA)
		t.equal("the version", do(t, &wire.GetKeyVersion{Key: 1}).Versions, []wire.KeyVersion{0x5A})
		t.login(methodOf(t.gen, typ), 1, k) // of DES keys the version is no part of the key
		t.enter(appA)
		t.refuses(&wire.GetKeyVersion{Key: 2}, wire.StatusNoSuchKey)
	}
}

func keyErrors(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.newApp(wire.KeyDES, 2, wire.SettDefault)
	t.refuses(&wire.ChangeKey{Key: 1, Data: wire.NewSecret(make([]byte, 24))}, wire.StatusAuthenticationError, wire.StatusLengthError)
	t.login(m, 0, z)
	t.refusal(t.card.ChangeKey(t.ctx, 2, testKey(key.TypeDES, 1), z), "ChangeKey of a key that is not there", wire.StatusNoSuchKey)
	t.enter(appA)
	t.login(m, 0, z)
	t.s.tap.flip(-1, 0x01)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeDES, 1), z), "ChangeKey with one bit wrong", wire.StatusIntegrityError)
	t.proved(m, 1, z)
}
