package desfire_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// limited is a transport that carries no more than a reader of its kind.
type limited struct {
	*sim.Activation
	command, answer int
	sent, received  *int
}

func (l limited) Limits() (int, int, wire.Framing) { return l.command, l.answer, wire.FramingWrapped }

func (l limited) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	rsp, err := l.Activation.Transmit(ctx, cmd)
	*l.sent += len(cmd)
	*l.received += len(rsp)
	return rsp, err
}

// job is a standard job. floor lists the frames that it cannot do without.
type job struct {
	name  string
	mode  wire.CommMode
	floor func(g desfire.Generation, path desfire.Path, mode wire.CommMode) (n int, frames string)
	setUp func(t *testing.T, b *bench)
	run   func(t *testing.T, b *bench)
	file  bool // it works on a file, whose settings can be stated or not
}

// bench is a card with what the jobs need.
type bench struct {
	ctx      context.Context
	g        desfire.Generation
	picc     *sim.Card
	card     *desfire.Card
	reader   limited
	mode     wire.CommMode
	keyed    bool
	keyType  key.Type
	settings *wire.FileSettings // of the purse
	unstated bool               // the Card finds the settings of files itself
	data     []byte
}

const bigFile = 4096

func (b *bench) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) prepareFile(t *testing.T) {
	access := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	if b.keyed {
		access = wire.AccessRights{Read: 0, Write: 0, ReadWrite: 0, Change: 0}
	}
	b.must(t, b.card.CreateApplication(b.ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(b.keyType.Wire(), 1)}))
	b.must(t, b.card.SelectApplication(b.ctx, testApp))
	b.must(t, b.card.CreateFile(b.ctx, &wire.CreateStdDataFile{File: 1, Option: wire.FileOption(b.mode), Access: access, Size: bigFile}))
	b.must(t, b.card.CreateFile(b.ctx, &wire.CreateValueFile{File: 2, Option: wire.FileOption(b.mode), Access: access, Upper: 100, Value: 50}))
	var err error
	b.settings, err = b.card.FileSettings(b.ctx, 2)
	b.must(t, err)
	if b.unstated { // what the Card created it knows
		b.must(t, b.card.Close())
		b.card = b.connect(t)
		b.must(t, b.card.SelectApplication(b.ctx, testApp))
	}
	if _, err := b.card.TryExtended(b.ctx); err != nil {
		t.Fatal(err)
	}
	if b.keyed {
		b.must(t, b.card.Authenticate(b.ctx, 0, key.Zero(b.keyType)))
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }

// dataFloor is how few frames move n bytes.
func dataFloor(read bool) func(desfire.Generation, desfire.Path, wire.CommMode) (int, string) {
	return func(g desfire.Generation, path desfire.Path, mode wire.CommMode) (int, string) {
		switch path {
		case desfire.PathExtended:
			return 1, "1 extended APDU"
		case desfire.PathShort:
			per := 256
			switch {
			case mode == wire.CommFull:
				per = 239 // whole blocks and a MAC in 256 bytes
			case mode == wire.CommMAC:
				per = 248
			}
			if !read { // 255 bytes less a header of 7
				per = map[wire.CommMode]int{wire.CommPlain: 248, wire.CommMAC: 240, wire.CommFull: 239}[mode]
			}
			return ceil(bigFile, per), fmt.Sprintf("%d short APDUs of %d bytes", ceil(bigFile, per), per)
		}
		if read {
			per, total := 59, bigFile
			if mode != wire.CommPlain {
				per, total = 48, bigFile+8 // how EV1 and EV3 cut answers in a session; CMAC or CRC
			}
			n := ceil(total, per)
			if mode == wire.CommMAC { // the last frame runs up to 59 with the CMAC
				n = ceil(total-59, per) + 1
			}
			return n, fmt.Sprintf("%d answer frames of %d bytes", n, per)
		}
		total := 7 + bigFile
		switch mode {
		case wire.CommMAC:
			total += 8
		case wire.CommFull:
			total = 7 + ceil(bigFile+4, 16)*16
		}
		return ceil(total, 54), fmt.Sprintf("%d command frames of 54 bytes", ceil(total, 54))
	}
}

