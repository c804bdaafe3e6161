package trace

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/wire"
)

// Follow gives every exchange once and in order, and before each message the
// state in which its MAC is right.
func TestFollow(t *testing.T) {
	for _, kind := range kinds {
		g := newGenerator(t, 7)
		known := g.session(kind.method, kind.typ, 25)
		if g.pcd == nil {
			g.authenticate(kind.method, 1)
		}
		g.do(&wire.WriteData{File: 1, Data: []byte("MACed")}, wire.CommMAC, nil)
		list := Follow(g.rec, &VerifyConfig{Keys: known})
		next, right, macs := 0, 0, 0
		for i := range list {
			m := &list[i]
			if m.First != next || m.Last < m.First || len(m.Frames) != m.Last-m.First+1 {
				t.Fatalf("%s: exchanges %d to %d after %d", kind.name, m.First, m.Last, next)
			}
			next = m.Last + 1
			right += m.Right
			s := m.Session
			if s == nil || m.Right == 0 || m.Mode != wire.CommMAC || m.Status != wire.StatusOK {
				continue
			}
			n := len(m.Body) - 8
			switch s.Scheme() {
			case wire.SchemeEV2, wire.SchemeLRP:
				ti, ctr := s.TI(), s.Counter()
				want := cmac.Truncated(s.CMAC(nil, []byte{m.INS, byte(ctr), byte(ctr >> 8)}, ti[:], m.Body[:n]))
				if !bytes.Equal(want[:], m.Body[n:]) {
					t.Errorf("%s: exchange %d: another MAC by Follow", kind.name, m.First)
				}
				macs++
			case wire.SchemeEV1:
				if got := s.CMAC(s.IV(), []byte{m.INS}, m.Body[:n]); !bytes.Equal(got[:8], m.Body[n:]) {
					t.Errorf("%s: exchange %d: another CMAC by Follow", kind.name, m.First)
				}
				macs++
			}
			if got := fmt.Sprintf("%v %+v %#v", s, *s, s); len(got) > 120 {
				t.Errorf("a session prints as %s", got)
			}
		}
		if next != len(g.rec.Exchanges) || right == 0 || macs == 0 && kind.name[:3] != "D40" {
			t.Errorf("%s: %d of %d exchanges, %d right, %d MACs", kind.name, next, len(g.rec.Exchanges), right, macs)
		}
	}
}
