package yaml

import (
	"bytes"
	"errors"
	"slices"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/perso"
)

// Layout is what a card should be, for a row of a table by the names of its columns.
// A nil row leaves out contents that have columns: they are not compared then.
// Whatever else is in the row is not used. The layout is the caller's. Contents that
// a row cannot have, since a column is missing or a value too long, are Errors.
func (d *Document) Layout(row map[string]string) (*perso.Layout, error) {
	l := clone(&d.layout)
	var errs Errors
	for i, a := range d.apps {
		for j, f := range a.files {
			if row == nil || f.content == nil || f.content.columns == nil {
				continue
			}
			out := &l.Applications[i].Files[j]
			data, err := f.content.bytes(int(out.Settings.Size), row)
			if err != nil {
				errs = append(errs, d.error(f.content.at.Fault("%s: %v", d.fileWords(i, j), err)))
				continue
			}
			f.put(out, data)
		}
	}
	if errs != nil {
		return nil, errs
	}
	return l, nil
}

// clone copies what a layout of a Document has.
func clone(l *perso.Layout) *perso.Layout {
	c := &perso.Layout{Generations: slices.Clone(l.Generations)}
	if l.Card != nil {
		level := *l.Card
		level.KeySettings = pointer(level.KeySettings)
		level.Keys = cloneKeys(level.Keys)
		level.Options = slices.Clone(level.Options)
		c.Card = &level
	}
	for _, a := range l.Applications {
		a.DFName = bytes.Clone(a.DFName)
		a.KeySettings, a.KeySets = pointer(a.KeySettings), pointer(a.KeySets)
		a.Keys, a.VCKeys = cloneKeys(a.Keys), cloneKeys(a.VCKeys)
		a.Sets = slices.Clone(a.Sets)
		for i := range a.Sets {
			a.Sets[i].Keys = cloneKeys(a.Sets[i].Keys)
		}
		a.Delegated = pointer(a.Delegated)
		a.Files = slices.Clone(a.Files)
		for i := range a.Files {
			f := &a.Files[i]
			f.Settings = f.Settings.Clone()
			f.Data, f.FirstData = bytes.Clone(f.Data), bytes.Clone(f.FirstData)
			f.First = pointer(f.First)
		}
		c.Applications = append(c.Applications, a)
	}
	return c
}

func pointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func cloneKeys(keys []perso.KeyWant) []perso.KeyWant {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].Version = pointer(keys[i].Version)
	}
	return keys
}

// where is where the layout says what an error is about.
func (d *Document) where(err error) yamlnode.Position {
	var e *perso.LayoutError
	if !errors.As(err, &e) {
		return yamlnode.Position{}
	}
	return d.position(e.Where)
}
