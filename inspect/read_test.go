package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const app wire.AID = 0x121314

// onCard makes a card, and tells which commands Read has sent to it.
func onCard(t *testing.T, g wire.Generation) (picc *sim.Card, connect func() (*desfire.Card, *[]string)) {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	return picc, func() (*desfire.Card, *[]string) {
		t.Helper()
		picc.Lift()
		picc.Return()
		sent := new([]string)
		conf := &desfire.Config{Observe: func(x *desfire.Exchange) { *sent = append(*sent, x.Command.Spec().Name) }}
		card, err := desfire.Connect(context.Background(), picc.Present(), conf)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { card.Close() })
		*sent = nil
		return card, sent
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// filled is a card with an application that hides its list, and files of every
// kind of content.
func filled(t *testing.T, ks1 wire.KeySett1) func() (*desfire.Card, *[]string) {
	t.Helper()
	ctx := context.Background()
	_, connect := onCard(t, wire.EV2)
	card, _ := connect()
	zero := key.Zero(key.TypeAES)
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{AID: app, KS1: ks1, KS2: wire.NewKeySett2(wire.KeyAES, 3)}),
		card.SelectApplication(ctx, app),
		card.Authenticate(ctx, 0, zero),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, Option: wire.OptionFull, Access: rights(0x1230), Size: 8}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Access: rights(0xE220), Lower: -5, Upper: 100, Value: 7}),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, Access: rights(0xEEE0), RecordSize: 4, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 3, Access: rights(0xFFF0), Size: 4}),
		card.SelectApplication(ctx, app),
	)
	_, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, 2, 0, []byte{1, 2, 3, 4}) })
	must(t, err)
	return connect
}

func TestReadAsksWhatIsWanted(t *testing.T) {
	connect := filled(t, wire.SettDefault)
	for _, tc := range []struct {
		conf *inspect.Config
		want string
	}{
		{nil, "SelectApplication FreeMemory GetApplicationIDs SelectApplication GetKeySettings GetFileIDs " + strings.Repeat("GetFileSettings ", 4)},
		{&inspect.Config{Ask: inspect.Summary}, "SelectApplication FreeMemory GetKeySettings GetApplicationIDs"},
		{&inspect.Config{Ask: inspect.AskApplications}, "SelectApplication GetApplicationIDs"},
		{&inspect.Config{Ask: inspect.AskApplications | inspect.AskNames}, "SelectApplication GetApplicationIDs GetDFNames"},
		{&inspect.Config{Ask: inspect.AskKeySettings, Places: []wire.Place{{AID: app}}}, "SelectApplication GetKeySettings"},
		{&inspect.Config{Ask: inspect.AskKeyVersions | inspect.AskKeySettings, Places: []wire.Place{{AID: app}}}, "SelectApplication GetKeySettings GetKeyVersion GetKeyVersion GetKeyVersion"},
		{&inspect.Config{Ask: inspect.AskVersion, Places: []wire.Place{{AID: app}}}, ""},
	} {
		card, sent := connect()
		if _, err := inspect.Read(context.Background(), card, tc.conf); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(*sent, " "); got != strings.TrimSpace(tc.want) {
			t.Errorf("%+v:\n got %s\nwant %s", tc.conf, got, tc.want)
		}
	}
}

func TestReadContent(t *testing.T) {
	connect := filled(t, wire.SettDefault)
	for _, withKey := range []bool{false, true} {
		card, _ := connect()
		conf := &inspect.Config{Ask: inspect.Everything}
		if withKey {
			conf.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error {
				if err := card.Select(ctx, p); err != nil || p.IsCard() {
					return err
				}
				return card.Authenticate(ctx, 1, key.Zero(key.TypeAES))
			}
		}
		c, err := inspect.Read(context.Background(), card, conf)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Applications) != 1 || len(c.Applications[0].Files) != 4 || len(c.Applications[0].KeyVersions) != 3 || len(c.KeyVersions) != 1 {
			t.Fatalf("%+v", c)
		}
		f := c.Applications[0].Files
		if f[0].Proven != withKey || c.Applications[0].KeySettings.Proven != withKey || c.KeySettings.Proven {
			t.Errorf("with a key %v: proven %v, %v, %v", withKey, f[0].Proven, c.Applications[0].KeySettings.Proven, c.KeySettings.Proven)
		}
		if withKey {
			if len(f[0].Data) != 8 || len(f[0].Missing) > 0 {
				t.Errorf("file 0 with its key: %+v", f[0])
			}
		} else if m := f[0].MissingPart(inspect.PartContent); f[0].Data != nil || m == nil || m.Needs != "key 1 or 3" {
			t.Errorf("file 0 without a key: %+v", f[0])
		}
		if f[1].Value == nil || *f[1].Value != 7 || *f[1].Lower != -5 {
			t.Errorf("the value file: %+v", f[1])
		}
		if len(f[2].Content) != 1 || !slices.Equal(f[2].Content[0], inspect.Hex{1, 2, 3, 4}) {
			t.Errorf("the record file: %+v", f[2])
		}
		if m := f[3].MissingPart(inspect.PartContent); m == nil || m.Words() != "no content: nobody may read it" {
			t.Errorf("the file that nobody reads: %+v", f[3])
		}
	}
}

