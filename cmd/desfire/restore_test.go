package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// fullCard is a card with one of everything that its generation can have and a
// restore can make.
func fullCard(t *testing.T, g wire.Generation) *sim.Card {
	t.Helper()
	ctx := t.Context()
	picc := blankCard(t, g, 0x11)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	ok := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	ok(err)
	defer card.Close()
	defer picc.Lift()
	if g.FixedName() != nil {
		ok(card.Select(ctx, wire.Place{Fixed: true}))
		ok(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
		no := wire.FileNo(2)
		if g == wire.Light {
			no = 0
		}
		fs, err := card.FileSettings(ctx, no)
		ok(err)
		_, err = desfire.Do(ctx, card, &wire.ChangeFileSettings{File: no, Option: fs.Option, Access: wire.AccessRightsFromUint16(0x0000)})
		ok(err)
		ok(card.WriteData(ctx, no, 0, []byte{0, 5, 0xD0, 0, 0, 0, 0}))
		return picc
	}
	const des, iso, three = 0x121314, 0xF53456, 0x223344
	ok(
		card.CreateApplication(ctx, &wire.CreateApplication{AID: des, KS1: 0x2B, KS2: wire.NewKeySett2(wire.KeyDES, 3)}),
		card.SelectApplication(ctx, des),
		card.Authenticate(ctx, 0, key.Zero(key.TypeDES)),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 5, Option: wire.OptionMAC, Access: wire.AccessRightsFromUint16(0xE100), Size: 40}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Access: wire.AccessRightsFromUint16(0xE220), Lower: -5, Upper: 100, Value: 7, Flags: wire.ValueLimitedCredit}),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, Access: wire.AccessRightsFromUint16(0xEEE0), RecordSize: 4, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: 0, Access: wire.AccessRightsFromUint16(0x2230), RecordSize: 40, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 3, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1220), Size: 4}),
		card.SelectApplication(ctx, des),
		card.Authenticate(ctx, 1, key.Zero(key.TypeDES)),
		card.WriteData(ctx, 5, 2, []byte("\x1b[31mhostile\x9b")),
		card.SelectApplication(ctx, des),
	)
	for n := byte(1); n < 3; n++ {
		_, err = card.Transact(ctx, func() error { return card.WriteRecord(ctx, 2, 0, []byte{n, 2, 3, 4}) })
		ok(err)
	}
	if g == wire.D40 {
		return picc
	}
	ok(
		card.SelectApplication(ctx, wire.PICC),
		card.CreateApplication(ctx, &wire.CreateApplication{AID: three, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.Key3K3DES, 1)}),
		card.SelectApplication(ctx, wire.PICC),
		card.CreateApplication(ctx, &wire.CreateApplication{AID: iso, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2) | wire.SettISOFiles, FID: 0x1234, DFName: []byte("purse\x1b[m\xe2\x80\xae")}),
		card.SelectApplication(ctx, iso),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 7, FID: 0xE107, Access: wire.AccessRightsFromUint16(0xEEEE), Size: 8}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 6, Access: wire.AccessRightsFromUint16(0x1111), Upper: 9}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 2, FID: 0xE102, Access: wire.AccessRightsFromUint16(0xEEEE), Size: 8}),
	)
	if g == wire.EV1 {
		return picc
	}
	ok(card.SelectApplication(ctx, iso), card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	_, err = desfire.Do(ctx, card, &wire.ChangeFileSettings{File: 2, Access: wire.AccessRightsFromUint16(0xE000), Additional: []wire.AccessRights{wire.AccessRightsFromUint16(0x1F1F)}})
	ok(err)
	return picc
}

func blankCard(t *testing.T, g wire.Generation, no byte) *sim.Card {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, no, 0x22, 0x33, 0x44, 0x55, 0x66}})
	if err != nil {
		t.Fatal(err)
	}
	return picc
}

var allGenerations = []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3, wire.Light, wire.NTAG424}

// served is a simulated card behind a socket.
func served(t *testing.T, card *sim.Card) (reader string) {
	t.Helper()
	return servedBy(t, func(context.Context) (tcp.Card, error) { return card.Present(), nil })
}

