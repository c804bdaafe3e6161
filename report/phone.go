package report

import (
	"slices"

	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sdm"
)

// phone is what a phone reads, laid out.
type phone struct {
	*Message
	Items []phoneItem
	Kinds []partKind // of the parts that the card fills in
}

// phoneItem is a record.
type phoneItem struct {
	ndef.Shown
	Parts []part // of its text, where the card fills in some
}

// part is a piece of the text of a secure dynamic message.
type part struct {
	Class string // empty: it stays as it is
	Text  string
	MACed bool
}

// partKind explains the colour of parts.
type partKind struct{ Class, Words string }

var partKinds = map[string]partKind{
	"UID":        {"k-head", "UID"},
	"SDMReadCtr": {"k-data", "counter"},
	"PICCData":   {"k-head enc", "UID and counter, enciphered"},
	"SDMENC":     {"k-data enc", "content, enciphered"},
	"SDMMAC":     {"k-mac", "MAC"},
}

// partsOf are the parts of a text, and what kinds of them there are.
func partsOf(list []sdm.Part) (parts []part, kinds []partKind) {
	seen := map[string]bool{}
	for _, p := range list {
		k := partKinds[p.Mirror]
		parts = append(parts, part{k.Class, p.Text, p.MACed})
		if k.Class != "" && !seen[p.Mirror] {
			seen[p.Mirror] = true
			kinds = append(kinds, k)
		}
	}
	return parts, kinds
}

// MACed reports whether the MAC is made over any of the parts.
func (p *phone) MACed() bool { return len(p.Items) > 0 && anyMACed(p.Items[0].Parts) }

func anyMACed(list []part) bool {
	return slices.ContainsFunc(list, func(p part) bool { return p.MACed })
}

// phoneOf lays out what a phone reads of an application, nil if it is no tag, or
// if the report leaves it out.
func phoneOf(x *Application) *phone {
	if x.NDEF == nil {
		return nil
	}
	p := &phone{Message: x.NDEF}
	for _, s := range x.NDEF.Shown {
		p.Items = append(p.Items, phoneItem{Shown: s})
	}
	for i := range x.Files {
		f := &x.Files[i]
		if f.File == x.NDEF.File && f.SDM != nil && f.SDM.ndef && len(p.Items) > 0 {
			p.Items[0].Parts, p.Kinds = partsOf(f.SDM.parts)
		}
	}
	return p
}
