package sdm

import (
	"slices"
	"strings"
)

// layout is a text that a tag may have shown: a template whose places are filled.
type layout struct {
	t    *Template
	note string // what it takes for granted, more than the reading does
}

// A text of more parameters is not tried in other orders.
const maxOrders = 5

// reordered are the other orders that the parameters of a text may have had, and
// those without what is none of the tag's.
func reordered(t *Template) (list []layout) {
	s := splitShown(t.text)
	placed := slices.DeleteFunc(slices.Clone(s.query), func(x item) bool { return len(t.within(x)) == 0 })
	seen := map[string]bool{t.text: true}
	for _, items := range [][]item{placed, s.query} {
		if len(items) == 0 || len(items) > maxOrders {
			continue
		}
		permute(items, func(order []item) {
			if l := t.rebuilt(s, order); l != nil && !seen[l.t.text] {
				seen[l.t.text] = true
				list = append(list, *l)
			}
		})
	}
	return list
}

// within are the names of places in an item.
func (t *Template) within(x item) (names []string) {
	for _, name := range t.names() {
		if p := t.at[name]; p.offset >= x.at && p.offset < x.at+len(x.text) {
			names = append(names, name)
		}
	}
	return names
}

// rebuilt is a text with the query in another order, nil if no card shows that:
// enciphered data stand before the MAC.
func (t *Template) rebuilt(s *shown, order []item) *layout {
	n := *s
	n.query = order
	r := &Template{text: n.join(), lrp: t.lrp, at: map[string]place{}}
	at := len(n.scheme) + len(n.head) + len(n.mark)
	moved := 0
	for _, x := range order {
		for _, name := range t.within(x) {
			p := t.at[name]
			r.at[name] = place{p.offset - x.at + at, p.length}
			moved++
		}
		at += len(x.text) + 1
	}
	for _, name := range t.names() {
		if _, ok := r.at[name]; ok {
			continue
		}
		p := t.at[name]
		if p.offset >= len(s.scheme)+len(s.head) { // in the fragment
			p.offset += len(r.text) - len(t.text)
		}
		r.at[name] = p
	}
	enc, hasEnc := r.at["enc"]
	if hasEnc && enc.offset > r.at["mac"].offset {
		return nil
	}
	if hasEnc {
		r.at["from"] = place{enc.offset, 0}
	}
	return &layout{r, "the MAC fits the parameters in another order than they stand in"}
}

func permute(items []item, f func([]item)) {
	order := slices.Clone(items)
	var walk func(int)
	walk = func(k int) {
		if k == len(order) {
			f(order)
			return
		}
		for i := k; i < len(order); i++ {
			order[k], order[i] = order[i], order[k]
			walk(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	walk(0)
}

// Parts makes a reading of a message that came in parts. MACInput is what the MAC
// covers; if it is empty, and there are no enciphered data, it covers no text. Else the
// texts that are usual are tried when the message is verified: the data alone, or
// with what stands between them and the MAC.
//
// The length of PICC data tells if the tag uses LRP.
func Parts(m *Message, useLRP bool) *Reading {
	r := &Reading{Message: *m}
	if n := 2 * len(m.PICCData); useLRP && n == piccChars || !useLRP && n == piccLRPChars {
		useLRP = !useLRP
		r.Notes = append(r.Notes, (&Template{lrp: useLRP}).says())
	}
	if len(m.MACInput) > 0 {
		l := stated(m, useLRP)
		r.Template, r.Text = l.t.zeroed(), l.t.text
		return r
	}
	names := fieldNames["mac"]
	if m.File == nil {
		names = names[:1]
	}
	for _, name := range append([]string{""}, names...) {
		l := composed(m, name, useLRP)
		switch {
		case name == "" && m.File == nil:
			continue
		case r.Template == nil:
			r.Template, r.Text = l.t.zeroed(), l.t.text
		default:
			r.more = append(r.more, l)
		}
	}
	if m.File != nil {
		r.Assumed = true
		r.Notes = append(r.Notes, "what the MAC covers was not said: the usual was tried")
	}
	return r
}

// composed is a text of parameters under usual names; the MAC has the name, or
// stands directly behind what is before it.
func composed(m *Message, name string, useLRP bool) layout {
	t := &Template{lrp: useLRP, at: map[string]place{}}
	add := func(lit, kind string) {
		t.text += lit
		d := m.digits(kind)
		t.at[kind] = place{len(t.text), len(d)}
		t.text += d
	}
	if m.PICCData != nil {
		add("picc_data=", "picc")
	}
	if m.Plain.UID != nil {
		add("uid=", "uid")
	}
	if m.Plain.HasCounter {
		add("&ctr=", "ctr")
	}
	if m.File != nil {
		add("&enc=", "enc")
		t.at["from"] = place{t.at["enc"].offset, 0}
	}
	if name == "" {
		add("", "mac")
	} else {
		add("&"+name+"=", "mac")
	}
	return layout{t: t}
}

// stated is a text that the MAC covers, and the MAC.
func stated(m *Message, useLRP bool) layout {
	t := &Template{lrp: useLRP, text: string(m.MACInput), at: map[string]place{"from": {0, 0}}}
	for _, kind := range []string{"picc", "uid", "enc"} {
		d := m.digits(kind)
		if i := strings.Index(t.text, d); d != "" && i >= 0 {
			t.at[kind] = place{i, len(d)}
		}
	}
	t.at["mac"] = place{len(t.text), macChars}
	t.text += m.digits("mac")
	return layout{t: t}
}

// filled is the reading's text as a layout.
func (r *Reading) filled() layout {
	t := *r.Template
	t.text = r.Text
	return layout{t: &t}
}