func servedBy(t *testing.T, present func(context.Context) (tcp.Card, error)) (reader string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	l, err := tcp.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = tcp.Serve(ctx, l, present)
	}()
	return "tcp:" + l.Addr().String()
}

// imageOf writes what is on a card, also what its keys protect.
func imageOf(t *testing.T, card *sim.Card, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, card.Image().Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// leftOver are the differences of two cards but those that no restore can mend.
func leftOver(t *testing.T, a, b *sim.Card) (list []string) {
	t.Helper()
	var dumps []*dump.Dump
	for _, c := range []*sim.Card{a, b} {
		d, err := dump.Read(c.Image().Encode())
		if err != nil {
			t.Fatal(err)
		}
		dumps = append(dumps, d)
	}
	for _, d := range dump.Diff(dumps[0].Card, dumps[1].Card) {
		if !slices.Contains([]string{"uid", "get_version", "signature"}, d.Member) {
			list = append(list, d.Words())
		}
	}
	return list
}

func desfireTool(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// TestRestoreRoundTrip: a card, restored on a blank one of its generation, is
// there again, but for what belongs to one card.
func TestRestoreRoundTrip(t *testing.T) {
	for _, g := range allGenerations {
		t.Run(g.String(), func(t *testing.T) {
			from, to := fullCard(t, g), blankCard(t, g, 0x12)
			image, reader := imageOf(t, from, "from.json"), served(t, to)
			if leftOver(t, from, to) == nil {
				t.Fatal("the test card has nothing")
			}
			code, _, errs := desfireTool("restore", image, "--reader", reader, "--values", "--yes")
			if code != exitDone {
				t.Fatalf("code %d: %s", code, errs)
			}
			if list := leftOver(t, from, to); list != nil {
				t.Errorf("left over: %s\n%s", strings.Join(list, "\n"), errs)
			}
			if strings.ContainsAny(errs, "\x1b\u202e\u009b") {
				t.Errorf("bytes of the card reached the terminal: %q", errs)
			}
			// Again there is nothing to do.
			code, out, errs := desfireTool("restore", image, "--reader", reader, "--values", "--yes")
			if code != exitDone || !strings.Contains(out, "Nothing was to do") {
				t.Errorf("again: code %d: %s%s", code, out, errs)
			}
			// Two dumps of the two cards say the same.
			var files []string
			for _, c := range []*sim.Card{from, to} {
				path := filepath.Join(t.TempDir(), "dump.json")
				if code, _, errs := desfireTool("dump", "-o", path, "--reader", served(t, c)); code != exitDone {
					t.Fatalf("dump: code %d: %s", code, errs)
				}
				files = append(files, path)
			}
			_, out, _ = desfireTool("dump", "diff", files[0], files[1])
			for line := range strings.Lines(out) {
				if !strings.HasPrefix(line, "the card: uid") && !strings.HasPrefix(line, "the card: get_version") && !strings.HasPrefix(line, "the card: signature") {
					t.Errorf("dumps differ: %s", line)
				}
			}
		})
	}
}

// TestRestoreTorn loses the card in each exchange of a restore and puts it back.
// The same run goes on, and ends in the same card.
func TestRestoreTorn(t *testing.T) {
	from := fullCard(t, wire.EV2)
	image := imageOf(t, from, "from.json")
	every := 1
	if testing.Short() {
		every = 9
	}
	for i, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer} {
		for n := 3 + i; ; n += every * 3 {
			to := blankCard(t, wire.EV2, 0x12)
			reader := served(t, to)
			to.Inject(sim.Fault{Exchange: n, Kind: kind})
			ctx, cancel := context.WithCancel(t.Context())
			go putBack(ctx, to)
			code, _, errs := desfireTool("restore", image, "--reader", reader, "--values", "--yes", "--wait", "60s")
			cancel()
			name := fmt.Sprintf("%v in exchange %d", kind, n)
			if code != exitDone {
				t.Fatalf("%s: code %d: %s", name, code, errs)
			}
			if list := leftOver(t, from, to); list != nil {
				t.Errorf("%s: left over: %s\n%s", name, strings.Join(list, "\n"), errs)
			}
			if !strings.Contains(errs, "Lost the card") {
				if n < 60 {
					t.Errorf("%s: nothing was lost: %s", name, errs)
				}
				break // the job has fewer exchanges
			}
		}
	}
}

// putBack returns a card that is away, again and again.
func putBack(ctx context.Context, card *sim.Card) {
	for ctx.Err() == nil {
		_ = card.Return()
		time.Sleep(2 * time.Millisecond)
	}
}

// TestRestoreLeft: the card leaves for good; the error says how to go on, and
// the next run does.
func TestRestoreLeft(t *testing.T) {
	from, to := fullCard(t, wire.EV1), blankCard(t, wire.EV1, 0x12)
	image := imageOf(t, from, "from.json")
	shown := 0
	reader := servedBy(t, func(ctx context.Context) (tcp.Card, error) {
		if shown++; shown > 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return to.Present(), nil
	})
	to.Inject(sim.Fault{Exchange: 40, Kind: sim.LosePowerAfter})
	code, out, errs := desfireTool("restore", image, "--reader", reader, "--values", "--yes", "--wait", "3s", "--json")
	if code != exitUnknown || !strings.Contains(out, "Present it again, and the same command goes on") || !strings.Contains(out, `"code":"unknown-outcome"`) {
		t.Fatalf("code %d: %s\n%s", code, errs, out)
	}
	if list := leftOver(t, from, to); list == nil {
		t.Error("the whole card was restored before it left")
	}
	// Another card is left alone.
	other := served(t, blankCard(t, wire.EV1, 0x13))
	if code, _, errs := desfireTool("restore", image, "--reader", other, "--uid", "0412", "--wait", "50ms", "--yes"); code != exitNoCard {
		t.Errorf("another card: code %d: %s", code, errs)
	}
	code, out, errs = desfireTool("restore", image, "--reader", served(t, to), "--values", "--yes", "--json")
	if list := leftOver(t, from, to); code != exitDone || list != nil {
		t.Errorf("code %d, left over %v: %s\n%s", code, list, errs, out)
	}
}

// TestRestoreInterrupted: Ctrl-C keeps what was done, wherever it comes, says how
// to go on, and the next run does.
func TestRestoreInterrupted(t *testing.T) {
	from := fullCard(t, wire.EV3)
	image := imageOf(t, from, "from.json")
	for _, after := range []int{4, 18, 25, 33, 44} {
		to := blankCard(t, wire.EV3, 0x12)
		ctx, cancel := context.WithCancel(t.Context())
		reader := servedBy(t, func(context.Context) (tcp.Card, error) { return &counted{to.Present(), to, after, cancel}, nil })
		var out, errs bytes.Buffer
		a := newApp(strings.NewReader(""), &out, &errs)
		root := a.rootCommand()
		root.SetArgs([]string{"restore", image, "--reader", reader, "--values", "--yes"})
		code := a.report(ctx, root.ExecuteContext(ctx))
		if code != exitInterrupted && code != exitUnknown {
			t.Fatalf("after %d exchanges: code %d: %s", after, code, &errs)
		}
		begun := len(to.Image().Applications) > 0
		if says := strings.Contains(errs.String(), "the same command goes"); begun && !says {
			t.Errorf("after %d exchanges: begun, and nothing says how to go on: %s", after, &errs)
		}
		if code, _, errs := desfireTool("restore", image, "--reader", served(t, to), "--values", "--yes"); code != exitDone {
			t.Errorf("after %d exchanges: again: code %d: %s", after, code, errs)
		}
		if list := leftOver(t, from, to); list != nil {
			t.Errorf("after %d exchanges: left over: %s", after, strings.Join(list, "\n"))
		}
	}
}

// counted is a card that interrupts the program after some exchanges.
type counted struct {
	tcp.Card
	card  *sim.Card
	after int
	then  context.CancelFunc
}

func (c *counted) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c.card.Exchanges() >= c.after {
		c.then()
	}
	return c.Card.Transmit(ctx, command)
}