func fixed(n int, frames string) func(desfire.Generation, desfire.Path, wire.CommMode) (int, string) {
	return func(desfire.Generation, desfire.Path, wire.CommMode) (int, string) { return n, frames }
}

var jobs = []job{
	{"read 4,096 bytes", wire.CommPlain, dataFloor(true), nil, readBig, true},
	{"read 4,096 bytes", wire.CommMAC, dataFloor(true), nil, readBig, true},
	{"read 4,096 bytes", wire.CommFull, dataFloor(true), nil, readBig, true},
	{"write 4,096 bytes", wire.CommPlain, dataFloor(false), nil, writeBig, true},
	{"write 4,096 bytes", wire.CommMAC, dataFloor(false), nil, writeBig, true},
	{"write 4,096 bytes", wire.CommFull, dataFloor(false), nil, writeBig, true},
	{"debit and commit, authenticated", wire.CommFull, fixed(5, "select, authenticate (2), debit, commit"), nil, debitAuthenticated, true},
	{"list 5 applications of 4 files", wire.CommPlain, fixed(36, "GetApplicationIDs; per application select, key settings, file numbers, 4 file settings"), fiveApplications, listAll, false},
	{"personalise 5 keys, 4 files", wire.CommPlain, fixed(13, "create, select, authenticate (2), 4 files, 5 keys"), func(*testing.T, *bench) {}, personaliseOne, false},
}

func readBig(t *testing.T, b *bench) {
	got, err := b.card.ReadData(b.ctx, 1, 0, bigFile)
	b.must(t, err)
	if !bytes.Equal(got, b.data) {
		t.Fatal("read something else")
	}
}

func writeBig(t *testing.T, b *bench) {
	for i := range b.data {
		b.data[i] = byte(i * 11)
	}
	b.must(t, b.card.WriteData(b.ctx, 1, 0, b.data))
}

func debitAuthenticated(t *testing.T, b *bench) {
	b.must(t, b.card.SelectApplication(b.ctx, testApp))
	if !b.unstated {
		b.must(t, b.card.AssumeFileSettings(2, *b.settings))
	}
	b.must(t, b.card.Authenticate(b.ctx, 0, key.Zero(b.keyType)))
	_, err := b.card.Transact(b.ctx, func() error { return b.card.Debit(b.ctx, 2, 5) })
	b.must(t, err)
}

func fiveApplications(t *testing.T, b *bench) {
	for i := range desfire.AID(5) {
		b.must(t, b.card.SelectApplication(b.ctx, wire.PICC))
		b.must(t, b.card.CreateApplication(b.ctx, &wire.CreateApplication{AID: 0x100 + i, KS1: 0x0F, KS2: wire.NewKeySett2(b.keyType.Wire(), 1)}))
		b.must(t, b.card.SelectApplication(b.ctx, 0x100+i))
		for f := range desfire.FileNo(4) {
			b.must(t, b.card.CreateFile(b.ctx, &wire.CreateStdDataFile{File: f, Size: 32}))
		}
	}
	b.must(t, b.card.SelectApplication(b.ctx, wire.PICC))
}

func listAll(t *testing.T, b *bench) {
	aids, err := b.card.Applications(b.ctx)
	b.must(t, err)
	for _, aid := range aids {
		b.must(t, b.card.SelectApplication(b.ctx, aid))
		_, err := b.card.KeySettings(b.ctx)
		b.must(t, err)
		files, err := b.card.Files(b.ctx)
		b.must(t, err)
		for _, f := range files {
			_, err := b.card.FileSettings(b.ctx, f)
			b.must(t, err)
		}
	}
}

func personaliseOne(t *testing.T, b *bench) {
	b.must(t, b.card.CreateApplication(b.ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(b.keyType.Wire(), 5)}))
	b.must(t, b.card.SelectApplication(b.ctx, testApp))
	b.must(t, b.card.Authenticate(b.ctx, 0, key.Zero(b.keyType)))
	for f := range desfire.FileNo(4) {
		b.must(t, b.card.CreateFile(b.ctx, &wire.CreateStdDataFile{File: f, Option: wire.OptionFull, Access: wire.AccessRights{Read: 1, Write: 2, ReadWrite: 3, Change: 0}, Size: 32}))
	}
	for _, no := range []desfire.KeyNo{4, 3, 2, 1, 0} {
		b.must(t, b.card.ChangeKey(b.ctx, no, newKey(t, b.keyType, 1), key.Zero(b.keyType)))
	}
}

