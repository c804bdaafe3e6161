package trace

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// changeMaster changes the PICC master key to one of another type, which the
// top bits of the key number tell.
func (g *generator) changeMaster(to *key.Secret) {
	g.t.Helper()
	k := securemsg.KeyChange{Code: insChangeKey, Head: []byte{byte(to.Type().Wire()) << 6}, New: to}
	sent, err := securemsg.SealKeyChange(context.Background(), g.pcd, nil, k)
	g.must(err)
	g.frames(insChangeKey, sent, nil, wire.StatusOK)
	g.keys[0], g.pcd, g.picc = to, nil, nil
}

// The first key opens the session; every later one is learned from the change
// before it.
func TestMasterKeyChangesItsType(t *testing.T) {
	method := map[key.Type]key.Method{
		key.TypeDES: key.MethodISO, key.Type2K3DES: key.MethodISO, key.Type3K3DES: key.MethodISO, key.TypeAES: key.MethodAES,
	}
	order := []key.Type{key.TypeAES, key.Type3K3DES, key.TypeDES, key.Type2K3DES, key.TypeAES, key.TypeAES, key.TypeDES}
	for seed := range uint64(20) {
		g := newGenerator(t, 1000+seed)
		first := key.Zero(key.TypeDES)
		g.keys[0] = first
		g.selectApp([3]byte{})
		for _, typ := range order {
			g.authenticate(method[g.keys[0].Type()], 0)
			g.do(&wire.GetKeyVersion{}, 0, []byte{g.keys[0].Version()})
			g.changeMaster(g.key(typ))
		}
		g.authenticate(method[g.keys[0].Type()], 0)
		r := Verify(g.rec, &VerifyConfig{Keys: []Key{{No: -1, Value: first}}})
		if r.Verdict != Verified || r.Authentications != g.auths || r.MACs != g.macs || r.CRCs != len(order) {
			t.Errorf("seed %d: %v, %d of %d authentications, %d of %d MACs, %d of %d CRCs: %s",
				seed, r.Verdict, r.Authentications, g.auths, r.MACs, g.macs, r.CRCs, len(order), r.Reason())
		}
	}
}
