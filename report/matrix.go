package report

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// matrix says who may do what: a row a file, a column for anyone, one for each
// key, and one for what nobody may do. Columns are the same in all applications,
// so that anyone is one line to look down. With more keys than columns they share
// one.
type matrix struct {
	Keys   []column
	Shared bool // one column for all keys
	Fill   int  // columns that other applications have
	Rows   []row
}

type column struct{ Head, Sub string }

type row struct {
	F      *fileRow
	Anyone []verb
	Keys   []cell
	Nobody []verb
}

// fileRow is the file that a row is of.
type fileRow struct {
	No         wire.FileNo
	Kind, Size string
	ID         string
	Shape      string // of its protection
	Protection string
	Holds      *Content
	Value      *int32
	Unread     string
	Blind      bool // its settings are not known
}

type cell struct {
	Who   string
	Verbs []verb
}

type verb struct{ Class, Text string }

// mostColumns is how many keys have columns of their own.
const mostColumns = 5

// usedKeys are the keys of an application that may do something with its files.
func usedKeys(x *Application) (list []wire.KeyNo) {
	for i := range x.Files {
		for _, g := range x.Files[i].card.Rights {
			for _, k := range g.Keys {
				if !slices.Contains(list, k) {
					list = append(list, k)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

func matrixOf(x *Application, id string, columns int, keyName func(int) string) matrix {
	used := usedKeys(x)
	m := matrix{Shared: len(used) > mostColumns}
	if m.Shared {
		m.Keys = []column{{"With a key", "of these numbers"}}
		m.Fill = 0
	} else {
		for _, no := range used {
			c := column{Head: fmt.Sprintf("Key %d", no)}
			for _, k := range x.Keys {
				if k.Key == int(no) && k.Version != nil {
					c.Sub = fmt.Sprintf("version %02X", *k.Version)
				}
			}
			if name := keyName(int(no)); name != "" {
				c.Sub = name
			}
			m.Keys = append(m.Keys, c)
		}
		m.Fill = columns - len(used)
	}
	for i := range x.Files {
		r := m.row(&x.Files[i], used, keyName)
		r.F.ID = fmt.Sprintf("%sf%d", id, i)
		m.Rows = append(m.Rows, r)
	}
	return m
}

func (m *matrix) row(f *File, used []wire.KeyNo, keyName func(int) string) row {
	r := row{F: fileRowOf(f)}
	cells := make([]cell, len(used))
	for i, no := range used {
		if cells[i].Who = fmt.Sprintf("Key %d", no); keyName(int(no)) != "" {
			cells[i].Who += " " + keyName(int(no))
		}
	}
	for _, g := range f.card.Rights {
		switch {
		case g.Free:
			r.Anyone = append(r.Anyone, verbOf(g.Act, true))
		case !g.Possible():
			r.Nobody = append(r.Nobody, verbOf(g.Act, false))
		}
		for i, no := range used {
			if !g.Free && slices.Contains(g.Keys, no) {
				cells[i].Verbs = append(cells[i].Verbs, verbOf(g.Act, false))
			}
		}
	}
	if r.Keys = cells; m.Shared {
		r.Keys = slices.DeleteFunc(cells, func(c cell) bool { return c.Verbs == nil })
	}
	return r
}

// verbOf is an act as a word in a cell. Its class says whether it looks, changes
// content, does so without a key, or changes rights.
func verbOf(act inspect.Act, free bool) verb {
	v := verb{Text: string(act)}
	switch act {
	case inspect.ActRead, inspect.ActGetValue, inspect.ActReadCounter:
		return v
	case inspect.ActChange:
		v.Text, v.Class = "rights", "sett"
	default:
		v.Class = "alter"
	}
	if free {
		v.Class = "open"
	}
	return v
}

func fileRowOf(f *File) *fileRow {
	x := &fileRow{No: f.File, Kind: f.Kind, Size: f.card.SizeWords(), Holds: f.Content, Value: f.card.Value, Blind: f.card.Settings == nil}
	for _, part := range []inspect.Part{inspect.PartSettings, inspect.PartContent} {
		if m := f.card.MissingPart(part); m != nil && x.Unread == "" {
			if x.Unread = m.Reason; m.Needs != "" && m.Status == "" {
				x.Unread = "needs " + m.Needs
			}
		}
	}
	if x.Blind {
		return x
	}
	switch f.card.Settings.Comm() {
	case wire.CommFull:
		x.Shape, x.Protection = "full", "enciphered"
	case wire.CommMAC:
		x.Shape, x.Protection = "mac", "with MAC"
	default:
		x.Shape, x.Protection = "clear", "in clear"
	}
	return x
}