// What a card refuses is in the result with status and right, and the reading
// goes on behind it.
func TestReadSaysWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	connect := filled(t, wire.SettDefault&^wire.SettFreeDirectory)
	card, _ := connect()
	c, err := inspect.Read(ctx, card, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &c.Applications[0]
	if a.Files != nil || a.KeySettings != nil {
		t.Fatalf("%+v", a)
	}
	m := a.MissingPart(inspect.PartFiles)
	if m == nil || m.Command != "GetFileIDs" || m.Status != "91AE" || m.Needs != "key 0" || !errors.Is(m.Err, wire.StatusAuthenticationError) {
		t.Fatalf("%+v", m)
	}
	if want := "no files: GetFileIDs was refused with AUTHENTICATION_ERROR (91AE); needs key 0"; m.Words() != want {
		t.Errorf("%q, want %q", m.Words(), want)
	}
	if a.MissingPart(inspect.PartKeySettings) == nil || a.MissingPart(inspect.PartNames) != nil {
		t.Errorf("%+v", a.Missing)
	}

	// The card level, locked.
	card, _ = connect()
	must(t, card.Authenticate(ctx, 0, key.Zero(key.TypeDES)), card.ChangeKeySettings(ctx, 0x0D))
	card, sent := connect()
	c, err = inspect.Read(ctx, card, &inspect.Config{Ask: inspect.Summary | inspect.AskNames})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []inspect.Part{inspect.PartKeySettings, inspect.PartApplications} {
		if m := c.MissingPart(part); m == nil || m.Status != "91AE" || m.Needs != "the PICC master key" {
			t.Errorf("%s: %+v", part, m)
		}
	}
	if c.Applications != nil || c.FreeMemory == nil || slices.Contains(*sent, "GetDFNames") {
		t.Errorf("%+v after %q", c, *sent)
	}
}

// A refusal inside a session ends it. The place is entered again, so that the
// next command does not get the blame.
func TestReadGoesOnAfterARefusal(t *testing.T) {
	connect := filled(t, wire.SettDefault&^wire.SettFreeDirectory)
	card, _ := connect()
	entered := 0
	c, err := inspect.Read(context.Background(), card, &inspect.Config{
		Ask:    inspect.AskKeySettings | inspect.AskFiles,
		Places: []wire.Place{{AID: app}},
		Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			entered++
			no := wire.KeyNo(1) // which may not list
			if entered > 1 {
				no = 0
			}
			must(t, card.Select(ctx, p))
			return card.Authenticate(ctx, no, key.Zero(key.TypeAES))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &c.Applications[0]
	if entered != 2 || a.MissingPart(inspect.PartKeySettings) == nil || len(a.Missing) != 1 || len(a.Files) != 4 {
		t.Errorf("entered %d times: %+v", entered, a)
	}
	if c.Applications[0].Files[0].Type != "standard" {
		t.Errorf("%+v", a.Files)
	}

	// If it cannot be entered again, the error says what came first.
	card, _ = connect()
	entered = 0
	_, err = inspect.Read(context.Background(), card, &inspect.Config{
		Ask:    inspect.AskKeySettings,
		Places: []wire.Place{{AID: app}},
		Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			if entered++; entered > 1 {
				return errors.New("no key any more")
			}
			must(t, card.Select(ctx, p))
			return card.Authenticate(ctx, 1, key.Zero(key.TypeAES))
		},
	})
	if err == nil || !strings.Contains(err.Error(), "GetKeySettings was refused with AUTHENTICATION_ERROR (91AE)") || !strings.Contains(err.Error(), "no key any more") {
		t.Errorf("%v", err)
	}
}

// forging answers a command itself, once.
type forging struct {
	desfire.Transport
	ins    byte
	answer []byte
	always bool // else once
}

func (f *forging) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) > 1 && command[1] == f.ins && f.answer != nil {
		answer := f.answer
		if !f.always {
			f.answer = nil
		}
		return answer, nil
	}
	return f.Transport.Transmit(ctx, command)
}

