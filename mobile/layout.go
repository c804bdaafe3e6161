package mobile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/rekey"
)

// Layout is what a card should be: docs/layouts.md has the language. It is for one job at a time.
type Layout struct {
	name         string
	doc          *yaml.Document
	row          map[string]string
	prune        bool
	irreversible []string
	progress     Progress
}

// Progress is told how far a job is. The app implements it; it is called on the job's thread.
type Progress interface {
	// Step tells that step number n of all begins, and what it does.
	Step(n, all int, what string)
}

// ReadLayout reads a layout. name is what errors and JSON call it. Contents out of files are not for phones.
func ReadLayout(name, text string) (*Layout, error) {
	doc, err := yaml.Read(name, []byte(text), nil)
	if err != nil {
		return nil, coded(CodeInput, err)
	}
	return &Layout{name: name, doc: doc, row: map[string]string{}}, nil
}

// Fill fills a column of the layout.
func (l *Layout) Fill(column, value string) error {
	if l.doc == nil {
		return errNoLayout()
	}
	columns := l.doc.Columns()
	if !slices.Contains(columns, column) {
		return usage("the layout has no column %q; it has: %s", column, strings.Join(columns, ", "))
	}
	l.row[column] = value
	return nil
}

// SetPrune deletes applications and files that are on the card and not in the layout, if on.
func (l *Layout) SetPrune(on bool) { l.prune = on }

// Allow lets something be done that can never be undone, by its name, as desfire layout apply --irreversible does.
func (l *Layout) Allow(name string) { l.irreversible = append(l.irreversible, name) }

// SetProgress tells watcher how far Apply is; nil tells nobody.
func (l *Layout) SetProgress(watcher Progress) { l.progress = watcher }

// layoutPlan is what desfire layout plan prints.
type layoutPlan struct {
	cardOf
	Layout     string       `json:"layout"`
	Hash       string       `json:"hash"`
	Structure  string       `json:"structure"`
	Steps      []perso.Step `json:"steps"`
	Exchanges  int          `json:"exchanges"`
	Bytes      int          `json:"bytes"`
	Kept       []perso.Note `json:"kept"`
	Extra      []perso.Note `json:"extra"`
	Impossible []perso.Note `json:"impossible"`
	Held       []perso.Note `json:"held"`
	Warnings   []perso.Note `json:"warnings"`
	Saved      string       `json:"saved"`
}

// layoutResult is what desfire layout apply prints at its end.
type layoutResult struct {
	cardOf
	Layout      string             `json:"layout"`
	Done        int                `json:"done"`
	Differences []perso.Difference `json:"differences"`
	Unproven    []perso.Difference `json:"unproven"`
	Held        []perso.Note       `json:"held"`
}

// Plan says what would make the card what a layout says, and changes nothing.
func (c *Card) Plan(layout *Layout, keys *Keys) (string, error) {
	return c.withLayout(layout, keys, func(ctx context.Context, card *desfire.Card, want *perso.Layout, conf *perso.Config) (any, error) {
		conf.Journal = noJournal{}
		p, err := perso.NewPlan(ctx, card, want, conf)
		if err != nil {
			return nil, err
		}
		return c.planOf(layout, p), nil
	})
}

func (c *Card) planOf(l *Layout, p *perso.Plan) *layoutPlan {
	return &layoutPlan{
		cardOf: c.identified(p), Layout: l.name, Hash: l.doc.RowHash(l.row), Structure: p.Structure, Steps: p.Steps, Exchanges: p.Exchanges(), Bytes: p.Bytes(),
		Kept: p.Keep, Extra: p.Extra, Impossible: p.Impossible, Held: p.Held, Warnings: p.Warnings,
	}
}

// identified is the card, also where it tells its identifier in a session only.
func (c *Card) identified(p *perso.Plan) cardOf {
	o := c.of()
	if len(o.UID) == 0 {
		o.UID = hexBytes(p.UID)
	}
	return o
}

// noJournal is the journal of a plan.
type noJournal struct{}

// Record implements rekey.Journal.
func (noJournal) Record(context.Context, rekey.Entry) error {
	return errors.New("a plan changes nothing")
}

// Apply makes the card what a layout says, reads back and compares. Where the card leaves in the middle, the same call with the
// same card goes on. Each key change is in a journal in Config.Folder first, so that no card ends with keys
// that nobody knows. What is impossible is an error before anything is done; a card that differs at
// the end is an error with code "differs".
func (c *Card) Apply(layout *Layout, keys *Keys) (string, error) {
	return c.withLayout(layout, keys, func(ctx context.Context, card *desfire.Card, want *perso.Layout, conf *perso.Config) (any, error) {
		journal, err := c.keyJournal()
		if err != nil {
			return nil, err
		}
		defer journal.Close() //nolint:errcheck // each entry is on disk before the card hears of it
		conf.Journal = journal
		r, err := c.apply(ctx, card, layout, want, conf)
		if err == nil || r.Done == 0 {
			return r, err
		}
		return nil, inPart(r, err)
	})
}

