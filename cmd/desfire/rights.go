package main

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// rightsInWords says who may do what with a file of a type: a right is given
// by any of the fields of the access rights that cover it, in any set.
func rightsInWords(fs *wire.FileSettings) string {
	sets := append([]wire.AccessRights{fs.Access}, fs.Additional...)
	who := func(pick func(r wire.AccessRights) []wire.Access) string {
		var all []wire.Access
		for _, r := range sets {
			all = append(all, pick(r)...)
		}
		return grantees(all)
	}
	read := who(func(r wire.AccessRights) []wire.Access { return []wire.Access{r.Read, r.ReadWrite} })
	write := who(func(r wire.AccessRights) []wire.Access { return []wire.Access{r.Write, r.ReadWrite} })
	both := who(func(r wire.AccessRights) []wire.Access { return []wire.Access{r.ReadWrite} })
	change := grantees([]wire.Access{fs.Access.Change})
	var s rightsList
	switch fs.Type {
	case wire.FileValue:
		debit := who(func(r wire.AccessRights) []wire.Access { return []wire.Access{r.Read, r.Write, r.ReadWrite} })
		get := debit
		if fs.Flags.Has(wire.ValueFreeGet) {
			get = "free"
		}
		s.add("get", get)
		s.add("debit", debit)
		if fs.Flags.Has(wire.ValueLimitedCredit) {
			s.add("limited credit", write)
		}
		s.add("credit", both)
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		s.add("read", read)
		s.add("append", write)
		s.add("clear", both)
	case wire.FileTransactionMAC:
		s.add("read", read)
	default:
		s.add("read", read)
		s.add("write", write)
	}
	s.add("change", change)
	return s.String()
}

// rightsList joins what the same keys may do.
type rightsList []struct {
	what []string
	who  string
}

func (l *rightsList) add(what, who string) {
	if n := len(*l); n > 0 && (*l)[n-1].who == who {
		(*l)[n-1].what = append((*l)[n-1].what, what)
		return
	}
	*l = append(*l, struct {
		what []string
		who  string
	}{[]string{what}, who})
}

func (l rightsList) String() string {
	var s []string
	for _, r := range l {
		what := strings.Join(r.what, ", ")
		if n := len(r.what); n > 1 {
			what = strings.Join(r.what[:n-1], ", ") + " and " + r.what[n-1]
		}
		s = append(s, what+" "+r.who)
	}
	return strings.Join(s, "; ")
}

// grantees is "free", "never", or the keys.
func grantees(all []wire.Access) string {
	var keys []string
	seen := make(map[wire.Access]bool)
	for _, a := range all {
		switch {
		case a == wire.Free:
			return "free"
		case a == wire.Never || seen[a]:
		default:
			seen[a] = true
			keys = append(keys, fmt.Sprint(uint8(a)))
		}
	}
	if keys == nil {
		return "never"
	}
	return "key " + strings.Join(keys, " or ")
}

// sizeInWords is what a file holds.
func sizeInWords(fs *wire.FileSettings) string {
	switch fs.Type {
	case wire.FileStandard, wire.FileBackup:
		return count(int(fs.Size), "byte")
	case wire.FileValue:
		return fmt.Sprintf("%d to %d", fs.Lower, fs.Upper)
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return fmt.Sprintf("%d of %d records, %s each", fs.Records, fs.MaxRecords, count(int(fs.RecordSize), "byte"))
	case wire.FileTransactionMAC:
		return fmt.Sprintf("%v key, version %v", fs.TMKeyOption, fs.TMKeyVersion)
	}
	return ""
}
