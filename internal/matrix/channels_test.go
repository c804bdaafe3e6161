package matrix_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// channel is how the jobs of a row talk to their card.
type channel struct {
	name   string
	gen    wire.Generation
	typ    key.Type
	method key.Method // meaningless without a session
	scheme wire.Scheme
	mode   wire.CommMode // of all files
}

var channels = []*channel{
	{"no session", wire.EV2, key.TypeAES, 0, wire.SchemeNone, wire.CommPlain},
	{"D40, MAC", wire.D40, key.Type2K3DES, key.MethodD40, wire.SchemeD40, wire.CommMAC},
	{"D40, full", wire.D40, key.Type2K3DES, key.MethodD40, wire.SchemeD40, wire.CommFull},
	{"EV1 DES, MAC", wire.EV1, key.Type2K3DES, key.MethodISO, wire.SchemeEV1, wire.CommMAC},
	{"EV1 3K3DES, full", wire.EV1, key.Type3K3DES, key.MethodISO, wire.SchemeEV1, wire.CommFull},
	{"EV1 AES, MAC", wire.EV1, key.TypeAES, key.MethodAES, wire.SchemeEV1, wire.CommMAC},
	{"EV1 AES, full", wire.EV1, key.TypeAES, key.MethodAES, wire.SchemeEV1, wire.CommFull},
	{"EV1 AES on EV3, full", wire.EV3, key.TypeAES, key.MethodAES, wire.SchemeEV1, wire.CommFull},
	{"EV2, plain files", wire.EV2, key.TypeAES, key.MethodEV2First, wire.SchemeEV2, wire.CommPlain},
	{"EV2, MAC", wire.EV2, key.TypeAES, key.MethodEV2First, wire.SchemeEV2, wire.CommMAC},
	{"EV2, full", wire.EV3, key.TypeAES, key.MethodEV2First, wire.SchemeEV2, wire.CommFull},
	{"LRP, MAC", wire.Light, key.TypeAES, key.MethodLRPFirst, wire.SchemeLRP, wire.CommMAC},
	{"LRP, full", wire.Light, key.TypeAES, key.MethodLRPFirst, wire.SchemeLRP, wire.CommFull},
}

const (
	purse wire.AID = 0xF48121
	spare wire.AID = 0xF48122 // to be deleted
	light wire.AID = 0xDF01   // as the image of a Light has it
)

// app is the application of the jobs.
func (ch *channel) app() wire.AID {
	if ch.gen == wire.Light {
		return light
	}
	return purse
}

func (ch *channel) session() bool { return ch.scheme != wire.SchemeNone }

// Files of the application.
const (
	valueFile  wire.FileNo = 3
	backupFile wire.FileNo = 2
	tmacFile   wire.FileNo = 15
	newFile    wire.FileNo = 6
	otherFile  wire.FileNo = 7
)

func (ch *channel) standardFile() wire.FileNo {
	if ch.gen == wire.Light {
		return 4
	}
	return 1
}

func (ch *channel) recordFile() wire.FileNo {
	if ch.gen == wire.Light {
		return 1
	}
	return 4
}

// rights of all files: key 1 does everything but change them.
func (ch *channel) rights() wire.AccessRights {
	if !ch.session() {
		return wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	}
	return wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
}

func (ch *channel) tmacRights(k kind) wire.AccessRights {
	r := ch.rights()
	r.Write = wire.Never
	if k == withPlainTMAC {
		r.ReadWrite = wire.Never
	}
	return r
}

// files are the settings of the files, as the caller states them.
func (ch *channel) files(k kind) map[wire.FileNo]wire.FileSettings {
	o := wire.FileOption(ch.mode)
	m := map[wire.FileNo]wire.FileSettings{
		ch.standardFile(): {Type: wire.FileStandard, Option: o, Access: ch.rights(), Size: 256},
		valueFile:         {Type: wire.FileValue, Option: o, Access: ch.rights(), Upper: 1000, Flags: wire.ValueLimitedCredit},
		ch.recordFile():   {Type: wire.FileCyclicRecord, Option: o, Access: ch.rights(), RecordSize: 16, MaxRecords: 4},
	}
	if ch.gen != wire.Light {
		m[backupFile] = wire.FileSettings{Type: wire.FileBackup, Option: o, Access: ch.rights(), Size: 32}
	}
	if k == withTMAC || k == withPlainTMAC {
		m[tmacFile] = wire.FileSettings{Type: wire.FileTransactionMAC, Option: o, Access: ch.tmacRights(k)}
	}
	return m
}

// Keys are told apart by a byte: the number, with a bit for the new ones.
const (
	piccKey  = 0x40
	newKeys  = 0x80
	otherSet = 0x20
)

func secret(t key.Type, mark byte) *key.Secret {
	b := make([]byte, t.Size())
	_, _ = seeded(mark).Read(b)
	k, err := key.New(t, b, mark)
	if err != nil {
		panic(err)
	}
	return k
}

func (ch *channel) key(mark byte) *key.Secret { return secret(ch.typ, mark) }

// kind of card that a job needs.
type kind uint8

const (
	simple kind = iota
	withTMAC
	withKeySets
	withPlainTMAC // transactions are not to name their reader
)

var comms = map[wire.CommMode]string{wire.CommPlain: "plain", wire.CommMAC: "mac", wire.CommFull: "full"}

