package trace

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// kinds are the ways to open a session.
var kinds = []struct {
	name   string
	method key.Method
	typ    key.Type
}{
	{"D40 DES", key.MethodD40, key.TypeDES},
	{"D40 2K3DES", key.MethodD40, key.Type2K3DES},
	{"ISO DES", key.MethodISO, key.TypeDES},
	{"ISO 2K3DES", key.MethodISO, key.Type2K3DES},
	{"ISO 3K3DES", key.MethodISO, key.Type3K3DES},
	{"AES", key.MethodAES, key.TypeAES},
	{"EV2", key.MethodEV2First, key.TypeAES},
	{"LRP", key.MethodLRPFirst, key.TypeAES},
	{"7816 DES", key.MethodISO7816, key.TypeDES},
	{"7816 2K3DES", key.MethodISO7816, key.Type2K3DES},
	{"7816 3K3DES", key.MethodISO7816, key.Type3K3DES},
	{"7816 AES", key.MethodISO7816, key.TypeAES},
}

func (g *generator) key(t key.Type) *key.Secret {
	n := t.Size()
	if t == key.TypeDES {
		n = 8
	}
	k, err := key.New(t, g.bytes(n), byte(g.r.Uint32()))
	g.must(err)
	return k
}

// session records a session of random commands and returns the keys that
// verify it.
func (g *generator) session(method key.Method, typ key.Type, steps int) []Key {
	var known []Key
	for no := range wire.KeyNo(4) {
		g.keys[no] = g.key(typ)
	}
	app := [3]byte(g.bytes(3))
	for no, k := range g.keys {
		place := Key{No: int(no), Value: k}
		if g.r.IntN(2) == 0 {
			place.App = &app
		}
		known = append(known, place)
	}
	for range 3 { // and some that do not fit
		known = append(known, Key{No: -1, Value: g.key(typ)})
	}
	g.r.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	g.selectApp(app)
	g.authenticate(method, 0)
	modes := [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull}
	files := map[wire.FileNo]wire.CommMode{}
	for no := range wire.FileNo(6) {
		files[no] = modes[no%3]
		if g.r.IntN(3) > 0 { // the others are not told
			g.do(&wire.CreateStdDataFile{File: no, Option: wire.FileOption(modes[no%3]), Size: 500}, 0, nil)
		}
	}
	for range steps {
		if g.pcd == nil {
			g.authenticate(method, wire.KeyNo(g.r.IntN(4)))
		}
		no := wire.FileNo(g.r.IntN(6))
		n := 1 + g.r.IntN(120)
		switch g.r.IntN(14) {
		case 0:
			g.do(&wire.GetVersion{}, 0, g.bytes(28))
		case 1, 2:
			g.do(&wire.WriteData{File: no, Offset: uint32(g.r.IntN(50)), Data: g.bytes(n)}, files[no], nil)
		case 3, 4:
			g.do(&wire.ReadData{File: no, Length: uint32(n)}, files[no], g.bytes(n))
		case 5:
			if g.scheme != wire.SchemeD40 || files[no] != wire.CommPlain {
				g.do(&wire.ReadData{File: no}, files[no], g.bytes(n))
			}
		case 6:
			g.do(&wire.Credit{File: no, Amount: int32(g.r.IntN(1e6))}, files[no], nil)
		case 7:
			g.do(&wire.GetValue{File: no}, files[no], g.bytes(4))
		case 8:
			g.do(&wire.CommitTransaction{}, 0, nil)
		case 9:
			g.do(&wire.GetCardUID{}, 0, g.bytes(7))
		case 10:
			g.do(&wire.ChangeKeySettings{KS1: 0x0F}, 0, nil)
		case 11:
			g.refuse(&wire.DeleteFile{File: 9})
		case 12:
			g.change(wire.KeyNo(g.r.IntN(4)), g.key(typ))
		case 13:
			switch {
			case method == key.MethodEV2First:
				g.authenticate(key.MethodEV2NonFirst, wire.KeyNo(g.r.IntN(4)))
			case method == key.MethodLRPFirst:
				g.authenticate(key.MethodLRPNonFirst, wire.KeyNo(g.r.IntN(4)))
			}
		}
	}
	return known
}

func TestVerifyGeneratedSessions(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			seeds, flipped := uint64(25), uint64(5)
			if kind.method == key.MethodLRPFirst { // slow
				seeds, flipped = 6, 1
			}
			if testing.Short() {
				seeds, flipped = 2, 1
			}
			for seed := range seeds {
				g := newGenerator(t, seed*100+uint64(kind.method))
				known := g.session(kind.method, kind.typ, 25)
				r := Verify(g.rec, &VerifyConfig{Keys: known})
				if r.Verdict != Verified || r.Authentications != g.auths || r.MACs != g.macs || r.CRCs < g.crcs {
					t.Fatalf("seed %d: %v, %d authentications of %d, %d MACs of %d, %d CRCs of %d: %s", seed,
						r.Verdict, r.Authentications, g.auths, r.MACs, g.macs, r.CRCs, g.crcs, r.Reason())
				}
				if seed >= flipped {
					continue
				}
				for j, i := range g.sealed {
					if testing.Short() && j%4 != 0 {
						continue
					}
					n := 8 * len(g.rec.Exchanges[i].Response)
					bit := g.r.IntN(n)
					r := Verify(with(g.rec, i, func(b []byte) { b[bit/8] ^= 1 << (bit % 8) }), &VerifyConfig{Keys: known})
					if r.Verdict != Failed {
						t.Errorf("seed %d: exchange %d, bit %d of byte %d of %d (%X %X): %v (%s)", seed, i, bit%8, bit/8, n/8,
							g.rec.Exchanges[i].Command, g.rec.Exchanges[i].Response, r.Verdict, r.Reason())
					}
				}
			}
		})
	}
}

func TestGeneratedSessionsWithoutKeys(t *testing.T) {
	for _, kind := range kinds {
		g := newGenerator(t, rand.Uint64())
		g.session(kind.method, kind.typ, 10)
		r := Verify(g.rec, nil)
		if r.Verdict != Unverifiable || r.MACs+r.CRCs+r.Authentications > 0 || r.Reason() == "" {
			t.Errorf("%s: %v, %s", kind.name, r.Verdict, r.Reason())
		}
		r = Verify(g.rec, &VerifyConfig{Keys: []Key{{No: -1, Value: g.key(kind.typ)}}})
		if r.Verdict != Unverifiable || r.MACs+r.CRCs+r.Authentications > 0 {
			t.Errorf("%s with another key: %v, %s", kind.name, r.Verdict, r.Reason())
		}
		for _, l := range Explain(g.rec) {
			_ = fmt.Sprint(l)
		}
	}
}
