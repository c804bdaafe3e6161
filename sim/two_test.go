package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Two applications: a transaction over both, a key of either.
func TestTwoApplications(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV2}
	c, p := personalised(t, x, wire.CommPlain)
	p.ok(&wire.SelectApplication{}, nil, 0)
	p.ok(&wire.CreateApplication{AID: 2, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}, nil, 0)
	p.ok(&wire.SelectApplication{AID: 2}, nil, 0)
	p.ok(&wire.CreateValueFile{File: 3, Access: rights(0x0000), Upper: 100, Value: 10}, nil, 0)
	for want, cmd := range map[wire.Status]*wire.SelectApplication{
		wire.StatusApplicationNotFound: {AID: farebox, Second: 9},
		wire.StatusPermissionDenied:    {AID: farebox, Second: farebox},
	} {
		p.refused(want, cmd, 0)
	}
	p.refused(wire.StatusPermissionDenied, &wire.SelectApplication{AID: farebox, Two: true}, 0)
	p.ok(&wire.SelectApplication{AID: farebox, Second: 2}, nil, 0)

	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 5}, nil, 0)
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 0x83}, 0) // key 3 is the other application's
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 5}, nil, 0)
	p.in(x.method, 0x80, key.Zero(key.TypeAES))
	p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0)
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 5}, nil, 0)
	p.in(x.method, 0x80, key.Zero(key.TypeAES))
	p.ok(&wire.Credit{File: 0x83, Amount: 5}, nil, 0)
	p.ok(&wire.CommitTransaction{}, nil, 0)
	if a, b := c.nvm.app(farebox).file(3).value, c.nvm.app(2).file(3).value; a != 495 || b != 15 {
		t.Fatal(a, b)
	}
	var s wire.FileSettings
	p.ok(&wire.GetFileSettings{File: 0x83}, &s, 0)
	if s.Upper != 100 {
		t.Fatalf("%+v", s)
	}
	p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
	p.refused(wire.StatusFileNotFound, &wire.GetFileSettings{File: 0x83}, 0)
	script(t, newCard(t, wire.EV1).Present(), "5a 010000 020000 < 7e")
}
