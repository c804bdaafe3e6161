package report

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// notAsked is inspect's reason for what takes a key that was not at hand.
const notAsked = "it was not asked for"

// plainly is a missing part with that reason in words that fit where keys were tried.
func plainly(m inspect.Missing) inspect.Missing {
	if m.Reason == notAsked && m.Needs != "" {
		m.Reason = "no key that may was at hand"
	}
	return m
}

// Lacks are what could not be read of a file, in words.
func (f *FilePage) Lacks() (list []string) {
	for _, m := range f.F.Missing {
		m = plainly(m)
		s := fmt.Sprintf("The %s was not read: %s", m.What, m.Reason)
		if m.What == inspect.PartSettings {
			s = fmt.Sprintf("The settings were not read: %s", m.Reason)
		}
		if m.Needs != "" {
			s += "; it takes " + m.Needs
		}
		list = append(list, s+".")
	}
	return list
}

// lost is what could not be read for one reason, of one or several files.
type lost struct {
	inspect.Missing
	Where where
}

// Lost is what could not be read, files of an application that lack the same for the
// same reason together.
func (v *Page) Lost() (list []lost) {
	type same struct {
		place         wire.Place
		what          inspect.Part
		reason, needs string
	}
	at, files := map[same]int{}, [][]string{}
	for _, l := range v.Missing {
		k := same{l.Application, l.What, l.Reason, l.Needs}
		n, known := at[k]
		if !known || l.File == nil {
			at[k] = len(list)
			list, files = append(list, lost{plainly(l.Missing), v.Where(&l.Application, l.File)}), append(files, nil)
			n = len(list) - 1
		}
		if l.File != nil {
			files[n] = append(files[n], fmt.Sprint(*l.File))
		}
		if len(files[n]) == 2 { // it leads to the application from now on
			list[n].Where = v.Where(&l.Application, nil)
		}
	}
	for n := range list {
		switch f := files[n]; {
		case len(f) < 2:
		case len(f) > mostPlaces:
			list[n].Where.Words += fmt.Sprintf(", %d files", len(f))
		default:
			list[n].Where.Words += ", files " + strings.Join(f[:len(f)-1], ", ") + " and " + f[len(f)-1]
		}
	}
	return list
}