// A status that a command cannot have is no refusal: the reading ends there, and
// what was read until then stays.
func TestReadBelievesNoImpossibleStatus(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	must(t, err)
	for status, refused := range map[string]bool{"\x91\xAE": true, "\x91\x9D": true, "\x90\x00": false, "\x6A\x82": false, "\x91\x42": false} {
		f := &forging{Transport: picc.Present(), ins: wire.InsGetKeySettings, answer: []byte(status)}
		card, err := desfire.Connect(ctx, f, nil)
		must(t, err)
		c, err := inspect.Read(ctx, card, &inspect.Config{Ask: inspect.Summary})
		switch {
		case refused && (err != nil || c.MissingPart(inspect.PartKeySettings) == nil || c.Applications == nil):
			t.Errorf("%X: %+v, %v", status, c, err)
		case !refused && (!errors.As(err, new(*desfire.IntegrityError)) || inspect.Refused(err) || c.FreeMemory == nil || c.Applications != nil):
			t.Errorf("%X: %+v, %v", status, c, err)
		}
		must(t, card.Close())
	}
}

func TestReadFixedCards(t *testing.T) {
	for g, want := range map[wire.Generation]struct {
		files  []int
		memory int
		size   string
	}{
		wire.Light:   {[]int{0, 1, 3, 4, 15, 31}, 640, "256 bytes"},
		wire.NTAG424: {[]int{1, 2, 3}, 416, "32 bytes"},
	} {
		_, connect := onCard(t, g)
		card, _ := connect()
		c, err := inspect.Read(context.Background(), card, &inspect.Config{Ask: inspect.Everything})
		if err != nil {
			t.Fatalf("%v: %v", g, err)
		}
		if len(c.Applications) != 1 || c.Storage != want.memory || !c.StorageExact || len(c.Missing) > 0 {
			t.Fatalf("%v: %+v", g, c)
		}
		a := c.Applications[0]
		var files []int
		slices.SortFunc(a.Files, func(a, b inspect.File) int { return int(a.No) - int(b.No) }) // cards have an order of their own
		for _, f := range a.Files {
			files = append(files, int(f.No))
		}
		if !slices.Equal(files, want.files) || a.Place.String() != "app" || string(a.DFName) != string(g.FixedName()) || len(a.KeyVersions) != 5 || len(a.Missing) > 0 {
			t.Errorf("%v: %+v", g, a)
		}
		if got := a.Files[0].SizeWords(); got != want.size || len(a.Files[0].ISOID) != 2 {
			t.Errorf("%v: %+v", g, a.Files[0])
		}
	}
}

// A D40 session proves nothing of settings.
func TestD40ProvesNoSettings(t *testing.T) {
	_, connect := onCard(t, wire.D40)
	card, _ := connect()
	c, err := inspect.Read(context.Background(), card, &inspect.Config{
		Ask: inspect.AskCardSettings,
		Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			return card.Authenticate(ctx, 0, key.Zero(key.TypeDES))
		},
	})
	if _, ok := card.Session(); err != nil || !ok || c.KeySettings == nil || c.KeySettings.Proven {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestReadErrors(t *testing.T) {
	ctx := context.Background()
	_, connect := onCard(t, wire.EV3)
	card, _ := connect()
	c, err := inspect.Read(ctx, card, &inspect.Config{Places: []wire.Place{{AID: 0x999999}}})
	if !errors.Is(err, wire.StatusApplicationNotFound) || c == nil || c.Name != card.String() {
		t.Errorf("%+v, %v", c, err)
	}
	picc, connect := onCard(t, wire.EV3)
	card, _ = connect()
	picc.Lift()
	if _, err := inspect.Read(ctx, card, nil); !errors.As(err, new(*desfire.TransportError)) {
		t.Errorf("a card that left: %v", err)
	}
}

func TestJSONComesBack(t *testing.T) {
	connect := filled(t, wire.SettDefault)
	card, _ := connect()
	c, err := inspect.Read(context.Background(), card, &inspect.Config{Ask: inspect.Everything})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back inspect.Card
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(text) {
		t.Errorf("%v\n%s\n%s", err, text, again)
	}
}
