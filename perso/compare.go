package perso

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// settings in a form that can be compared: what the option says twice is left
// out, and a block of secure dynamic messaging that mirrors nothing is none.
func normal(s *wire.FileSettings) wire.FileSettings {
	n := s.Clone()
	n.LimitedCredit, n.Records = 0, 0
	n.Option &^= wire.OptionAdditionalAR
	if n.SDM != nil {
		n.Option |= wire.OptionSDM
		if !mirrors(n.SDM) {
			n.SDM = nil
		}
	}
	if n.Option&3 == 2 {
		n.Option &^= 3 // an alias of plain
	}
	if len(n.Additional) == 0 {
		n.Additional = nil
	}
	if !n.Option.Has(wire.OptionTMCLimit) {
		n.Limit = wire.TMCLimit{}
	}
	n.Limit.Short = false
	return n
}

// mirrors reports whether secure dynamic messaging shows anything.
func mirrors(s *wire.SDM) bool {
	return s.Access.MetaRead() != wire.Never || s.Access.FileRead() != wire.Never || s.Access.CtrRet() != wire.Never ||
		s.Options&^wire.SDMASCII != 0
}

// differs lists what cannot be changed of a file that exists.
func differs(is, want *wire.FileSettings) (list []change) {
	diff := func(what string, is, want any) {
		if is != want {
			list = append(list, change{what, fmt.Sprint(is), fmt.Sprint(want)})
		}
	}
	diff("type", is.Type, want.Type)
	if list != nil {
		return list
	}
	diff("size", is.Size, want.Size)
	diff("lower limit", is.Lower, want.Lower)
	diff("upper limit", is.Upper, want.Upper)
	diff("value options", is.Flags, want.Flags)
	diff("record size", is.RecordSize, want.RecordSize)
	diff("number of records", is.MaxRecords, want.MaxRecords)
	return list
}

// changes lists what ChangeFileSettings would change.
func changes(is, want *wire.FileSettings) (list []change) {
	a, b := normal(is), normal(want)
	diff := func(what, is, want string) {
		if is != want {
			list = append(list, change{what, is, want})
		}
	}
	diff("mode", a.Option.String(), b.Option.String())
	diff(whatRights, a.Access.String(), b.Access.String())
	diff("further rights", fmt.Sprint(a.Additional), fmt.Sprint(b.Additional))
	diff("secure dynamic messaging", sdmWords(a.SDM), sdmWords(b.SDM))
	diff("counter limit", fmt.Sprint(a.Limit.Limit), fmt.Sprint(b.Limit.Limit))
	return list
}

func sdmWords(s *wire.SDM) string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%+v", *s)
}

// change is one difference.
type change struct{ what, is, want string }

func (c change) String() string { return fmt.Sprintf("%s is %s instead of %s", c.what, c.is, c.want) }

// span is the part in which want differs from is; n is 0 if it does not. is may
// be longer, and is zeros as far as it is shorter.
func span(is, want []byte) (from, n int) {
	same := func(i int) bool {
		if i < len(is) {
			return is[i] == want[i]
		}
		return want[i] == 0
	}
	end := len(want)
	for end > 0 && same(end-1) {
		end--
	}
	for from < end && same(from) {
		from++
	}
	return from, end - from
}

// missingRecords are those to append; clear says that what is there must go
// first, because it is not how the wanted ones begin.
func missingRecords(is, want [][]byte) (add [][]byte, clear bool) {
	if len(is) > len(want) || !slices.EqualFunc(is, want[:len(is)], bytes.Equal) {
		return want, true
	}
	return want[len(is):], false
}
