package trace

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// What a recorded key change tells to whoever has the old key, channel by
// channel. P are blocks of the plain text, C of the cryptogram.
//
//	D40          C = D(P xor C before), IV zero: the cryptogram tells the key. The last block and
//	             2^16 tries of the CRC tell the block before it. Nothing else depends on it.
//	EV1 DES      the answer's CMAC is the whole running IV: it tells the last block of the cryptogram.
//	EV1 AES      P2 is version and CRC: C2 and 2^32 tries tell C1 = D(C2) xor P2 and so the key.
//	             Against an old key that is known the second CRC follows from the first.
//	             C2 is the running IV: any later message whose content is known tells it.
//	EV2          P2 is version and padding: C2 tells the key at once, against an old key in 2^32 tries.
//	             The IV comes from the counter: nothing else depends on it but the command's MAC.
//	LRP          no chain of blocks: the first block tells the key at once.
//
// The MAC of an EV2 or LRP command over the cryptogram leaves 2^64 of 2^128
// random keys, but it proves a guess of a key with little entropy right.

// attacked is a session in which the key no is changed, and what is known.
type attacked struct {
	rec     *Recording
	session *session // its state as the cryptogram comes
	at      int      // exchange of the change
	no      byte
	old     *key.Secret // of the changed key
	new     *key.Secret
}

// attackedSession records a change of a key away from the default, and more of
// the session.
func attackedSession(t *testing.T, method key.Method, typ key.Type, seed uint64, own bool, to *key.Secret, rest ...func(*generator)) *attacked {
	t.Helper()
	g := newGenerator(t, seed)
	a := &attacked{rec: g.rec, no: 1, old: key.Zero(typ), new: to}
	for no := range wire.KeyNo(3) {
		g.keys[no] = key.Zero(typ)
	}
	g.selectApp([3]byte{0x12, 0x34, 0x56})
	g.authenticate(method, 0)
	v := newVerifier(g.rec, []Key{{No: -1, Value: key.Zero(typ)}}, nil)
	j := joiner{framing: g.rec.Framing, patient: true}
	for i := range g.rec.Exchanges {
		for _, m := range j.feed(&g.rec.Exchanges[i]) {
			v.message(m)
		}
	}
	a.session = v.sessions[0]
	a.at = len(g.rec.Exchanges)
	if own {
		a.no = 0
	}
	g.change(wire.KeyNo(a.no), to)
	for _, f := range rest {
		f(g)
	}
	return a
}

// cryptogram is what rec holds of the key change, MACs left out.
func (a *attacked) cryptogram(rec *Recording) []byte {
	j := joiner{framing: rec.Framing}
	for i := range rec.Exchanges {
		for _, m := range append(j.feed(&rec.Exchanges[i]), j.open) {
			if m == nil || m.first() != a.at || !m.done() {
				continue
			}
			c := m.body[1:]
			if a.session.macs() {
				c = c[:len(c)-macEV2]
			}
			return c
		}
	}
	return nil
}

// crcs are the tries of a CRC: some around the right one, instead of all 2^32.
func (a *attacked) crcs(right uint32) (list []uint32) {
	for i := range uint32(64) {
		list = append(list, right-31+i)
	}
	return list
}

// byLastBlock is the attack of an own AES key that needs the last block only.
func (a *attacked) byLastBlock(last []byte) []byte {
	s := a.session
	version := a.new.Version()
	d := func(b []byte) []byte { out := make([]byte, 16); s.block.Decrypt(out, b); return out }
	if s.scheme == wire.SchemeEV2 {
		iv := append([]byte{0xA5, 0x5A}, s.ti[:]...)
		iv = append(iv, byte(s.st.ctr), byte(s.st.ctr>>8), 0, 0, 0, 0, 0, 0, 0, 0)
		s.block.Encrypt(iv, iv)
		p2 := append([]byte{version, 0x80}, make([]byte, 14)...)
		return xor(d(xor(d(last), p2)), iv)
	}
	sum := func(k []byte) uint32 { return crc.Sum32(slices.Concat([]byte{insChangeKey, a.no}, k, []byte{version})) }
	for _, try := range a.crcs(sum(a.new.Export())) {
		p2 := append([]byte{version, byte(try), byte(try >> 8), byte(try >> 16), byte(try >> 24)}, make([]byte, 11)...)
		k := xor(d(xor(d(last), p2)), s.st.iv[:16])
		if sum(k) == try {
			return k
		}
	}
	return nil
}

// before inverts the CMAC of one incomplete block: the running IV before it.
func before(b cipher.Block, mac, message []byte) []byte {
	n := b.BlockSize()
	sub := make([]byte, n)
	b.Encrypt(sub, sub)
	for range 2 {
		carry := sub[0] >> 7
		for i := range sub {
			sub[i] <<= 1
			if i+1 < n {
				sub[i] |= sub[i+1] >> 7
			}
		}
		poly := byte(0x87)
		if n == 8 {
			poly = 0x1B
		}
		sub[n-1] ^= poly * carry
	}
	padded := make([]byte, n)
	padded[copy(padded, message)] = 0x80
	out := make([]byte, n)
	b.Decrypt(out, mac)
	return xor(xor(out, padded), sub)
}