// inPart is the error of a card that was made in part.
func inPart(r *layoutResult, err error) error {
	f := explain(err)
	switch {
	case f.Code == CodeDiffers:
		return err
	case f.Code == CodeNoCard || f.Code == CodeInterrupted:
		f.Code = CodeUnknown
	}
	f.Happened = HappenedUnknown
	f.Next = "The card is made in part. Present it again, and the same call goes on."
	f.Detail, _ = encode(r)
	return &jobError{*f, err}
}

func (c *Card) apply(ctx context.Context, card *desfire.Card, l *Layout, want *perso.Layout, conf *perso.Config) (*layoutResult, error) {
	r := &layoutResult{cardOf: c.of(), Layout: l.name, Differences: []perso.Difference{}, Unproven: []perso.Difference{}, Held: []perso.Note{}}
	p, err := perso.NewPlan(ctx, card, want, conf)
	if err != nil {
		return r, err
	}
	r.cardOf, r.Held = c.identified(p), append(r.Held, p.Held...)
	if n := len(p.Impossible); n > 0 {
		return r, with(coded(CodeImpossible, fmt.Errorf("%d parts of %s cannot be made on this card (%v): nothing was done", n, l.name, p.Impossible[0])), c.planOf(l, p))
	}
	conf.OnStep = func(s perso.Progress) {
		r.Done++
		if l.progress != nil {
			l.progress.Step(s.N, s.Of, s.Step.Words)
		}
	}
	if err := p.Apply(ctx, card, conf); err != nil {
		return r, err
	}
	list, err := perso.Verify(ctx, card, want, conf)
	if err != nil {
		return r, err
	}
	differences, unproven := perso.Parted(list)
	r.Differences, r.Unproven = append(r.Differences, differences...), append(r.Unproven, unproven...)
	if n := len(differences); n > 0 {
		return r, with(coded(CodeDiffers, fmt.Errorf("the card is not what %s says: %d differences", l.name, n)), r)
	}
	return r, nil
}

// Verify compares the card with a layout, and changes nothing. A card that differs is an error with code "differs", whose
// Detail has the differences.
func (c *Card) Verify(layout *Layout, keys *Keys) (string, error) {
	return c.withLayout(layout, keys, func(ctx context.Context, card *desfire.Card, want *perso.Layout, conf *perso.Config) (any, error) {
		conf.Journal = noJournal{}
		list, err := perso.Verify(ctx, card, want, conf)
		if err != nil {
			return nil, err
		}
		r := &layoutResult{cardOf: c.of(), Layout: layout.name, Differences: []perso.Difference{}, Unproven: []perso.Difference{}, Held: []perso.Note{}}
		differences, unproven := perso.Parted(list)
		r.Differences, r.Unproven = append(r.Differences, differences...), append(r.Unproven, unproven...)
		if n := len(differences); n > 0 {
			return nil, with(coded(CodeDiffers, fmt.Errorf("the card is not what %s says: %d differences", layout.name, n)), r)
		}
		return r, nil
	})
}

func errNoLayout() error { return usage("there is no layout: ReadLayout makes one") }

// withLayout runs a job with a layout and its keys.
func (c *Card) withLayout(l *Layout, keys *Keys, f func(ctx context.Context, card *desfire.Card, want *perso.Layout, conf *perso.Config) (any, error)) (string, error) {
	if l == nil || l.doc == nil {
		return "", errNoLayout()
	}
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		want, err := l.doc.Layout(l.row)
		if err != nil {
			return nil, coded(CodeInput, err)
		}
		of := l.doc.Keys(keys.masters(), keys.store())
		if missing := of.Missing(ctx); len(missing) > 0 {
			return nil, coded(CodeRight, fmt.Errorf("%s: %w", l.name, missing[0]))
		}
		id, err := c.conf.readerID()
		if err != nil {
			return nil, err
		}
		conf := &perso.Config{Have: of.Have(), Want: of.Want(), Prune: l.prune, Irreversible: l.irreversible, ReaderID: id}
		if err := conf.Check(); err != nil {
			return nil, err
		}
		return f(ctx, card, want, conf)
	})
}

// keyJournal opens the journal of key changes in the app's folder.
func (c *Card) keyJournal() (*rekey.FileJournal, error) {
	if c.conf.Folder == "" {
		return nil, usage("Config.Folder is empty: the journal of key changes needs a folder")
	}
	if err := os.MkdirAll(c.conf.Folder, 0o700); err != nil {
		return nil, err
	}
	return rekey.OpenJournal(filepath.Join(c.conf.Folder, "key-journal.jsonl"))
}
