package sim

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

const (
	zero8  = "0000000000000000"
	zero16 = zero8 + zero8
	zero24 = zero16 + zero8
)

// replays are the recordings that our card reproduces.
var replays = []replay{
	{id: "coelho-ev1-iso-des", generation: wire.EV1},
	{id: "desox-ev3-application", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-application-390a868", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-file-io-3309ce2", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-key-change-app-des-des", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-metadata", generation: wire.EV3, size: 4096},
	{id: "gentilkiwi-ev3-taginfo-a", generation: wire.EV3, size: 8192},
	{id: "libfreefare-68-changekey-unauth", generation: wire.EV1, size: 4096},
	{id: "mifareforum-12600-d40-1e", generation: wire.EV1},
	{id: "nfcjlib-ev1-auth", generation: wire.EV1, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "nfcjlib-issue2-ae", generation: wire.EV1, setUp: func(t *testing.T, c *Card) {
		addApp(t, c, "010000", wire.KeyAES, 4, cardKey{})
	}, selected: "010000"},
	{id: "nfcpcsc-131-ev2-auth-ae", generation: wire.EV2, size: 2048, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "nxp-1890756-ev2-d40-auth", generation: wire.EV2},
	{id: "nxp-395903-d40-auth", generation: wire.EV1},
	{id: "pm3-pr3638-ev1-d40", generation: wire.EV1},
	{id: "pydesfire-20-aes-auth", generation: wire.EV2, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "rfdoorlock-ev1-2k3des", generation: wire.EV1, setUp: oneApp("16de00", wire.KeyDES, 2, cardKey{})},
	{id: "rfdoorlock-ev1-picc-des", generation: wire.EV1},
	{id: "skjolber-ev1-test3k3des1", generation: wire.EV1, setUp: oneApp("cccccc", wire.Key3K3DES, 1, cardKey{})},
	{id: "skjolber-ev1-test3k3des2", generation: wire.EV1, setUp: test3k3des2},
	{id: "skjolber-ev1-testaes1", generation: wire.EV1, size: 4096, setUp: piccKey(wire.KeyAES, zero16, 0x42)},
	{id: "skjolber-ev1-testaes3", generation: wire.EV1, size: 4096, setUp: piccKey(wire.KeyAES, zero16, 0x42)},
	{id: "skjolber-ev1-testdes1", generation: wire.EV1, size: 4096},
	{id: "talktoyour-ev3-d40-changedkey", generation: wire.EV3, size: 2048, selected: "d3d2d1",
		setUp: oneApp("d3d2d1", wire.KeyDES, 2, cardKey{no: 1, typ: wire.KeyDES,
			value: []byte("\xd1\x00\x23\x45\x67\x89\xab\xcd\xd1\x00\x23\x45\x67\x89\xab\xcd")})},
	{id: "taplinx-ev3-create-ndef", generation: wire.EV3, stop: 7,
		why: "file 2 reads back with other rights than it was created with"},
	{id: "esp32-ev3-plain-writeiso", generation: wire.EV3, size: 4096},
	{id: "nfccpp-ev2-picc", generation: wire.EV2, size: 4096},
	{id: "nfccpp-ev2-aes", generation: wire.EV2, size: 4096,
		setUp: oneApp("a1a551", wire.KeyAES, 1, cardKey{typ: wire.KeyAES, value: []byte("\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00")})},
	{id: "nfccpp-ev2-des", generation: wire.EV2, size: 4096,
		setUp: oneApp("a1a553", wire.KeyDES, 1, cardKey{typ: wire.KeyDES, value: []byte("\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8")})},
	{id: "nfccpp-ev2-picc-changekey-ae", generation: wire.EV2},
	{id: "nfcjlib-es-ev1-aes-storage", generation: wire.EV1, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "pydesfire-20-changekey-1e", generation: wire.EV2, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "workshop-chal1-free-read", generation: wire.EV1, setUp: workshop("000010", wire.KeyDES, zero8,
		&file{no: 1, comm: wire.CommFull, rights: rights(0xE111), data: []byte("flag{pla1n_m1s7ak3s}")})},
	{id: "workshop-chal2-d40-full-read", generation: wire.EV1, setUp: workshop("010010", wire.KeyDES, "0000000000000001",
		&file{no: 1, comm: wire.CommFull, rights: rights(0xE111), data: []byte("flag{4u7h_4lon3_i5_n07_3nou9h}")})},
	{id: "workshop-chal3-1-aes-full-read", generation: wire.EV1, setUp: workshop("020010", wire.KeyAES, "0000000000000000000462216ae16e80",
		&file{no: 1, comm: wire.CommFull, rights: rights(0x1111), data: append(make([]byte, 24), "flag{d3crypt_fr0m_tr4c3}"...)})},
	// NTAG 424 DNA and DESFire Light, printed in application notes and logged.
	{id: "an12196-auth-key0-write", generation: wire.NTAG424, setUp: file2(wire.CommFull, 0x0000)},
	{id: "an12196-nonfirst-changekey", generation: wire.NTAG424},
	{id: "talktoyour-ntag424-setconfig-lrp", generation: wire.NTAG424},
	{id: "ntag424rs-aes-first-b", generation: wire.NTAG424},
	{id: "ntag424rs-iso-read-cc", generation: wire.NTAG424, before: "00a4000c02e103 < 9000"},
	{id: "ntag424rs-lrp-key0", generation: wire.NTAG424, hardware: "04040830001105", setUp: func(t *testing.T, c *Card) {
		lrpMode(t, c)
		c.nvm.signature = [56]byte(unhex(t, "5f019173da747943318455d4dd9413858c8d335d4b488dc52a606386115c5c796ce79e95a499c430b6dd5d1cd41bf23f258c678070dbd42c"))
		copy(c.nvm.apps[0].file(2).data, "\xde\xad\xbe\xef")
	}},
	{id: "ntag424rs-lrp-key3-mac", generation: wire.NTAG424, setUp: lightFile(3, wire.CommMAC, 0x2330)},
	{id: "ntag424tt-gettt-open", generation: wire.NTAG424, hardware: "04040830001105", setUp: func(_ *testing.T, c *Card) {
		c.nvm.config.tamper = [2]byte{'O', 'O'}
	}},
	{id: "ntag424tt-gettt-invalid", generation: wire.NTAG424, hardware: "04040830001105"},
	{id: "an12343-t06-setconfig-ats", generation: wire.Light},
	{id: "an12343-t07-getcarduid", generation: wire.Light, uid: "04de5f1eacc040", setUp: appKey(0, "01234567890123456789012345678901")},
	{id: "an12343-t11-changefilesettings", generation: wire.Light},
	{id: "an12343-t12-t13-fileids", generation: wire.Light},
	{id: "an12343-t27-t31-iso-binary", generation: wire.Light, before: "00a4040c10a00000039656434103f015400000000b00 < 9000", setUp: withoutTMAC(4)},
	{id: "an12343-t33-readrecords", generation: wire.Light, setUp: func(t *testing.T, c *Card) {
		x := readTrace(t, "an12343-t33-readrecords").Exchanges[0]
		c.nvm.apps[0].file(1).records = [][]byte{presetAnswer(t, x, 7)}
	}},
	{id: "an12343-t16-authev2first", generation: wire.Light},
	{id: "an12343-t21-t22-plain-rw", generation: wire.Light, setUp: lightFile(0, wire.CommPlain, 0x3330)},
	{id: "an12343-t23-t24-mac-rw", generation: wire.Light, setUp: lightFile(0, wire.CommMAC, 0x3330)},
	{id: "an12343-t34-getvalue-free", generation: wire.Light, setUp: lightFile(3, wire.CommFull, 0xE120)},
	{id: "an12343-t35-t37-value", generation: wire.Light, setUp: func(t *testing.T, c *Card) {
		x := readTrace(t, "an12343-t35-t37-value").Exchanges[0]
		c.nvm.apps[0].file(3).value = int32(binary.LittleEndian.Uint32(presetAnswer(t, x, 1)))
	}},
	{id: "an12343-t39-changekey-other", generation: wire.Light, setUp: appKey(0, "01234567890123456789012345678901")},
}