func newKey(t *testing.T, typ key.Type, seed byte) *key.Secret {
	t.Helper()
	n := typ.Size()
	if typ == key.TypeDES {
		n = 8
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i)*14 // parity bits are those of a version, which is visible
		if typ != key.TypeAES {
			b[i] &^= 1
		}
	}
	k, err := key.New(typ, b, 7)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The attacks succeed on what a whole recording holds, and on one that keeps
// only the last block or what depends on it: those are no cuts.
func TestAttacksOnWholeRecordings(t *testing.T) {
	for _, kind := range kinds {
		for _, own := range [...]bool{true, false} {
			t.Run(fmt.Sprint(kind.name, " own ", own), func(t *testing.T) {
				to := newKey(t, kind.typ, 0x21)
				a := attackedSession(t, kind.method, kind.typ, 7, own, to)
				learned := func(rec *Recording) bool {
					v := newVerifier(rec, []Key{{No: -1, Value: key.Zero(kind.typ)}}, nil)
					v.run()
					return slices.ContainsFunc(v.keys, func(k Key) bool { return bytes.Equal(k.Value.Export(), to.Export()) })
				}
				if !learned(a.rec) {
					t.Error("a whole recording does not tell the key: the attack is wrong")
				}
				if learned(a.rec.Cut()) {
					t.Error("the recording tells the key")
				}
			})
		}
	}

	to := newKey(t, key.TypeAES, 0x21)
	for _, method := range [...]key.Method{key.MethodAES, key.MethodEV2First} {
		a := attackedSession(t, method, key.TypeAES, 3, true, to)
		if k := a.byLastBlock(a.cryptogram(a.rec)[16:32]); !bytes.Equal(k, to.Export()) {
			t.Errorf("%v: the last block did not tell the key", method)
		}
		if k := a.byLastBlock(a.cryptogram(a.rec.Cut())[16:32]); bytes.Equal(k, to.Export()) {
			t.Errorf("%v: the last block stayed", method)
		}
	}

	a := attackedSession(t, key.MethodLRPFirst, key.TypeAES, 3, true, to)
	first := slices.Clone(a.cryptogram(a.rec)[:16])
	e := a.session.st.enc
	lrp.NewCBC(a.session.lrp.enc, 1, []byte{byte(e >> 24), byte(e >> 16), byte(e >> 8), byte(e)}).Decrypt(first)
	if !bytes.Equal(first, to.Export()) {
		t.Error("LRP: the first block did not tell the key")
	}
}

// The rest of an EV1 session tells the last block of a cryptogram that was cut.
func TestAttackOnTheRestOfAnEV1Session(t *testing.T) {
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	answer := func(rec *Recording, at int, command byte) []byte {
		j := joiner{framing: rec.Framing}
		for i := range rec.Exchanges {
			for _, m := range append(j.feed(&rec.Exchanges[i]), j.open) {
				if m != nil && m.first() >= at && m.ins == command && m.done() {
					return m.rsp
				}
			}
		}
		return nil
	}
	more := func(g *generator) { g.do(&wire.GetCardUID{}, 0, uid) }
	for _, kind := range kinds {
		method, typ := kind.method, kind.typ
		if method != key.MethodISO && method != key.MethodAES {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			to := newKey(t, typ, 0x21)
			a := attackedSession(t, method, typ, 5, false, to, more)
			block := a.session.block
			n := block.BlockSize()
			c := a.cryptogram(a.rec)
			last := c[len(c)-n:]
			found := func(rec *Recording) []byte {
				if n == 8 {
					return before(block, answer(rec, a.at, insChangeKey), []byte{0})
				}
				p1 := slices.Clone(uid)
				sum := crc.Sum32(slices.Concat(uid, []byte{0}))
				p1 = append(p1, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24), 0, 0, 0, 0, 0)
				iv := make([]byte, 16)
				block.Decrypt(iv, answer(rec, a.at, 0x51)[:16])
				iv = before(block, xor(iv, p1), []byte{0x51}) // the CMAC of GetCardUID
				return before(block, iv, []byte{0})           // that of the answer to ChangeKey
			}
			if !bytes.Equal(found(a.rec), last) {
				t.Error("the rest of a whole session did not tell the last block: the attack is wrong")
			}
			if bytes.Equal(found(a.rec.Cut()), last) {
				t.Error("the rest of the session tells the last block")
			}
		})
	}
}

