// Package purseproof plays purses against simulated cards: scenarios with their
// expected decisions, random runs with honest faults and with a relay, and a load.
// What became of a change is read from the card, never from what a purse says.
package purseproof

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Files of the application.
const (
	recordNo wire.FileNo = 1
	slotNo   wire.FileNo = 2
	valueNo  wire.FileNo = 3
	secondNo wire.FileNo = 5 // another value file
	openNo   wire.FileNo = 6 // plain and free: its commands count in a session and have no MAC
	tmacNo   wire.FileNo = 15
)

const (
	purseAID wire.AID = 0xF48121
	lightAID wire.AID = 0xDF01 // as the image of a Light has it
	startsAt          = 500    // what value files hold at first
	upper             = 100000
	slots             = 8
	showing           = 2 // records
)

// channel is the cards of a layout and their sessions.
type channel struct {
	name   string
	gen    wire.Generation
	typ    key.Type
	method key.Method
	mode   wire.CommMode
}

var channels = []channel{
	{"D40", wire.D40, key.Type2K3DES, key.MethodD40, wire.CommFull},
	{"EV1 DES", wire.EV1, key.Type2K3DES, key.MethodISO, wire.CommFull},
	{"EV1 3K3DES", wire.EV1, key.Type3K3DES, key.MethodISO, wire.CommMAC},
	{"EV1 AES", wire.EV1, key.TypeAES, key.MethodAES, wire.CommFull},
	{"EV1 AES on EV3", wire.EV3, key.TypeAES, key.MethodAES, wire.CommMAC},
	{"EV2", wire.EV2, key.TypeAES, key.MethodEV2First, wire.CommMAC},
	{"EV2 on EV3", wire.EV3, key.TypeAES, key.MethodEV2First, wire.CommFull},
	{"LRP", wire.Light, key.TypeAES, key.MethodLRPFirst, wire.CommFull},
}

func channelOf(name string) channel {
	i := slices.IndexFunc(channels, func(c channel) bool { return c.name == name })
	return channels[i]
}

// receipts is what proves a change.
type receipts struct {
	name   string
	tmac   bool // a transaction MAC file
	names  bool // CommitReaderID in each transaction
	two    bool // by another key than the one that credits
	tmKey  bool // terminals have the transaction MAC key
	slot   bool
	record bool
	others purse.Others
	lease  bool
	values int // value files in each change
}

var allReceipts = []receipts{
	{name: "value, exclusive", others: purse.OthersNothing},
	{name: "value, lease", others: purse.OthersNothing, lease: true},
	{name: "value, others debit", others: purse.OthersDebit},
	{name: "two values, exclusive", others: purse.OthersNothing, values: 2},
	{name: "slot", slot: true},
	{name: "slot, two values", slot: true, values: 2},
	{name: "record", record: true},
	{name: "TMAC", tmac: true, names: true},
	{name: "TMAC, key at the terminal", tmac: true, names: true, tmKey: true},
	{name: "TMAC and slot", tmac: true, names: true, slot: true},
	{name: "TMAC and record", tmac: true, names: true, record: true},
	{name: "TMAC, two keys", tmac: true, names: true, two: true},
	{name: "TMAC and slot, two keys", tmac: true, names: true, slot: true, two: true},
	{name: "TMAC without names, slot", tmac: true, slot: true},
	{name: "TMAC without names, exclusive", tmac: true, others: purse.OthersNothing},
}

// layout is a channel with receipts.
type layout struct {
	channel
	receipts
	policy      purse.Policy
	randomID    bool
	diversified bool
	fresh       bool // the transaction counter is 0
	clearable   bool // the key of the purse may clear records
	resumes     bool // sim.TransactionQuirks.BrokenNonFirstResumes
	scripts     scripts
	along       bool // purse.Config.CommitAlong
}

func layoutOf(channel, receipt string) *layout {
	i := slices.IndexFunc(allReceipts, func(r receipts) bool { return r.name == receipt })
	l := &layout{channel: channelOf(channel), receipts: allReceipts[i], policy: purse.Hostile}
	if l.gen == wire.D40 {
		l.policy = purse.Accidents
	}
	return l
}

func (l *layout) String() string {
	name := l.channel.name + ", " + l.receipts.name
	if l.scripts != noScripts {
		name += ", scripts " + string(l.scripts)
	}
	if l.along {
		name += ", commit along"
	}
	return name
}

// possible reports whether there are such cards.
func (l *layout) possible() bool {
	switch {
	case l.tmac && (!l.gen.Has(wire.FeatureTMAC) || !slices.Contains([]key.Method{key.MethodEV2First, key.MethodLRPFirst}, l.method)):
		return false
	case l.gen == wire.Light && (l.slot || l.values > 1):
		return false // its files are given
	case l.tmac && !l.names && l.record && !l.slot:
		return false
	}
	return true
}