// withoutTMAC frees a file of a Light and deletes its transaction MAC file.
func withoutTMAC(no wire.FileNo) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		lightFile(no, wire.CommPlain, 0xEEE0)(t, c)
		a := c.nvm.apps[0]
		a.files = slices.DeleteFunc(a.files, func(f *file) bool { return f.tmac != nil })
	}
}

// lrpMode switches LRP on.
func lrpMode(_ *testing.T, c *Card) { c.nvm.config.capabilities[wire.CapPDCap2_1] |= wire.CapLRP }

// workshop is an application with two keys, 1 being the one told.
func workshop(aid string, typ wire.KeyType, digits string, f *file) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) { addApp(t, c, aid, typ, 2, keyOf(t, 1, typ, digits, 0), f) }
}

func file2(m wire.CommMode, r uint16) func(*testing.T, *Card) { return lightFile(2, m, r) }

// lightFile changes a file of the fixed application.
func lightFile(no wire.FileNo, m wire.CommMode, r uint16) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		f := c.nvm.apps[0].file(no)
		f.comm, f.rights = m, rights(r)
	}
}

// appKey changes a key of the fixed application.
func appKey(no wire.KeyNo, digits string) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		*findKey(c.nvm.apps[0].keys, no) = keyOf(t, no, wire.KeyAES, digits, 0)
	}
}

