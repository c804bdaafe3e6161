package report_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

var secretUID = []byte{0x04, 0xC3, 0x5A, 0x9E, 0x71, 0xD6, 0x88}

const (
	secretName  = "Zürich-7QX" // of the application, 11 bytes
	secretText  = "Grace Hopper, badge 90211-KX"
	secretTag   = "https://tags.example/qX81z"
	secretValue = 731942
	appName     = 0xF48121
)

func newCard(t testing.TB, g wire.Generation) (*sim.Card, *desfire.Card) {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g, UID: secretUID})
	must(t, err)
	card, err := desfire.Connect(context.Background(), picc.Present(), nil)
	must(t, err)
	return picc, card
}

// read reads a card as the tool does, with keys of zeros for applications.
func read(t testing.TB, picc *sim.Card, keyed bool) (*inspect.Card, *report.Extra) {
	t.Helper()
	ctx := context.Background()
	picc.Lift()
	must(t, picc.Return())
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	defer card.Close()
	conf := &inspect.Config{Ask: inspect.Everything}
	if keyed {
		conf.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			if err := card.Select(ctx, p); err != nil || p.IsCard() {
				return err
			}
			typ := key.TypeAES
			if !p.Fixed {
				s, err := card.KeySettings(ctx)
				if err != nil {
					return err
				}
				if s.KS2.KeyType() == wire.KeyDES {
					typ = key.TypeDES
				}
			}
			return card.Authenticate(ctx, 0, key.Zero(typ))
		}
	}
	c, err := inspect.Read(ctx, card, conf)
	must(t, err)
	x, err := report.Ask(ctx, card)
	must(t, err)
	return c, x
}

func accessOf(u uint16) wire.AccessRights { return wire.AccessRightsFromUint16(u) }

// campus is a card with all that a card can have: it is full of secrets.
func campus(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, card := newCard(t, g)
	defer card.Close()
	typ, zero := wire.KeyAES, key.Zero(key.TypeAES)
	create := &wire.CreateApplication{AID: appName, KS1: wire.SettDefault, KS2: wire.NewKeySett2(typ, 4) | wire.SettISOFiles, FID: 0x7A31, DFName: []byte(secretName)}
	if g == wire.D40 {
		typ, zero = wire.KeyDES, key.Zero(key.TypeDES)
		create = &wire.CreateApplication{AID: appName, KS1: wire.SettDefault, KS2: wire.NewKeySett2(typ, 4)}
	}
	id := func(n wire.ISOFID) wire.ISOFID {
		if g == wire.D40 {
			return 0
		}
		return n
	}
	must(t, card.CreateApplication(ctx, create), card.SelectApplication(ctx, appName), card.Authenticate(ctx, 0, zero),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, FID: id(0x7B01), Option: wire.OptionFull, Access: accessOf(0x1200), Size: 64}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 1, FID: id(0x7B02), Access: accessOf(0xE000), Size: 300}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 2, Option: wire.OptionMAC, Access: accessOf(0x0100), Upper: 1000000, Value: secretValue, Flags: wire.ValueLimitedCredit}),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 3, FID: id(0x7B03), Access: accessOf(0xEEE0), RecordSize: 32, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: 4, FID: id(0x7B04), Access: accessOf(0x1030), RecordSize: 40, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 5, FID: id(0x7B05), Access: accessOf(0xFFFF), Size: 8}),
		card.WriteData(ctx, 0, 0, []byte(secretText)),
	)
	_, err := card.Transact(ctx, func() error {
		return firstError(card.WriteData(ctx, 1, 17, []byte(secretText)), card.WriteRecord(ctx, 3, 0, []byte(secretText)), card.WriteRecord(ctx, 4, 3, []byte(secretText)))
	})
	must(t, err)
	_, err = card.Transact(ctx, func() error { return card.Debit(ctx, 2, 5) })
	must(t, err)
	if g.Has(wire.FeatureTMAC) {
		must(t, card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: 6, Access: accessOf(0xEFF0), KeyOption: wire.TMKeyAES, Key: wire.NewSecret(make([]byte, 16))}))
		_, err = card.Transact(ctx, func() error { return card.Credit(ctx, 2, 1) })
		must(t, err)
	}
	if g != wire.D40 {
		must(t, card.SelectApplication(ctx, wire.PICC))
		layout := &ndef.Layout{Size: 256, Message: ndef.Message{ndef.URI(secretTag), ndef.Text("en", secretText)}}
		commands, err := layout.Commands()
		must(t, err)
		for _, c := range commands {
			_, err := desfire.Do(ctx, card, c)
			must(t, err)
		}
	}
	return picc
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sun is an NTAG 424 DNA that shows secure dynamic messages.
func sun(t testing.TB) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, card := newCard(t, wire.NTAG424)
	defer card.Close()
	must(t, card.Select(ctx, wire.Place{Fixed: true}), card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	_, err := card.FileSettings(ctx, 2)
	must(t, err)
	tpl, err := sdm.ParseTemplate(secretTag+"?u={uid}&c={ctr}&m={mac}", false)
	must(t, err)
	content, settings, err := tpl.NDEFFile(256, wire.Free, 1, wire.Never)
	must(t, err)
	must(t, card.ProvisionSDM(ctx, &desfire.SDMFile{File: 2, Content: content, SDM: settings}))
	return picc
}