func (l *layout) place() wire.Place {
	if l.gen == wire.Light {
		return wire.Place{Fixed: true}
	}
	return wire.Place{AID: purseAID}
}

// files are the settings of the files. Key 1 is the purse's; key 2, which a relay
// may know, reads what is not the value. With two keys key 3 debits, names the reader
// and reads the counter, and key 1 credits as well.
func (l *layout) files() map[wire.FileNo]wire.FileSettings {
	o := wire.FileOption(l.mode)
	own := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	shown := wire.AccessRights{Read: 2, Write: 1, ReadWrite: 1, Change: 0}
	m := map[wire.FileNo]wire.FileSettings{
		valueNo: {Type: wire.FileValue, Option: o, Access: own, Upper: upper, Flags: wire.ValueLimitedCredit},
	}
	if l.values > 1 {
		m[secondNo] = m[valueNo]
	}
	if l.slot {
		m[slotNo] = wire.FileSettings{Type: wire.FileBackup, Option: o, Access: shown, Size: 16*slots + 1}
	}
	if l.record || l.gen == wire.Light {
		kept := wire.AccessRights{Read: 1, Write: 1, ReadWrite: wire.Never, Change: 0} // nobody clears it
		if l.clearable {
			kept = own
		}
		m[recordNo] = wire.FileSettings{Type: wire.FileCyclicRecord, Option: o, Access: kept, RecordSize: 24, MaxRecords: showing + 1}
	}
	if l.tmac {
		r := wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: 1, Change: 0}
		if !l.names {
			r.ReadWrite = wire.Never
		}
		m[tmacNo] = wire.FileSettings{Type: wire.FileTransactionMAC, Option: o, Access: r}
	}
	if l.scripts != noScripts && l.gen != wire.Light {
		m[openNo] = wire.FileSettings{Type: wire.FileStandard, Access: wire.AccessRights{Read: wire.Free, Write: 1, ReadWrite: 1, Change: 0}, Size: 16}
	}
	if l.two {
		for no, fs := range m {
			if no == openNo {
				continue
			}
			fs.Access.Read, fs.Access.Write = 3, 3
			if no == tmacNo {
				fs.Access.Write, fs.Access.ReadWrite = wire.Never, 3
			}
			m[no] = fs
		}
	}
	return m
}

func (l *layout) file(no wire.FileNo) purse.File { return purse.File{No: no, Settings: l.files()[no]} }

// seeded is reproducible randomness.
func seeded(seed uint64, part string) *rand.ChaCha8 {
	var b [32]byte
	copy(b[:], fmt.Sprintf("%016x%s", seed, part))
	return rand.NewChaCha8(b)
}

// secret is a key. Keys of one card and of others are the same, unless they are
// diversified.
func (l *layout) secret(t key.Type, what string, uid []byte) *key.Secret {
	if l.diversified {
		what += string(uid)
	}
	b := make([]byte, t.Size())
	_, _ = seeded(7, what).Read(b)
	k, err := key.New(t, b, 1)
	if err != nil {
		panic(err)
	}
	return k
}

func (l *layout) keyNo(no int, uid []byte) *key.Secret {
	return l.secret(l.typ, fmt.Sprintf("key %d", no), uid)
}

func (l *layout) tmSecret(uid []byte) *key.Secret { return l.secret(key.TypeAES, "tm", uid) }

// keys is what a terminal, or a centre, has.
func (l *layout) keys(tm bool, uids ...[]byte) keystore.Map {
	m := keystore.Map{}
	for _, uid := range uids {
		var of keystore.UID
		if l.diversified {
			of = keystore.UID(uid)
		}
		m[keystore.Ref{UID: of, Place: l.place(), Key: keystore.Number(1)}] = keystore.Given{Key: l.keyNo(1, uid)}
		if l.two {
			m[keystore.Ref{UID: of, Place: l.place(), Key: keystore.Number(3)}] = keystore.Given{Key: l.keyNo(3, uid)}
		}
		m[keystore.Ref{UID: of, Key: keystore.Number(0)}] = keystore.Given{Key: l.secret(l.typ, "card", uid)}
		if tm {
			m[keystore.Ref{UID: of, Place: l.place(), Key: keystore.RoleTransactionMAC.ID()}] = keystore.Given{Key: l.tmSecret(uid)}
		}
	}
	return m
}