// TestDumpHostile: nothing that a dump says is obeyed by a terminal.
func TestDumpHostile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.json")
	const evil = `\u001b[31mred\u009b2J\u202etxt\n`
	text := `{"format":"desfire-dump","version":1,"written":"2026-01-01T00:00:00Z","by":"` + evil + `","product":"MIFARE DESFire EV1","generation":"ev1","uid":"","reader":"` + evil + `",
		"missing":[{"what":"key settings","reason":"` + evil + `","needs":"` + evil + `"}],
		"applications":[{"application":"F00001","df_name":"1B5B33316D","key_settings":{"raw":"0F01","settings":"0F","keys":1,"key_type":"DES/2K3DES"},"files":[{"file":1,"missing":[{"what":"settings","reason":"` + evil + `"}]}]}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	other := imageOf(t, blankCard(t, wire.EV1, 0x15), "blank.json")
	for _, args := range [][]string{
		{"dump", "show", path}, {"dump", "show", path, "--contents"}, {"dump", "show", path, "--json"}, {"dump", "diff", path, other}, {"dump", "diff", path, other, "--json"},
		{"restore", path, "--yes", "--reader", "sim:"}, {"restore", path, "--yes", "--force", "--reader", "sim:"}, {"restore", path, "--yes", "--force", "--json", "--reader", "sim:"},
		{"sim", "new", filepath.Join(dir, "a.json"), "--from", path}, {"sim", "new", filepath.Join(dir, "b.json"), "--from", path, "--json"},
	} {
		_, out, errs := desfireTool(args...)
		if strings.ContainsAny(out+errs, "\x1b\u009b\u202e") {
			t.Errorf("%v: what a dump says would be obeyed: %q %q", args, out, errs)
		}
		if out+errs == "" {
			t.Errorf("%v: says nothing", args)
		}
	}
}

// TestRestoreTornKeys loses the card while its keys become those of a keyring. The
// same run goes on; afterwards the keyring opens everything, and no change of a
// key is open in the journal.
func TestRestoreTornKeys(t *testing.T) {
	from := fullCard(t, wire.EV2)
	image := imageOf(t, from, "from.json")
	ring := filepath.Join(t.TempDir(), "keys.yaml")
	const text = `desfire: keys/v1