// A recording is the same, byte for byte, whatever the new key is: no number
// of tries finds in it what it does not hold. For every channel, the session's
// own key and another, and all that goes on in the session.
func TestRecordingsDoNotDependOnTheNewKey(t *testing.T) {
	rest := func(g *generator) {
		if g.pcd == nil {
			return
		}
		g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x03})
		for i, mode := range [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
			g.do(&wire.WriteData{File: wire.FileNo(i), Data: []byte("content that is known")}, mode, nil)
			g.do(&wire.ReadData{File: wire.FileNo(i), Length: 21}, mode, []byte("content that is known"))
			g.do(&wire.GetValue{File: wire.FileNo(i)}, mode, []byte{1, 0, 0, 0})
		}
		g.do(&wire.GetCardUID{}, 0, []byte{4, 1, 2, 3, 4, 5, 6})
		g.do(&wire.ChangeKeySettings{KS1: 0x0F}, 0, nil)
		g.do(&wire.CommitTransaction{}, 0, nil)
		g.selectApp([3]byte{0x12, 0x34, 0x56})
		g.authenticate(key.MethodISO, 2)
	}
	for i, kind := range append(slices.Clone(kinds), kinds[0]) {
		for j, job := range keyJobs {
			clear := i == len(kinds) // there is no session
			if clear && j < keyChanges {
				continue
			}
			t.Run(fmt.Sprint(kind.name, " ", job.name, " clear ", clear), func(t *testing.T) {
				record := func(seed byte, keep bool) *Recording {
					g := newGenerator(t, 11)
					for no := range wire.KeyNo(3) {
						g.keys[no] = key.Zero(kind.typ)
					}
					g.selectApp([3]byte{0x12, 0x34, 0x56})
					if !clear {
						g.authenticate(kind.method, 0)
					}
					job.do(g, newKey(t, kind.typ, seed))
					g.keys[2] = key.Zero(key.TypeDES)
					rest(g)
					return recordAgain(t, g.rec, keep)
				}
				if reflect.DeepEqual(record(0x20, true), record(0x40, true)) {
					t.Fatal("whole recordings with two keys are the same: the test proves nothing")
				}
				one, two := record(0x20, false), record(0x40, false)
				if len(one.Exchanges) != len(two.Exchanges) {
					t.Fatal("recordings of different length")
				}
				for i := range one.Exchanges {
					if !reflect.DeepEqual(one.Exchanges[i], two.Exchanges[i]) {
						t.Errorf("exchange %d depends on the key:\n% X / % X\n% X / % X", i,
							one.Exchanges[i].Command, one.Exchanges[i].Response, two.Exchanges[i].Command, two.Exchanges[i].Response)
					}
				}
				if again := one.Cut(); !reflect.DeepEqual(again, one) {
					t.Error("cut twice it is another")
				}
				for _, l := range Explain(record(0x20, true)) {
					if k := newKey(t, kind.typ, 0x20).Export(); bytes.Contains(l.Raw, k) {
						t.Error("a line shows the key")
					}
				}
			})
		}
	}
}

// keyJobs are the commands that carry keys, key changes first.
const keyChanges = 4

// sized is a key with zeros behind it, n bytes in all.
func sized(k *key.Secret, n int) wire.Secret {
	b := make([]byte, n)
	copy(b, k.Export())
	return wire.NewSecret(b)
}

var keyJobs = []struct {
	name string
	do   func(*generator, *key.Secret)
}{
	{"own key", func(g *generator, k *key.Secret) { g.change(0, k) }},
	{"another key", func(g *generator, k *key.Secret) { g.change(1, k) }},
	{"key of a set", func(g *generator, k *key.Secret) { g.changeIn(&wire.ChangeKeyEV2{Set: 1, Key: 1}, 1, k) }},
	{"key of set 0", func(g *generator, k *key.Secret) { g.changeIn(&wire.ChangeKeyEV2{Key: 1}, 1, k) }},
	{"default key", func(g *generator, k *key.Secret) {
		d := &wire.DefaultKey{Key: sized(k, wire.DefaultKeySize)}
		g.do(&wire.SetConfiguration{Setting: d}, 0, nil)
	}},
	{"unknown configuration", func(g *generator, k *key.Secret) {
		g.do(&wire.SetConfiguration{Setting: &wire.RawSetting{Opt: 0x4D, Data: k.Export()}}, 0, nil)
	}},
	{"transaction MAC key", func(g *generator, k *key.Secret) {
		m := &wire.CreateTransactionMACFile{File: 9, KeyOption: wire.TMKeyAES, Key: sized(k, wire.TMKeySize)}
		g.do(m, 0, nil)
	}},
	{"delegated application", func(g *generator, k *key.Secret) {
		m := &wire.CreateDelegatedApplication{AID: 0x010203, KS1: 0x0F, KS2: 0x81, FID: 0x1234, DFName: []byte("name")}
		m.EncK = sized(k, wire.EncKSize)
		copy(m.DAMMAC[:], k.Export())
		g.do(m, 0, nil)
	}},
}

// recordAgain lets a recorder see the exchanges of a recording.
func recordAgain(t *testing.T, rec *Recording, keep bool) *Recording {
	t.Helper()
	r := NewRecorder(&RecorderConfig{NoTimes: true, KeepKeys: keep})
	tr := r.Wrap(NewPlayer(rec))
	for _, e := range rec.Exchanges {
		if _, err := tr.Transmit(t.Context(), e.Command); err != nil {
			t.Fatal(err)
		}
	}
	return r.Recording()
}
