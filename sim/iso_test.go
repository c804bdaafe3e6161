package sim

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestISOAccess(t *testing.T) {
	c := newCard(t, wire.EV3)
	script(t, c.Present(), `
		ca 010000 0f 21 10e1 d2760000850101 < 00
		5a 010000 < 00
		cd 01 03e1 00 eeee 0f0000 < 00
		cd 02 04e1 00 eeee 200000 < 00
		cb 03 05e1 00 eeee 080000 < 00
		c1 04 06e1 00 eeee 040000 030000 < 00
		cd 05 07e1 00 1111 080000 < 00
		00 b0 00 00 00 < 6985            # nothing is selected
		00 a4 04 00 07 d2760000850100 00 < 9000
		00 b0 00 00 00 < 6985            # no application
		00 a4 04 0c 07 d2760000850101 < 9000
		00 a4 02 0c 02 e104 < 9000
		00 d6 00 02 04 01020304 < 9000
		00 b0 00 00 08 < 00000102030400009000
		00 b0 00 1f 01 < 009000
		00 b0 00 20 01 < 6a86            # beyond the end
		00 b0 00 1e 08 < 00009000        # the rest
		00 d6 00 1e 04 01020304 < 6a84
		00 b0 81 00 02 < 00009000        # short identifier 1
		00 b0 00 0e 00 < 009000          # which is selected now
		00 b0 9e 00 02 < 6a82
		00 a4 02 0c 02 e199 < 6a82
		00 b0 00 0e 00 < 009000          # still selected
		00 d6 83 00 02 aabb < 9000
		00 b0 83 00 02 < 00009000        # a backup file changes at Commit
		c7 < 00
		00 b0 83 00 02 < aabb9000
		00 e2 00 20 02 1122 < 9000
		00 b2 00 24 00 < 6a83            # a record too
		c7 < 0c
		00 e2 00 20 02 1122 < 9000
		c7 < 00
		00 b2 00 24 00 < 112200009000
		00 e2 00 20 04 55667788 < 9000
		c7 < 00
		00 b2 00 24 00 < 556677889000    # 0 is the newest
		00 b2 00 25 00 < 1122000055667788 9000
		00 b2 01 24 00 < 556677889000    # and so is 1
		00 b2 02 24 00 < 112200009000
		00 b2 03 24 00 < 6a83
		00 dc 00 24 02 9999 < 9000
		c7 < 00
		00 b2 00 24 00 < 999977889000
		00 b0 85 00 08 < 6982            # needs a key
		00 b0 84 00 08 < 6985            # a record file
		00 a4 00 0c 02 e110 < 9000
		00 a4 03 0c < 9000               # up to the card
		00 b0 81 00 02 < 6985
		00 a4 00 00 < 9000
		00 a4 00 00 02 3f00 < 9000
		00 a4 01 00 02 e110 < 9000
		00 a4 05 00 02 e110 < 6a86
		00 a4 00 01 02 e110 < 6a86
		00 a4 00 00 01 e1 < 6a87
		00 a4 04 0c 07 d2760000850102 < 6a82
		6f < 00 0102030405               # the selection is what it was`)
}

func TestISOSelectEndsSession(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV1}
	c, p := personalised(t, x, wire.CommPlain)
	c.nvm.app(farebox).isoID = 0xDF01
	c.nvm.app(farebox).file(1).isoID = 0xEF01
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
	ch := p.ch
	p.ok(&wire.ISOSelect{By: wire.SelectEF, FID: 0xEF01, P2: wire.SelectNoData}, nil, 0)
	p.ch = ch // selecting a file keeps the session and what is pending
	p.ok(&wire.CommitTransaction{}, nil, 0)
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
	p.ok(&wire.ISOSelect{FID: 0xDF01, P2: wire.SelectNoData}, nil, 0)
	p.refused(wire.StatusNoChanges, &wire.CommitTransaction{}, 0)
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0)
}

// In an EV2 session ISO commands are refused.
func TestISOInSessions(t *testing.T) {
	for _, x := range channelCases {
		c, p := personalised(t, x, wire.CommPlain)
		c.nvm.app(farebox).file(1).rights = rights(0xEEEE)
		p.in(x.method, 3, secret(t, x.typ, 3))
		want := wire.StatusISOOK
		if x.method == key.MethodEV2First {
			want = wire.StatusISOSecurityStatus
		}
		if got := p.do(&wire.ISOReadBinary{EF: wire.ShortEF{ID: 1}, Length: 4}, nil, 0); got != want {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
	}
}

func TestISOAuthentication(t *testing.T) {
	for _, x := range channelCases {
		if x.method == key.MethodD40 || x.method == key.MethodEV2First {
			continue
		}
		c, p := personalised(t, x, wire.CommMAC)
		auth := func(k key.Key) wire.Status {
			t.Helper()
			h, err := securemsg.NewISOHandshake(securemsg.Config{Method: key.MethodISO7816, KeyNo: 3, Key: k})
			if err != nil {
				t.Fatal(err)
			}
			p.ch = nil
			var challenge, answer wire.Data
			p.ok(&wire.ISOGetChallenge{Length: h.First()}, &challenge, 0)
			token, err := h.Second(context.Background(), challenge.Data)
			if err != nil {
				t.Fatal(err)
			}
			ref := wire.ISOKeyOfApplication | 3
			alg := wire.ISOAlgorithm(securemsg.ISOAlgorithm(x.typ))
			if st := p.do(&wire.ISOExternalAuthenticate{Algorithm: alg, Key: ref, Token: token}, nil, 0); st != wire.StatusISOOK {
				return st
			}
			third, err := h.Third()
			if err != nil {
				t.Fatal(err)
			}
			p.ok(&wire.ISOInternalAuthenticate{Algorithm: alg, Key: ref, RndPCD: third, Length: 2 * h.First()}, &answer, 0)
			if p.ch, err = h.Finish(context.Background(), answer.Data); err != nil {
				t.Fatal(err)
			}
			return wire.StatusISOOK
		}
		if st := auth(secret(t, x.typ, 3)); st != wire.StatusISOOK {
			t.Fatalf("%v: %v", x, st)
		}
		p.ok(&wire.WriteData{File: 1, Data: pattern(100)}, nil, wire.CommMAC)
		if st := auth(secret(t, x.typ, 4)); st != wire.StatusISOSecurityStatus {
			t.Fatalf("%v: %v", x, st)
		}
		p.refused(wire.StatusISOConditionsOfUse, &wire.ISOInternalAuthenticate{RndPCD: make([]byte, 8)}, 0)
		script(t, c.Present(), `
			00 82 00 83 10 00112233445566778899aabbccddeeff < 6985
			00 84 00 00 07 < 6700`)
	}
}