// image is a card of the channel, made without the reader.
func (ch *channel) image(t testing.TB, k kind) []byte {
	c, err := sim.New(&sim.Config{Generation: ch.gen, UID: []byte{4, 1, 2, 3, 4, 5, 6}, Rand: seeded(9)})
	if err != nil {
		t.Fatal(err)
	}
	img := c.Image()
	typeName := map[wire.KeyType]string{wire.KeyDES: "des", wire.Key3K3DES: "3k3des", wire.KeyAES: "aes"}[ch.typ.Wire()]
	stored := func(aid wire.AID, no int, mark byte) sim.ImageKey {
		s := ch.key(mark)
		return sim.ImageKey{Application: aid, No: no, Type: typeName, Version: int(s.Version()), Value: wire.NewSecret(s.Export())}
	}
	app := sim.ImageApplication{AID: purse, KeySettings: sim.Hex{0x0F}, KeyType: typeName, KeyCount: 4}
	if ch.gen == wire.Light {
		app = img.Applications[0]
		app.Files = nil
		img.Config.Capabilities = sim.Hex{0, 0, 0, 0, wire.CapLRP, 0, 0, 0, 0, 0}
		img.Keys = nil
	}
	if k == withKeySets {
		app.KeySettings = sim.Hex{0x0F, byte(wire.SettKeySets)}
		app.KeySets = &sim.ImageKeySets{ActiveVersion: 1, MaxKeySize: 16, Others: make([]sim.ImageKeySet, 1)}
	}
	for no := range app.KeyCount {
		img.Keys = append(img.Keys, stored(app.AID, no, byte(no)))
	}
	for no, fs := range ch.files(k) {
		r := fs.Access.Uint16()
		f := sim.ImageFile{No: int(no), Type: fs.Type.String(), Comm: comms[fs.Comm()], Rights: sim.Hex{byte(r >> 8), byte(r)},
			Size: int(fs.Size), RecordSize: int(fs.RecordSize), MaxRecords: int(fs.MaxRecords)}
		if app.ISOFileIDs && fs.Type != wire.FileValue && fs.Type != wire.FileTransactionMAC {
			f.ISOID = sim.Hex{0xEF, byte(no)}
		}
		switch fs.Type {
		case wire.FileStandard, wire.FileBackup:
			f.Data = bytes.Repeat([]byte{0x0D}, f.Size)
		case wire.FileValue:
			f.Value = &sim.ImageValue{Upper: 1000, Value: 500, LimitedCredit: 9, Limited: true}
		case wire.FileTransactionMAC:
			f.TMAC = &sim.ImageTMAC{Counter: 6, Value: make(sim.Hex, 8), ReaderID: bytes.Repeat(sim.Hex{0xB0}, 16)}
			tm := secret(key.TypeAES, 0x70)
			img.Keys = append(img.Keys, sim.ImageKey{Application: app.AID, No: int(no), TMAC: true, Type: "aes", Version: 1, Value: wire.NewSecret(tm.Export())})
		case wire.FileCyclicRecord:
			f.Records = []sim.HexLines{bytes.Repeat(sim.HexLines{1}, 16), bytes.Repeat(sim.HexLines{2}, 16)}
		}
		app.Files = append(app.Files, f)
	}
	sortFiles(app.Files)
	if ch.gen == wire.Light {
		img.Applications[0] = app
		return img.Encode()
	}
	img.Applications = append(img.Applications, app,
		sim.ImageApplication{AID: spare, KeySettings: sim.Hex{0x0F}, KeyType: typeName, KeyCount: 1})
	img.Keys = append(img.Keys, stored(spare, 0, 0x30))
	img.Used = 1500
	for i := range img.Keys {
		if img.Keys[i].Application == wire.PICC && img.Keys[i].No == 0 {
			img.Keys[i] = stored(wire.PICC, 0, piccKey)
		}
	}
	return img.Encode()
}

func sortFiles(files []sim.ImageFile) {
	for i := range files {
		for j := i; j > 0 && files[j].No < files[j-1].No; j-- {
			files[j], files[j-1] = files[j-1], files[j]
		}
	}
}

// seeded is reproducible randomness.
func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// stored keeps an image for one card, and counts nothing.
type stored struct{ image []byte }

func (s *stored) Load() ([]byte, error) { return s.image, nil }
func (s *stored) Save([]byte) error     { return nil }

var _ sim.Store = (*stored)(nil)

// state is everything that the card keeps, as one string. Failed
// authentications do not count.
func state(c *sim.Card) string {
	img := c.Image()
	for i := range img.Keys {
		img.Keys[i].Failures = nil
	}
	return string(img.Encode())
}

// value is the committed value of the purse.
func value(c *sim.Card) (int32, bool) {
	for _, a := range c.Image().Applications {
		for _, f := range a.Files {
			if f.No == int(valueFile) && f.Value != nil && a.AID != spare {
				return f.Value.Value, true
			}
		}
	}
	return 0, false
}

func newPICC(t testing.TB, image []byte, seed byte) *sim.Card {
	return newPICCWith(t, image, seed, nil)
}

func newPICCWith(t testing.TB, image []byte, seed byte, q *sim.Quirks) *sim.Card {
	c, err := sim.New(&sim.Config{Store: &stored{image}, Rand: seeded(seed), Quirks: q})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stateFiles tells the reader the settings of the files.
func stateFiles(c *desfire.Card, files map[wire.FileNo]wire.FileSettings) {
	for no, fs := range files {
		_ = c.AssumeFileSettings(no, fs)
	}
}
