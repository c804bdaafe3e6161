package report

import (
	"fmt"

	"github.com/go-desfire/desfire/internal/blocks"
)

// square is a piece of the memory in the picture.
type square struct{ Class string }

// legend is a row below the picture.
type legend struct {
	Class, ID, Name, Note string
	Bytes                 int
}

// mostSquares is how fine the picture gets; an eighth more is no reason for
// larger squares.
const mostSquares = 256

// mapOf draws the memory: applications in the order of the card, the rest, what
// is free. Every square is unit bytes.
func mapOf(r *Report) (unit int, list []square) {
	m := &r.Memory
	unit = blocks.Size
	for m.scale > unit*(mostSquares+mostSquares/8) {
		unit *= 2
	}
	total := (m.scale + unit - 1) / unit
	add := func(class string, n int) {
		for ; n > 0 && len(list) < total; n-- {
			list = append(list, square{class})
		}
	}
	at, end := 0, 0 // bytes that were drawn, and that are to be
	upTo := func(class string, n int) {
		at += n
		next := (at + unit/2) / unit
		if class != "" && n > 0 && next == end {
			next++ // what is there is seen
		}
		add(class, next-end)
		end = max(end, next)
	}
	for i := range r.Applications {
		x := &r.Applications[i]
		shade := fmt.Sprintf("a%d", 1+i%3)
		upTo(shade+" o", x.Overhead)
		upTo(shade, x.Bytes-x.Overhead)
	}
	switch {
	case m.Free == nil:
		add("u", total-len(list))
	default:
		free := (*m.Free + unit/2) / unit
		add("r", total-len(list)-free)
		add("f", total-len(list))
	}
	return unit, list
}

// mostRows is how many applications the legend lists.
const mostRows = 12

func legendOf(v *Page) []legend {
	var list []legend
	rest, others := 0, 0
	for i := range v.Apps {
		a := &v.Apps[i]
		if len(v.Apps) > mostRows+1 && i >= mostRows {
			rest, others = rest+a.Bytes, others+1
			continue
		}
		list = append(list, legend{fmt.Sprintf("a%d", a.Shade), a.ID, a.Name, counted(len(a.Files), "file"), a.Bytes})
	}
	if others > 0 {
		list = append(list, legend{Class: "many", Name: counted(others, "more application"), Bytes: rest})
	}
	m := &v.Memory
	fixed := v.Card.Generation.FixedName() != nil
	switch {
	case m.Free != nil:
		if m.Rest != nil && *m.Rest > 0 {
			name := "in no application"
			if v.Card.Applications == nil {
				name = "in use, not seen"
			}
			list = append(list, legend{Class: "r", Name: name, Note: m.never, Bytes: *m.Rest})
		}
		list = append(list, legend{Class: "f", Name: "free", Bytes: *m.Free})
	case !fixed && m.scale > m.Applications:
		list = append(list, legend{Class: "u", Name: "not known", Bytes: m.scale - m.Applications})
	}
	return list
}

// strip is a piece of the strip of an application: percent of the widest.
type strip struct {
	Class, X, W, Title, Label string
}

func stripOf(x *Application, widest int) (list []strip) {
	at := 0.0
	add := func(class, label, title string, n int) {
		if n == 0 {
			return
		}
		w := 100 * float64(n) / float64(widest)
		s := strip{Class: class, X: fmt.Sprintf("%.3f%%", at), W: fmt.Sprintf("%.3f%%", max(w-0.2, 0.15)), Title: fmt.Sprintf("%s: %s", title, counted(n, "byte"))}
		if w > 3 {
			s.Label = label
		}
		list = append(list, s)
		at += w
	}
	add("o", "keys", "keys, directory and name", x.Overhead)
	for i := range x.Files {
		add("", fmt.Sprint(x.Files[i].File), fmt.Sprintf("file %d", x.Files[i].File), x.Files[i].Bytes)
	}
	return list
}
