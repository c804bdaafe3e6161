package mobile

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Keys of the simulated cards.
const (
	moverKey = "303132333435363738396162636465FF"
	tmKey    = "505152535455565758595a5b5c5d5eFE"
	ringText = `desfire: keys/v1
masters:
  badges-2026: "aes:707172737475767778797A7B7C7D7E7F/01"
keys:
  card: {0: "2k3des:00000000000000000000000000000000"}
  F48121: {0: "aes:00000000000000000000000000000000", 1: "aes:` + moverKey + `/07"}
`
	badgeText = `desfire: layout/v1
card: {generations: [ev2, ev3], master: picc-master}
keys:
  picc-master: {type: aes, version: 1, from: badges-2026, diversify: {an10922: {uid: true, system: "picc"}}}
  badge-master: {type: aes, version: 1, from: badges-2026, diversify: {an10922: {uid: true, aid: true}}}
  door: {type: aes, version: 1, from: badges-2026, diversify: {an10922: {uid: true, aid: true, system: "door"}}}
applications:
  - aid: "F48122"
    name: badge
    keys: {master: badge-master, 1: door}
    files:
      - {no: 1, name: holder, type: standard, size: 32, mode: full, read: door, write: badge-master, content: {template: "{{.card_no}}|{{.name}}", pad: 00}}
`
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func aes(t testing.TB, digits string, version byte) *key.Secret {
	t.Helper()
	raw, err := hex.DecodeString(digits)
	must(t, err)
	k, err := key.NewAES(raw, version)
	must(t, err)
	return k
}

// newPurseCard is a card with an application F48121: value file 1 with 100 in it, slots in file 2, a transaction MAC file
// 3, cyclic records in file 5, a free file 6 and an enciphered one, 7.
func newPurseCard(t testing.TB) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	defer card.Close()
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	counter := access
	counter.Write = wire.Never
	tm, err := hex.DecodeString(tmKey)
	must(t, err)
	must(t, card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xF48121, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	must(t, card.SelectApplication(ctx, 0xF48121))
	must(t, card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(t, card.ChangeKey(ctx, 1, aes(t, moverKey, 7), key.Zero(key.TypeAES)))
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	for _, f := range []wire.FileCreation{
		&wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: access, Upper: 1000, Value: 100, Flags: wire.ValueLimitedCredit},
		&wire.CreateBackupDataFile{File: 2, Option: wire.OptionFull, Access: access, Size: 64},
		&wire.CreateTransactionMACFile{File: 3, Option: wire.OptionFull, Access: counter, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm), KeyVersion: 1},
		&wire.CreateCyclicRecordFile{File: 5, Option: wire.OptionFull, Access: access, RecordSize: 16, MaxRecords: 5},
		&wire.CreateStdDataFile{File: 6, Option: wire.OptionPlain, Access: free, Size: 300},
		&wire.CreateStdDataFile{File: 7, Option: wire.OptionFull, Access: access, Size: 32},
	} {
		must(t, card.CreateFile(ctx, f))
	}
	return picc
}

// purseLayout is the layout of a purse for such cards, as desfire purse init writes it.
func purseLayout(t testing.TB, picc *sim.Card) string {
	t.Helper()
	ctx := context.Background()
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	defer card.Close()
	must(t, card.SelectApplication(ctx, 0xF48121))
	must(t, card.Authenticate(ctx, 1, aes(t, moverKey, 7)))
	file := func(no wire.FileNo) purse.File {
		fs, err := card.FileSettings(ctx, no)
		must(t, err)
		return purse.File{No: no, Settings: *fs}
	}
	layout, err := purse.LayoutOf(&purse.Config{
		Place: wire.Place{AID: 0xF48121}, Generation: wire.EV3, KeyNo: 1, Values: []purse.File{file(1)}, Slot: &purse.Slot{File: file(2)},
		TMAC: &purse.TMAC{File: file(3), NamesReader: true}, Policy: purse.Hostile, Terminal: "phone",
	})
	must(t, err)
	text, err := json.Marshal(layout)
	must(t, err)
	return string(text)
}

// maker is one of those who make phones.
type maker struct {
	name string
	open func(a *air, conf *Config) (*Card, error)
}

var phones = []maker{
	{"android", func(a *air, conf *Config) (*Card, error) {
		return OpenCard(&isoDep{air: a, max: 261, connected: true}, conf)
	}},
	{"iphone", func(a *air, conf *Config) (*Card, error) { return OpenCard7816(&tag7816{air: a}, conf) }},
}

// tap holds a card to a phone, which selects the card's DF name first, as phones do.
func tap(t testing.TB, picc *sim.Card) *air {
	t.Helper()
	field := picc.Present()
	a := newAir(field, func() { field.Close() })
	_, err := field.Transmit(t.Context(), wire.AppendAPDU(nil, 0, 0xA4, 4, 0, []byte{0xD2, 0x76, 0, 0, 0x85, 1, 0}, 256))
	must(t, err)
	return a
}

func newKeys(t testing.TB) *Keys {
	t.Helper()
	k := NewKeys()
	must(t, k.AddKeyring(ringText, ""))
	t.Cleanup(k.Close)
	return k
}

// fits checks a result against the schema of what the tool prints.
func fits(t testing.TB, name, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v in %s", name, err, text)
	}
	s, err := schemas()
	must(t, err)
	def := s.Defs[name]
	if def == nil {
		t.Fatalf("the schema knows no %s", name)
	}
	r, err := def.CloneSchemas().Resolve(nil)
	must(t, err)
	if err := r.Validate(v); err != nil {
		t.Errorf("%s is not as the tool prints it: %v\n%s", name, err, text)
	}
	return v
}

var schemas = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "output.schema.json"))
	if err != nil {
		return nil, err
	}
	s := new(jsonschema.Schema)
	return s, json.Unmarshal(text, s)
})
