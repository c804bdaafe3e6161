package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Under LRP the limit counts committed transactions, not the whole counter,
// whose high half is another one.
func TestTMCLimitLRP(t *testing.T) {
	c := newCard(t, wire.Light)
	p := newPCD(t, c)
	zero := key.Zero(key.TypeAES)
	p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.LightName[:], P2: wire.SelectNoData}, nil, 0)
	p.in(key.MethodEV2First, 0, zero)
	turnLRPOn(t, p)
	p.in(key.MethodLRPFirst, 0, zero)
	access := wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: wire.Never, Change: 0}
	p.ok(&wire.ChangeFileSettings{File: 15, Option: wire.OptionFull | wire.OptionTMCLimit, Access: access, Limit: wire.TMCLimit{Limit: 2, Short: true}}, nil, 0)
	for n := uint16(1); n <= 2; n++ {
		p.in(key.MethodLRPFirst, 3, zero)
		p.ok(&wire.Credit{File: 3, Amount: 1}, nil, wire.CommFull)
		var r wire.CommitTransactionResponse
		p.ok(&wire.CommitTransaction{ReturnTMAC: true}, &r, 0)
		if actual, _ := r.TMC.Split(); actual != n {
			t.Fatalf("actTMC %d, want %d", actual, n)
		}
	}
	p.in(key.MethodLRPFirst, 3, zero)
	p.refused(wire.StatusPermissionDenied, &wire.Credit{File: 3, Amount: 1}, wire.CommFull)
}