keys:
  card:
    0: 2k3des:00020406080A0C0E10121416181A1C1E/07
  121314:
    0: 2k3des:20222426282A2C2E30323436383A3C3E/01
    1: 2k3des:40424446484A4C4E50525456585A5C5E/02
  F53456:
    0: aes:000102030405060708090A0B0C0D0E0F/03
    1: aes:101112131415161718191A1B1C1D1E1F/04
`
	if err := os.WriteFile(ring, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stride := 5
	if testing.Short() {
		stride = 40
	}
	for i, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer} {
		for n := 40 + i; ; n += stride * 3 {
			to := blankCard(t, wire.EV2, 0x12)
			reader, journal := served(t, to), filepath.Join(t.TempDir(), "journal.jsonl")
			to.Inject(sim.Fault{Exchange: n, Kind: kind})
			ctx, cancel := context.WithCancel(t.Context())
			go putBack(ctx, to)
			args := []string{"restore", image, "--reader", reader, "--values", "--yes", "--wait", "60s", "--keys", ring, "--journal", journal}
			code, _, errs := desfireTool(args...)
			cancel()
			name := fmt.Sprintf("%v in exchange %d", kind, n)
			if code != exitDone {
				t.Fatalf("%s: code %d: %s", name, code, errs)
			}
			for _, digits := range []string{"20222426", "00010203"} {
				if strings.Contains(errs, digits) {
					t.Errorf("%s: shows a key: %s", name, errs)
				}
			}
			if code, out, errs := desfireTool(args...); code != exitDone || !strings.Contains(out, "Nothing was to do") {
				t.Errorf("%s: again: code %d: %s%s", name, code, out, errs)
			}
			if _, open, _ := desfireTool("key", "journal", "--open", "--json", "--journal", journal); open != "" {
				t.Errorf("%s: open: %s", name, open)
			}
			if !strings.Contains(errs, "Lost the card") {
				if n < 120 {
					t.Errorf("%s: nothing was lost: %s", name, errs)
				}
				break // the job has fewer exchanges
			}
		}
	}
}