// test3k3des2 opens the recorded answers as a reader would, to learn what the
// files held.
func test3k3des2(t *testing.T, c *Card) {
	f := readTrace(t, "skjolber-ev1-test3k3des2")
	at := func(s string) []byte { return unhex(t, s) }
	data := func(i int) []byte { b := at(f.Exchanges[i].R); return b[:len(b)-2] }
	secret, err := key.New(key.Type3K3DES, at(zero24), 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := securemsg.Recover(t.Context(), securemsg.Recorded{
		Method: key.MethodISO, KeyNo: 5, Key: secret,
		Challenge: data(1), Token: at(f.Exchanges[2].C)[5:37], Proof: data(2),
	})
	if err != nil || !r.CardProof {
		t.Fatal(r, err)
	}
	ch, err := securemsg.NewChannel(r.Session(securemsg.PCD))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(cmd string, mode wire.CommMode, answer []byte) []byte {
		b := at(cmd)
		if _, err := ch.Seal(nil, securemsg.Message{Code: b[0], Head: b[1:]}); err != nil {
			t.Fatal(err)
		}
		plain, err := ch.Open(nil, securemsg.Message{Data: answer, Mode: mode, Len: -1})
		if err != nil {
			t.Fatal(cmd, err)
		}
		return plain
	}
	ask("f505", wire.CommPlain, data(3))
	backup := ask("bd05000000000000", wire.CommFull, append(data(4), data(5)...))
	ask("f504", wire.CommPlain, data(6))
	value := ask("6c04", wire.CommFull, data(7))
	ask("f500", wire.CommPlain, data(8))
	record := ask("bb00000000010000", wire.CommFull, data(9))
	full := rights(0x1254)
	addApp(t, c, "bbbbbb", wire.Key3K3DES, 6, cardKey{},
		&file{no: 5, typ: wire.FileBackup, comm: wire.CommFull, rights: full, data: backup},
		&file{no: 4, typ: wire.FileValue, comm: wire.CommFull, rights: full, upper: 1000, limited: 97,
			value: int32(binary.LittleEndian.Uint32(value))},
		&file{no: 0, typ: wire.FileCyclicRecord, comm: wire.CommFull, rights: full, recordSize: 4, maxRecords: 10, records: [][]byte{record}},
	)
}
