// The layouts are tested on a simulated card of every generation that each claims, with
// the rows of its table, and by doing with the cards what they are for.

package layouts_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/examples/layouts"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// masters are master keys that are made when they are asked for first.
type masters struct {
	types map[string]key.Type
	made  map[string]*key.Secret
}

func (m masters) MasterFacts(_ context.Context, name string) (keystore.Facts, bool) {
	k, err := m.Master(context.Background(), name)
	if err != nil {
		return keystore.Facts{}, false
	}
	return keystore.FactsOf(k, name), true
}

func (m masters) Master(_ context.Context, name string) (key.Key, error) {
	if k, ok := m.made[name]; ok {
		return k, nil
	}
	t, ok := m.types[name]
	if !ok {
		t = key.TypeAES
	}
	k, err := key.Generate(t, 1)
	if err != nil {
		return nil, err
	}
	m.made[name] = k
	return k, nil
}

func newMasters() masters {
	return masters{types: map[string]key.Type{"visitors-2026": key.Type2K3DES}, made: map[string]*key.Secret{}}
}

// issued is a card that was made by a layout.
type issued struct {
	card *desfire.Card
	sim  *sim.Card
	keys *yaml.Keys
	doc  *yaml.Document
	from masters
	row  map[string]string
}

// rows are those of the table that lies beside a layout.
func rows(t *testing.T, path string) []map[string]string {
	t.Helper()
	list, err := layouts.Rows(strings.TrimSuffix(path, ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// issue makes a card, and finds that there is nothing left to do.
func issue(t *testing.T, path string, g wire.Generation, row map[string]string) *issued {
	t.Helper()
	ctx := context.Background()
	doc, err := yaml.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &issued{card: card, sim: picc, doc: doc, from: newMasters(), row: row}
	x.keys = doc.Keys(x.from, nil)
	layout, err := doc.Layout(row)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := rekey.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close() })
	conf := &perso.Config{Have: x.keys.Have(), Want: x.keys.Want(), Journal: journal}
	plan, err := perso.Apply(ctx, card, layout, conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]perso.Note{plan.Impossible, plan.Held, plan.Extra, plan.Warnings} {
		for _, n := range list {
			t.Errorf("%v", n)
		}
	}
	again, err := perso.NewPlan(ctx, card, layout, conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range again.Steps {
		t.Errorf("left to do: %s", s.Words)
	}
	list, err := perso.Verify(ctx, card, layout, conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Unproven == "" {
			t.Errorf("%v", d)
		} else {
			t.Logf("%v", d)
		}
	}
	return x
}

// TestEveryGeneration makes the cards of all layouts, of each generation and row.
func TestEveryGeneration(t *testing.T) {
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) < 7 {
		t.Fatalf("%q, %v", paths, err)
	}
	for _, path := range paths {
		doc, err := yaml.Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		list := rows(t, path)
		for _, name := range doc.Columns() {
			if _, ok := list[0][name]; !ok {
				t.Errorf("%s has no column %s in its table", path, name)
			}
		}
		layout, err := doc.Layout(list[0])
		if err != nil {
			t.Error(err)
			continue
		}
		if len(layout.Generations) == 0 {
			t.Errorf("%s claims no generation", path)
		}
		for _, g := range layout.Generations {
			for i, row := range list {
				if i > 0 && g != layout.Generations[0] {
					break
				}
				t.Run(strings.TrimSuffix(path, ".yaml")+"/"+g.String(), func(t *testing.T) { issue(t, path, g, row) })
			}
		}
	}
}

// TestNoLayoutUntested finds a table without layout.
func TestNoLayoutUntested(t *testing.T) {
	tables, err := filepath.Glob("*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tables {
		if _, err := os.Stat(strings.TrimSuffix(path, ".csv") + ".yaml"); err != nil {
			t.Error(err)
		}
	}
	if !slices.Contains(tables, "campus.csv") {
		t.Errorf("%q", tables)
	}
}
