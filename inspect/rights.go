package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Act is something that rights allow to do with a file.
type Act string

// Acts. The words are stable: they stand in JSON.
const (
	ActRead          Act = "read"
	ActWrite         Act = "write"
	ActGetValue      Act = "get"
	ActDebit         Act = "debit"
	ActLimitedCredit Act = "limited credit"
	ActCredit        Act = "credit"
	ActAppend        Act = "append"          // add a record
	ActClear         Act = "clear"           // and change records, where the card can
	ActNameReader    Act = "name the reader" // CommitReaderID, which every transaction then needs
	ActReadCounter   Act = "read the counter"
	ActChange        Act = "change" // the settings of the file
)

// Grant says who may do something: anybody, or whoever authenticates with one
// of some keys. If it is neither free nor for a key, nobody may.
type Grant struct {
	Act  Act     `json:"act"`
	Free bool    `json:"free"`
	Keys KeyList `json:"keys"` // in the order of the rights, without repetitions
}

// Possible reports whether anybody may do it.
func (g Grant) Possible() bool { return g.Free || len(g.Keys) > 0 }

// Allows reports whether somebody who is authenticated with key no may do it.
func (g Grant) Allows(no wire.KeyNo) bool { return g.Free || slices.Contains(g.Keys, no) }

// Who is "free", "never", or the keys.
func (g Grant) Who() string {
	switch {
	case g.Free:
		return "free"
	case len(g.Keys) == 0:
		return "never"
	}
	keys := make([]string, len(g.Keys))
	for i, k := range g.Keys {
		keys[i] = fmt.Sprint(uint8(k))
	}
	return "key " + strings.Join(keys, " or ")
}

// KeyList is a list of key numbers, numbers in JSON as well.
type KeyList []wire.KeyNo

// MarshalJSON writes a list of numbers.
func (l KeyList) MarshalJSON() ([]byte, error) {
	n := make([]int, len(l))
	for i, k := range l {
		n[i] = int(k)
	}
	return json.Marshal(n)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *KeyList) UnmarshalJSON(b []byte) error {
	var wide []uint16 // numbers of a byte would be read as base64
	if err := json.Unmarshal(b, &wide); err != nil {
		return err
	}
	*l = nil
	for _, k := range wide {
		if k > 0xFF {
			return fmt.Errorf("key number %d: want 0 to 255", k)
		}
		*l = append(*l, wire.KeyNo(k))
	}
	return nil
}

// Rights are what may be done with a file, and by whom.
type Rights []Grant

// Of returns the grant of an act. ok is false if the file knows no such act.
func (r Rights) Of(act Act) (g Grant, ok bool) {
	for _, g := range r {
		if g.Act == act {
			return g, true
		}
	}
	return Grant{Act: act}, false
}

// Words says who may do what, acts of the same keys together.
func (r Rights) Words() string {
	var parts []string
	for i := 0; i < len(r); {
		who := r[i].Who()
		var acts []string
		for ; i < len(r) && r[i].Who() == who; i++ {
			acts = append(acts, string(r[i].Act))
		}
		what := strings.Join(acts, ", ")
		if n := len(acts); n > 1 {
			what = strings.Join(acts[:n-1], ", ") + " and " + acts[n-1]
		}
		parts = append(parts, what+" "+who)
	}
	return strings.Join(parts, "; ")
}

// field picks some of the four rights.
type field func(r wire.AccessRights) []wire.Access

var (
	byRead      field = func(r wire.AccessRights) []wire.Access { return []wire.Access{r.Read, r.ReadWrite} }
	byWrite     field = func(r wire.AccessRights) []wire.Access { return []wire.Access{r.Write, r.ReadWrite} }
	byReadWrite field = func(r wire.AccessRights) []wire.Access { return []wire.Access{r.ReadWrite} }
	byAny       field = func(r wire.AccessRights) []wire.Access { return []wire.Access{r.Read, r.Write, r.ReadWrite} }
)

// RightsOf says who may do what with a file. A right is given by any of the
// fields of the access rights that cover it, in any set.
func RightsOf(fs *wire.FileSettings) Rights {
	sets := append([]wire.AccessRights{fs.Access}, fs.Additional...)
	by := func(act Act, pick field) Grant {
		g := Grant{Act: act}
		for _, r := range sets {
			g.add(pick(r)...)
		}
		return g.settled()
	}
	var rights Rights
	switch fs.Type {
	case wire.FileValue:
		get := by(ActGetValue, byAny)
		if fs.Flags.Has(wire.ValueFreeGet) && get.Possible() {
			get = Grant{Act: ActGetValue, Free: true}
		}
		rights = append(rights, get, by(ActDebit, byAny))
		if fs.Flags.Has(wire.ValueLimitedCredit) {
			rights = append(rights, by(ActLimitedCredit, byWrite))
		}
		rights = append(rights, by(ActCredit, byReadWrite))
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		rights = Rights{by(ActRead, byRead), by(ActAppend, byWrite), by(ActClear, byReadWrite)}
	case wire.FileTransactionMAC:
		rights = Rights{by(ActRead, byRead)}
		if g := by(ActNameReader, byReadWrite); g.Possible() {
			rights = append(rights, g)
		}
	default:
		rights = Rights{by(ActRead, byRead), by(ActWrite, byWrite)}
		if s := fs.SDM; s != nil {
			g := Grant{Act: ActReadCounter}
			g.add(s.Access.CtrRet())
			rights = append(rights, g.settled())
		}
	}
	change := Grant{Act: ActChange}
	change.add(fs.Access.Change)
	return append(rights, change.settled())
}

func (g *Grant) add(list ...wire.Access) {
	for _, a := range list {
		switch {
		case a == wire.Free:
			g.Free = true
		case a != wire.Never && !slices.Contains(g.Keys, wire.KeyNo(a)):
			g.Keys = append(g.Keys, wire.KeyNo(a))
		}
	}
}

// settled leaves keys out where anybody may.
func (g Grant) settled() Grant {
	if g.Free {
		g.Keys = nil
	}
	return g
}
