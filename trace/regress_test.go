package trace

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// A session that is refused again and again must not multiply the states that
// it may be in.
func TestManyRefusalsInASession(t *testing.T) {
	for _, kind := range kinds {
		g := newGenerator(t, 4)
		g.keys[0] = g.key(kind.typ)
		g.authenticate(kind.method, 0)
		for range 200 {
			g.frames(0x45, nil, nil, wire.StatusPermissionDenied)
			g.frames(0x6C, []byte{1}, nil, wire.StatusBoundaryError)
		}
		if r := Verify(g.rec, &VerifyConfig{Keys: []Key{{No: -1, Value: g.keys[0]}}}); r.Verdict != Verified {
			t.Errorf("%s: %v %s", kind.name, r.Verdict, r.Reason())
		}
	}
}

// A card that keeps an EV1 session after a refusal is followed, if what comes
// shows it.
func TestSessionThatSurvivesARefusal(t *testing.T) {
	g := newGenerator(t, 9)
	g.keys[0] = g.key(key.TypeAES)
	g.authenticate(key.MethodAES, 0)
	g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x81})
	g.frames(0x6F, nil, nil, wire.StatusPermissionDenied) // seen by neither channel
	g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x81})
	r := Verify(g.rec, &VerifyConfig{Keys: []Key{{No: -1, Value: g.keys[0]}}})
	if r.Verdict != Verified || r.MACs != 2 {
		t.Errorf("%v, %d MACs: %s", r.Verdict, r.MACs, r.Reason())
	}
}

// What protects is missing: not the same as nothing to check.
func TestStrippedMAC(t *testing.T) {
	for _, kind := range kinds {
		g := newGenerator(t, 5)
		g.keys[0] = g.key(kind.typ)
		g.authenticate(kind.method, 0)
		g.do(&wire.GetFileSettings{File: 1}, 0, []byte{0, 3, 0, 0, 16, 0, 0})
		n := len(g.rec.Exchanges)
		g.native, g.rec.Framing = true, Native
		g.do(&wire.GetValue{File: 1}, wire.CommMAC, []byte{1, 2, 3, 4})
		for len(g.rec.Exchanges) > n+1 { // one frame
			last := g.rec.Exchanges[len(g.rec.Exchanges)-1]
			before := &g.rec.Exchanges[len(g.rec.Exchanges)-2]
			before.Response = append(append([]byte{last.Response[0]}, before.Response[1:]...), last.Response[1:]...)
			g.rec.Exchanges = g.rec.Exchanges[:len(g.rec.Exchanges)-1]
		}
		g.rec.Exchanges[n].Response = g.rec.Exchanges[n].Response[:5]
		r := Verify(g.rec, &VerifyConfig{Keys: []Key{{No: -1, Value: g.keys[0]}}})
		if r.Verdict != Failed {
			t.Errorf("%s: %v %s", kind.name, r.Verdict, r.Reason())
		}
	}
}

// A D40 session has no AES key, whatever the length of one that is given.
func TestPresetD40OfSixteenBytes(t *testing.T) {
	for alg, want := range map[string]Check{"": CheckCommandMAC, "unheard of": CheckCommandMAC, "AES": CheckKeys} {
		p := &Preset{Kind: "d40", Alg: alg, Key: make([]byte, 16), KeyNo: -1}
		rec := &Recording{Framing: Native, Exchanges: []Exchange{{Command: []byte{0x3D, 1, 0, 0, 0, 1, 0, 0, 7, 1, 2, 3, 4}, Response: []byte{0x1E}, Preset: p}}}
		if r := Verify(rec, nil); r.Verdict == Verified || r.Failures[0].Check != want {
			t.Errorf("alg %q: %v (%s)", alg, r.Verdict, r.Reason())
		}
	}
}
