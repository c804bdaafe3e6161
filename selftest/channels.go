package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// channel is a way to a session: a method and a type of key.
type channel struct {
	name   string // part of step IDs
	method key.Method
	typ    key.Type
	scheme wire.Scheme
}

// channels are those of a generation whose applications can be created.
func channels(g wire.Generation) []channel {
	if !classic(g) {
		return nil
	}
	list := []channel{
		{"d40-des", key.MethodD40, key.TypeDES, wire.SchemeD40},
		{"d40-2k3des", key.MethodD40, key.Type2K3DES, wire.SchemeD40},
	}
	if g.Has(wire.FeatureEV1Auth) {
		list = append(list,
			channel{"iso-des", key.MethodISO, key.TypeDES, wire.SchemeEV1},
			channel{"iso-2k3des", key.MethodISO, key.Type2K3DES, wire.SchemeEV1},
			channel{"iso-3k3des", key.MethodISO, key.Type3K3DES, wire.SchemeEV1},
			channel{"aes", key.MethodAES, key.TypeAES, wire.SchemeEV1})
	}
	if g.Has(wire.FeatureEV2Auth) {
		list = append(list, channel{"ev2", key.MethodEV2First, key.TypeAES, wire.SchemeEV2})
	}
	if g.Has(wire.FeatureISOAuth) {
		list = append(list,
			channel{"iso7816-des", key.MethodISO7816, key.TypeDES, wire.SchemeEV1},
			channel{"iso7816-3k3des", key.MethodISO7816, key.Type3K3DES, wire.SchemeEV1},
			channel{"iso7816-aes", key.MethodISO7816, key.TypeAES, wire.SchemeEV1})
	}
	return list
}

// secured reports whether the scheme ends with an error status.
func (c channel) fragile() bool { return c.scheme != wire.SchemeD40 }

// needs skips a step whose channel the framing cannot carry.
func (t *trial) needs(c channel) {
	if c.method == key.MethodISO7816 {
		t.needsISO()
	}
}

// appFor makes an application with five keys of the channel's type, of which
// number 3 is a test key and the others are zeros.
func (t *trial) appFor(c channel) (k3 *key.Secret) {
	t.needs(c)
	t.newApp(c.typ.Wire(), 5, wire.SettDefault)
	k3 = testKey(c.typ, 3)
	t.login(c.method, 0, zero(c.typ.Wire()))
	t.ok(t.card.ChangeKey(t.ctx, 3, k3, zero(c.typ.Wire())), "ChangeKey of key 3")
	t.enter(appA)
	return k3
}
