package batch_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var place = wire.Place{AID: 0xF48121}

// campus is a layout as a Go value: an application with a file that has two columns.
type campus struct {
	columns  []string
	size     uint32
	hash     string
	settings wire.KeySett1
	sets     bool   // the application has key sets
	bad      string // a row of which no card can be made
}

func layouts() *campus {
	return &campus{columns: []string{"number", "name"}, size: 48, settings: wire.SettDefault, hash: "first"}
}

func (c *campus) Columns() []string { return c.columns }
func (c *campus) Hash() string      { return c.hash }

func (c *campus) Layout(row map[string]string) (*perso.Layout, error) {
	settings := c.settings
	data := perso.File{No: 1, Settings: wire.FileSettings{
		Type: wire.FileStandard, Option: wire.OptionFull, Size: c.size,
		Access: wire.AccessRights{Read: 1, Write: 0, ReadWrite: wire.Never, Change: 0},
	}}
	if c.bad != "" && row["number"] == c.bad {
		return nil, errors.New("its number is bad")
	}
	if row != nil {
		data.Data = content(row, int(c.size))
	}
	a := perso.Application{Place: place, KeySettings: &settings, KeyType: wire.KeyAES, KeyCount: 2, Files: []perso.File{data}}
	if c.sets {
		a.KeySett3, a.KeySets = wire.SettKeySets, &wire.KeySetConfig{AKSVersion: 1, NoKeySets: 2, MaxKeySize: 16}
	}
	return &perso.Layout{
		Generations: []wire.Generation{wire.EV1, wire.EV2, wire.EV3}, Card: &perso.Level{}, Applications: []perso.Application{a},
	}, nil
}

// content is what the file of a row holds.
func content(row map[string]string, size int) []byte {
	b := make([]byte, size)
	copy(b, row["number"]+"|"+row["name"])
	return b
}

// derived are keys of cards, another one on each.
type derived struct{ version byte }

func (d derived) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	if r.UID == "" {
		return keystore.Facts{Type: "AES", Version: d.version}, true, nil
	}
	k, err := d.Key(ctx, r)
	if err != nil {
		return keystore.Facts{}, false, err
	}
	return keystore.FactsOf(k, "test"), true, nil
}

func (d derived) Key(_ context.Context, r keystore.Ref) (key.Key, error) {
	b, err := d.secret(r)
	if err != nil {
		return nil, err
	}
	return key.NewAES(b, d.version)
}

func (d derived) secret(r keystore.Ref) ([]byte, error) {
	if r.UID == "" {
		return nil, keystore.ErrNoUID
	}
	h := fnv.New128a()
	_, _ = fmt.Fprint(h, r, d.version)
	return h.Sum(nil), nil
}

// journal is a journal of key changes in memory.
type journal struct {
	entries []rekey.Entry
	failAt  int // the entry, from now, that cannot be written; 0 for none
}

func (j *journal) Record(_ context.Context, e rekey.Entry) error {
	if j.failAt > 0 {
		if j.failAt--; j.failAt == 0 {
			return batch.ErrFull
		}
	}
	j.entries = append(j.entries, e)
	return nil
}

func (j *journal) Entries(context.Context) ([]rekey.Entry, error) {
	return slices.Clone(j.entries), nil
}

// open are the changes of which the journal does not know what became.
func (j *journal) open() (list []rekey.Entry) {
	for i, open := range rekey.OpenEntries(j.entries) {
		if open {
			list = append(list, j.entries[i])
		}
	}
	return list
}

func people(n int) string {
	var b strings.Builder
	b.WriteString("number,name\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,Person %d\n", 1000+i, i)
	}
	return b.String()
}

func table(t testing.TB, text string, conf *batch.TableConfig) *batch.Table {
	t.Helper()
	tab, err := batch.ReadTable("people.csv", strings.NewReader(text), conf)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// bench is a batch and its files.
type bench struct {
	t       testing.TB
	conf    batch.Config
	journal *journal
	batch   *batch.Batch
}

func newBench(t testing.TB, rows int) *bench {
	j := new(journal)
	folder := t.TempDir()
	return &bench{t: t, journal: j, conf: batch.Config{
		Layouts: layouts(), Table: table(t, people(rows), nil),
		Perso: perso.Config{Want: derived{1}, Journal: j},
		Book:  filepath.Join(folder, "people.book"), Results: filepath.Join(folder, "results.csv"),
	}}
}

func (b *bench) open() *batch.Batch {
	b.t.Helper()
	x, err := batch.Open(context.Background(), b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = x.Close() })
	b.batch = x
	return x
}

func (b *bench) close() {
	b.t.Helper()
	if err := b.batch.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func picc(t testing.TB, g wire.Generation, n int) *sim.Card {
	t.Helper()
	c, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, byte(n >> 8), byte(n), 1, 2, 3, 4}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func uidOf(c *sim.Card) keystore.UID { return keystore.UID(c.UID()) }

// present puts a card on the reader.
func (b *bench) present(c *sim.Card) (batch.Result, error) {
	b.t.Helper()
	card, err := desfire.Connect(context.Background(), c.Present(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.batch.Card(context.Background(), card, "reader")
}

// want presents a card and says what must become of it.
func (b *bench) want(c *sim.Card, o batch.Outcome, row string) batch.Result {
	b.t.Helper()
	r, err := b.present(c)
	if err != nil && o != batch.HalfDone && o != batch.Untouched || r.Outcome != o || r.Row != row {
		b.t.Fatalf("card %v: %s, row %q, %q, %v; want %s, row %q", uidOf(c), r.Outcome, r.Row, r.Reasons, err, o, row)
	}
	return r
}

// holds compares a card with a row, by its keys alone.
func holds(t testing.TB, c *sim.Card, row map[string]string) {
	t.Helper()
	ctx := context.Background()
	card, err := desfire.Connect(ctx, c.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := derived{1}.Key(ctx, keystore.Ref{UID: uidOf(c), Place: place, Key: keystore.Number(1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(card.SelectApplication(ctx, place.AID), card.Authenticate(ctx, 1, k)); err != nil {
		t.Fatal(err)
	}
	data, err := card.ReadData(ctx, 1, 0, 0)
	if want := content(row, 48); err != nil || !slices.Equal(data, want) {
		t.Errorf("card %v holds %q, want %q, %v", uidOf(c), data, want, err)
	}
}

func (b *bench) results() []string {
	b.t.Helper()
	text, err := os.ReadFile(b.conf.Results)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