// conf is the purse of a terminal.
func (l *layout) conf(number int, j purse.Journal, keys keystore.Store) purse.Config {
	c := purse.Config{
		Place: l.place(), Generation: l.gen, Values: []purse.File{l.file(valueNo)},
		Keys: keys, KeyNo: 1, Diversified: l.diversified, Policy: l.policy, Others: l.others,
		Journal: j, Terminal: fmt.Sprintf("terminal %d", number),
	}
	c.Method = &l.method
	if l.values > 1 {
		c.Values = append(c.Values, l.file(secondNo))
	}
	if l.tmac {
		c.TMAC = &purse.TMAC{File: l.file(tmacNo), NamesReader: l.names}
	}
	if no := wire.KeyNo(3); l.gate(number) {
		c.KeyNo = no
	} else if l.two {
		c.TMAC.Reader = &no
	}
	if l.slot {
		c.Slot = &purse.Slot{File: l.file(slotNo), Number: number}
	}
	if l.record {
		c.Record = &purse.Record{File: l.file(recordNo)}
	}
	c.BeginFence, c.CommitAlong = l.record || l.lease, l.along
	return c
}

// gate reports whether a terminal has the key only that names the reader and debits.
func (l *layout) gate(number int) bool { return l.two && number == 1 }

var (
	typeNames = map[wire.KeyType]string{wire.KeyDES: "des", wire.Key3K3DES: "3k3des", wire.KeyAES: "aes"}
	commNames = map[wire.CommMode]string{wire.CommPlain: "plain", wire.CommMAC: "mac", wire.CommFull: "full"}
)

// image is a card of the layout, made without the reader.
func (l *layout) image(t testing.TB, uid []byte) *sim.Image {
	c, err := sim.New(&sim.Config{Generation: l.gen, UID: uid, Rand: seeded(9, "card")})
	if err != nil {
		t.Fatal(err)
	}
	img := c.Image()
	stored := func(aid wire.AID, no int, s *key.Secret) sim.ImageKey {
		return sim.ImageKey{Application: aid, No: no, Type: typeNames[s.Type().Wire()], Version: 1, Value: wire.NewSecret(s.Export())}
	}
	app := sim.ImageApplication{AID: purseAID, KeySettings: sim.Hex{0x0F}, KeyType: typeNames[l.typ.Wire()], KeyCount: 4}
	if l.gen == wire.Light {
		app = img.Applications[0]
		app.Files = nil
		img.Config.Capabilities = sim.Hex{0, 0, 0, 0, wire.CapLRP, 0, 0, 0, 0, 0}
		img.Keys = nil
	}
	for no := range app.KeyCount {
		img.Keys = append(img.Keys, stored(app.AID, no, l.keyNo(no, uid)))
	}
	files := l.files()
	for _, no := range []wire.FileNo{recordNo, slotNo, valueNo, secondNo, openNo, tmacNo} {
		fs, ok := files[no]
		if !ok {
			continue
		}
		r := fs.Access.Uint16()
		f := sim.ImageFile{No: int(no), Type: fs.Type.String(), Comm: commNames[fs.Comm()], Rights: sim.Hex{byte(r >> 8), byte(r)},
			Size: int(fs.Size), RecordSize: int(fs.RecordSize), MaxRecords: int(fs.MaxRecords)}
		if app.ISOFileIDs && fs.Type == wire.FileCyclicRecord {
			f.ISOID = sim.Hex{0xEF, byte(no)}
		}
		switch fs.Type {
		case wire.FileValue:
			f.Value = &sim.ImageValue{Upper: upper, Value: startsAt, Limited: true}
		case wire.FileTransactionMAC:
			f.TMAC = &sim.ImageTMAC{Value: make(sim.Hex, 8), ReaderID: make(sim.Hex, 16)}
			if !l.fresh {
				f.TMAC.Counter, f.TMAC.Value, f.TMAC.ReaderID = 6, bytes.Repeat(sim.Hex{0xA7}, 8), bytes.Repeat(sim.Hex{0xB0}, 16)
			}
			k := stored(app.AID, int(no), l.tmSecret(uid))
			k.TMAC = true
			img.Keys = append(img.Keys, k)
		}
		app.Files = append(app.Files, f)
	}
	if l.randomID {
		img.Config.Flags = sim.Hex{byte(wire.PICCRandomID)}
	}
	if l.gen == wire.Light {
		img.Applications[0] = app
		return img
	}
	img.Applications = append(img.Applications, app)
	img.Used = 1500
	for i := range img.Keys {
		if img.Keys[i].Application == wire.PICC && img.Keys[i].No == 0 {
			img.Keys[i] = stored(wire.PICC, 0, l.secret(l.typ, "card", uid))
		}
	}
	return img
}