// docs/exchanges.md counts what the simulated card sees.
func TestExchangesDocument(t *testing.T) {
	var out bytes.Buffer
	out.WriteString(`# Exchanges of standard jobs

Generated with the simulated card by ` + "`go test -run ExchangesDocument -update .`" + `. Counted after Connect, with the path known; AES keys.
Bytes are whole frames, wrapped. "chained" is a reader that carries frames of 64 bytes, "short" one that carries short APDUs, "extended"
one that carries extended ones. The floor is the number of frames that the job cannot do without.

"stated" are settings of the file that were given with AssumeFileSettings, or that the Card knows since it created the file. Where
they are not, a session asks for them, once for each file and connection; that frame stands in the floor as GetFileSettings.
Later jobs on the file cost what they cost with settings stated. Without a session, as in mode plain here, only a write asks: an
enciphered file must not get data in clear.

| job | mode | settings | card | reader | exchanges | floor | bytes sent | received | the frames of the floor |
|---|---|---|---|---|---|---|---|---|---|
`)
	for _, j := range jobs {
		for _, g := range []desfire.Generation{wire.EV1, wire.EV2, wire.EV3} {
			for _, reader := range []desfire.Path{desfire.PathChained, desfire.PathShort, desfire.PathExtended} {
				if g == wire.EV1 && reader != desfire.PathChained {
					continue
				}
				isData := strings.Contains(j.name, "4,096")
				if !isData && reader != desfire.PathChained {
					continue
				}
				for _, unstated := range []bool{false, true} {
					if unstated && !j.file {
						continue
					}
					n, sent, received := j.count(t, g, reader, unstated)
					floor, frames := j.floor(g, reader, j.mode)
					settings := "-"
					switch {
					case unstated:
						settings = "not stated"
						if j.asks() {
							floor++
							frames = "GetFileSettings, " + frames
						}
					case j.file:
						settings = "stated"
					}
					if n != floor {
						t.Errorf("%s, %v, settings %s, %v, %v: %d exchanges, floor %d", j.name, j.mode, settings, g, reader, n, floor)
					}
					fmt.Fprintf(&out, "| %s | %v | %s | %v | %v | %d | %d | %d | %d | %s |\n", j.name, j.mode, settings, g, reader, n, floor, sent, received, frames)
				}
			}
		}
	}
	settlements(t, &out)
	purses(t, &out)
	roundTrips(t, &out)
	const path = "docs/exchanges.md"
	if desfire.Update() {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, out.Bytes()) {
		t.Errorf("%s is out of date (%v): run go test -run ExchangesDocument -update .", path, err)
	}
}

// asks reports whether a Card that was told no settings asks for them.
func (j job) asks() bool {
	return j.mode != wire.CommPlain || strings.HasPrefix(j.name, "write")
}

// connect presents the card to the bench's reader anew.
func (b *bench) connect(t *testing.T) *desfire.Card {
	t.Helper()
	link := b.reader
	link.Activation = b.picc.Present()
	card, err := desfire.Connect(b.ctx, link, nil)
	b.must(t, err)
	return card
}

func (j job) count(t *testing.T, g desfire.Generation, reader desfire.Path, unstated bool) (n, sent, received int) {
	t.Helper()
	b := &bench{ctx: context.Background(), g: g, mode: j.mode, keyed: j.mode != wire.CommPlain, keyType: key.TypeAES, data: make([]byte, bigFile)}
	var err error
	if b.picc, err = sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}}); err != nil {
		t.Fatal(err)
	}
	limits := map[desfire.Path][2]int{desfire.PathChained: {60, 61}, desfire.PathShort: {261, 258}, desfire.PathExtended: {65544, 65538}}[reader]
	b.unstated = unstated
	b.reader = limited{nil, limits[0], limits[1], &sent, &received}
	b.card = b.connect(t)
	if j.setUp != nil {
		j.setUp(t, b)
	} else {
		b.prepareFile(t)
	}
	before := b.picc.Exchanges()
	sent, received = 0, 0
	j.run(t, b)
	return b.picc.Exchanges() - before, sent, received
}