// closed is a card that tells nothing without a key.
func closed(t testing.TB) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, card := newCard(t, wire.EV2)
	defer card.Close()
	must(t, card.CreateApplication(ctx, &wire.CreateApplication{AID: appName, KS1: wire.SettChangeable, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.Authenticate(ctx, 0, key.Zero(key.TypeDES)), card.ChangeKeySettings(ctx, wire.SettChangeable|wire.SettMasterChangeable))
	return picc
}

// hostileText is what markup, terminals and readers of text could obey.
const hostileText = "</title></style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;&lt;\u202Eabc\u2066\u200B\x00\x1B[2J\x9B\xFF\u2028{{.}}" +
	"<!-- ]]> -->javascript:alert(1) \U000E0041"

// hostile is a card full of it, as a file of somebody could say.
func hostile(t testing.TB) *inspect.Card {
	t.Helper()
	c, _ := read(t, campus(t, wire.EV3), true)
	c.Product, c.Name, c.Reader, c.Framing = hostileText, hostileText, hostileText, hostileText
	c.Hardware.Version, c.Software.Version = hostileText, hostileText
	c.Missing = append(c.Missing, inspect.Missing{What: inspect.Part(hostileText), Reason: hostileText, Needs: hostileText, Command: hostileText, Status: hostileText})
	for i := range c.Applications {
		a := &c.Applications[i]
		a.DFName, a.KnownAs, a.Missing = inspect.Hex(hostileText), hostileText, c.Missing
		a.KeySettings.KeyType = hostileText
		for j := range a.Files {
			f := &a.Files[j]
			f.Missing, f.Words, f.Type, f.Comm = c.Missing, hostileText, hostileText, hostileText
			if f.Data != nil {
				f.Data = inspect.Hex(hostileText)
			}
			if f.Content != nil {
				f.Content = []inspect.Hex{inspect.Hex(hostileText), {}, nil}
			}
		}
	}
	c.Applications = append(c.Applications, inspect.NewApplication(wire.Place{Name: hostileText[:16]}))
	return c
}

// huge is a card with as much on it as fits any, and more.
func huge() *inspect.Card {
	c := &inspect.Card{Generation: wire.EV2, Product: "MIFARE DESFire EV2", UID: secretUID, Storage: 32768, StorageExact: true, FreeMemory: new(int)}
	for n := range 28 {
		a := inspect.NewApplication(wire.Place{AID: wire.AID(0xA00000 + n)})
		a.KeySettings = inspect.NewKeySettings(&wire.KeySettings{KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 14)}, false)
		for no := range 32 {
			fs := &wire.FileSettings{Type: wire.FileStandard, Access: accessOf(uint16(no*0x1357 + n)), Size: 256}
			if n == 0 && no == 0 {
				fs.Size = 8192
			}
			f := inspect.NewFile(wire.FileNo(no), fs)
			f.Data = make([]byte, fs.Size)
			for i := range f.Data {
				f.Data[i] = byte(i*7 + no)
			}
			a.Files = append(a.Files, f)
		}
		c.Applications = append(c.Applications, a)
	}
	c.SetName()
	return c
}

// everyCard are cards of all kinds, by name.
func everyCard(t testing.TB) map[string]*inspect.Card {
	t.Helper()
	list := map[string]*inspect.Card{"hostile": hostile(t), "huge": huge(), "nothing": {}, "no UID": {Generation: wire.EV1, UID: inspect.Hex{}}}
	for _, g := range []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		list["campus "+g.String()], _ = read(t, campus(t, g), true)
		list["campus without keys "+g.String()], _ = read(t, campus(t, g), false)
		picc, card := newCard(t, g)
		must(t, card.Close())
		list["empty "+g.String()], _ = read(t, picc, false)
	}
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		picc, card := newCard(t, g)
		must(t, card.Close())
		list["delivered "+g.String()], _ = read(t, picc, false)
		list["delivered, with a key "+g.String()], _ = read(t, picc, true)
	}
	list["sun"], _ = read(t, sun(t), true)
	list["sun to a phone"], _ = read(t, sun(t), false)
	list["closed"], _ = read(t, closed(t), false)
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "dumps", "*.json"))
	must(t, err)
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "version_") {
			continue // versions only
		}
		b, err := os.ReadFile(path)
		must(t, err)
		d, err := dump.Read(b)
		must(t, err)
		list[filepath.Base(path)] = d.Card
	}
	return list
}
