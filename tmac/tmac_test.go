package tmac_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// The published session keys are not shown by the package: a MAC and a block
// made under them stand for them.
func TestVectors(t *testing.T) {
	ctx := context.Background()
	vector.Each(t, "tmac", func(t *testing.T, v *vector.Vector) {
		switch {
		case v.Has("commands"):
			checkTransaction(t, v)
		case v.Has("app_tm_key"):
			app, err := key.NewAES(v.Hex("app_tm_key"), 0)
			if err != nil {
				t.Fatal(err)
			}
			digits, _, _ := strings.Cut(v.Text("tmc_reported_at_commit"), " ")
			tmc, err := strconv.ParseUint(digits, 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			k, err := tmac.NewKeys(ctx, app, false, uint32(tmc), v.Hex("uid"))
			if err != nil {
				t.Fatal(err)
			}
			msg := []byte("any input will do")
			if got, want := k.TMV(msg), mact(t, v.Hex("ses_tm_mac"), msg); got != want {
				t.Errorf("MAC key: %X, want %X", got, want)
			}
			if got := k.EncipherReader([16]byte{1, 2}); !bytes.Equal(got[:], ecb(t, v.Hex("ses_tm_enc"), []byte{1, 2})) {
				t.Errorf("encryption key: %X", got)
			}
			if v.Has("sv1") {
				u := v.Hex("uid")
				for name, label := range map[string]byte{"sv1": 0x5A, "sv2": 0xA5} {
					sv := append([]byte{label, 0, 1, 0, 0x80, byte(tmc), byte(tmc >> 8), byte(tmc >> 16), byte(tmc >> 24)}, u...)
					if !bytes.Equal(sv, v.Hex(name)) {
						t.Errorf("%s: %X", name, sv)
					}
				}
			}
		case v.Has("tmv"):
			if got := mact(t, v.Hex("ses_tm_mac"), v.Hex("tmi")); !bytes.Equal(got[:], v.Hex("tmv")) {
				t.Errorf("%X", got)
			}
			// the same through the package: tmac-keys-3 has this session key
			k := keys3(t)
			if err := k.Verify(v.Hex("tmi"), [8]byte(v.Hex("tmv"))); err != nil {
				t.Error(err)
			}
			bad := [8]byte(v.Hex("tmv"))
			bad[7] ^= 1
			if err := k.Verify(v.Hex("tmi"), bad); !errors.Is(err, tmac.ErrMismatch) {
				t.Errorf("a wrong TMV: %v", err)
			}
		default:
			if got := ecb(t, v.Hex("ses_tm_enc"), v.Hex("previous_reader_id")); !bytes.Equal(got, v.Hex("enc_tmri")) {
				t.Errorf("%X", got)
			}
			k := keys3(t)
			if got := k.PreviousReader([16]byte(v.Hex("enc_tmri"))); !bytes.Equal(got[:], v.Hex("previous_reader_id")) {
				t.Errorf("%X", got)
			}
		}
	})
}

// checkTransaction makes the input of a real card's transaction from its
// commands, and finds the MAC that the card gave.
func checkTransaction(t *testing.T, v *vector.Vector) {
	v.Ignore("commands") // words; here they are again
	record := []byte("2023.08.24 23:33:02")
	for i := range 256 - len(record) {
		record = append(record, byte(i))
	}
	in := new(tmac.Input)
	add := func(cmd wire.Command, answer wire.Message) {
		if err := in.Add(cmd, answer); err != nil {
			t.Fatal(err)
		}
	}
	for at := 0; at < len(record); at += 40 {
		add(&wire.WriteRecordISO{WriteRecord: wire.WriteRecord{File: 2, Offset: uint32(at), Data: record[at:min(at+40, len(record))]}}, &wire.Empty{})
	}
	reader := [16]byte(v.Hex("tmri_prev")) // the same reader twice
	enc := v.Hex("enc_tmri")
	add(&wire.CommitReaderID{TMRI: reader}, &wire.ReaderID{EncTMRI: enc})
	if got := in.Bytes(); !bytes.Equal(got, v.Hex("tmi")) {
		t.Fatalf("input %X", got)
	}
	app, err := key.NewAES(v.Hex("app_tm_key"), 0)
	if err != nil {
		t.Fatal(err)
	}
	digits, _, _ := strings.Cut(v.Text("tmc_reported_at_commit"), " ")
	tmc, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	k, err := tmac.NewKeys(t.Context(), app, false, uint32(tmc), v.Hex("uid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(in.Bytes(), [8]byte(v.Hex("tmv"))); err != nil {
		t.Error(err)
	}
	if got := k.PreviousReader([16]byte(enc)); got != reader {
		t.Errorf("previous reader %X, want %X", got, reader)
	}
}

// keys3 are the keys of vector tmac-keys-3.
func keys3(t *testing.T) *tmac.Keys {
	t.Helper()
	app, err := key.NewAES(unhex("00112233445566778899AABBCCDDEEFF"), 0)
	if err != nil {
		t.Fatal(err)
	}
	k, err := tmac.NewKeys(context.Background(), app, false, 1, unhex("04782E21801D80"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mact(t *testing.T, k, msg []byte) [8]byte {
	t.Helper()
	b, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	m := cmac.New(b)
	m.Write(msg)
	return cmac.Truncated(m.Sum())
}

func ecb(t *testing.T, k, p []byte) []byte {
	t.Helper()
	b, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 16)
	copy(out, p)
	b.Encrypt(out, out)
	return out
}

// The layouts of the data sheet, written out by hand.
func TestInput(t *testing.T) {
	z := strings.Repeat("00", 16)
	pad := func(s string) string { return (s + z)[:32] }
	for _, tt := range []struct {
		cmd    wire.Command
		answer wire.Message
		want   string
	}{
		{&wire.ReadData{File: 1, Offset: 0x030201, Length: 3}, &wire.Data{Data: unhex("AABBCC")}, pad("BD01010203030000") + pad("AABBCC")},
		{&wire.ReadData{File: 1}, &wire.Data{Data: bytes.Repeat([]byte{0xAA}, 17)}, pad("BD01000000110000") + strings.Repeat("AA", 17) + strings.Repeat("00", 15)},
		{&wire.ReadDataISO{ReadData: wire.ReadData{File: 1, Length: 1}}, &wire.Data{Data: unhex("AA")}, pad("AD01000000010000") + pad("AA")},
		{&wire.WriteData{File: 2, Offset: 5, Data: unhex("0102")}, &wire.Empty{}, pad("3D02050000020000") + pad("0102")},
		{&wire.WriteData{File: 2, Data: bytes.Repeat([]byte{7}, 16)}, &wire.Empty{}, pad("3D02000000100000") + strings.Repeat("07", 16)},
		{&wire.GetValue{File: 3}, &wire.Value{Value: -2}, pad("6C03FEFFFFFF")},
		{&wire.Credit{File: 3, Amount: 0x01020304}, nil, pad("0C0304030201")},
		{&wire.Debit{File: 3, Amount: 1}, nil, pad("DC0301000000")},
		{&wire.LimitedCredit{File: 3, Amount: 1}, nil, pad("1C0301000000")},
		{&wire.ReadRecords{File: 4, Record: 1, Count: 2}, &wire.Data{Data: unhex("01020304")}, pad("BB04010000020000") + pad("01020304")},
		{&wire.ReadRecords{File: 4}, &wire.Data{Data: unhex("010203040506")}, pad("BB04000000030000") + pad("010203040506")},
		{&wire.WriteRecord{File: 4, Offset: 1, Data: unhex("09")}, nil, pad("3B04010000010000") + pad("09")},
		{&wire.UpdateRecord{File: 4, Record: 9, Offset: 1, Data: unhex("08")}, nil, pad("DB04090000010000010000") + pad("08")},
		{&wire.ClearRecordFile{File: 4}, nil, pad("EB04")},
		{&wire.CommitReaderID{TMRI: [16]byte(unhex("000102030405060708090A0B0C0D0E0F"))}, &wire.ReaderID{EncTMRI: bytes.Repeat([]byte{0xEE}, 16)},
			"C8000102030405060708090A0B0C0D0E0F" + strings.Repeat("EE", 16) + strings.Repeat("00", 15)},
		{&wire.CommitReaderID{}, &wire.ReaderID{}, "C8" + strings.Repeat("00", 31)},
		{&wire.ReadData{File: 5}, &wire.Data{Data: make([]byte, 12)}, ""},
		{&wire.GetFileIDs{}, nil, ""},
	} {
		in := tmac.Input{RecordSizes: map[wire.FileNo]int{4: 2}, Exclude: []wire.FileNo{5}}
		if err := in.Add(tt.cmd, tt.answer); err != nil {
			t.Errorf("%s: %v", tt.cmd.Spec().Name, err)
		}
		if got := strings.ToUpper(hex.EncodeToString(in.Bytes())); got != strings.ToUpper(tt.want) {
			t.Errorf("%s: %s, want %s", tt.cmd.Spec().Name, got, tt.want)
		}
		if err := in.Add(&wire.ClearRecordFile{File: 4}, nil); err != nil {
			t.Error(err)
		}
		if len(in.Bytes()) != len(tt.want)/2+16 {
			t.Errorf("%s: the input does not grow on", tt.cmd.Spec().Name)
		}
		if in.Reset(); len(in.Bytes()) != 0 {
			t.Error("not empty after Reset")
		}
	}
}

func TestBadInput(t *testing.T) {
	var in tmac.Input
	for _, tt := range []struct {
		ins            byte
		params, answer []byte
	}{{0xBD, make([]byte, 6), nil}, {0xBD, nil, nil}, {0xBB, make([]byte, 7), make([]byte, 4)}, {0x3D, make([]byte, 6), nil}, {0x6C, []byte{1}, nil}, {0x0C, []byte{1}, nil}, {0xEB, nil, nil}, {0xC8, make([]byte, 15), nil}, {0xDB, make([]byte, 9), nil}, {0xB1, make([]byte, 2), nil}} {
		if err := in.AddBytes(tt.ins, tt.params, tt.answer); err == nil {
			t.Errorf("%02X with %d and %d bytes was taken", tt.ins, len(tt.params), len(tt.answer))
		}
	}
	ctx := context.Background()
	if _, err := tmac.NewKeys(ctx, key.Zero(key.TypeDES), false, 1, make([]byte, 7)); err == nil {
		t.Error("a DES key was taken")
	}
	if _, err := tmac.NewKeys(ctx, key.Zero(key.TypeAES), true, 1, make([]byte, 4)); err == nil {
		t.Error("a UID of 4 bytes was taken")
	}
	if _, err := tmac.ParseReceipt(make([]byte, 11)); err == nil {
		t.Error("a receipt of 11 bytes was taken")
	}
}

// The receipt of a real card's commit (AN12343 table 32).
func TestReceipt(t *testing.T) {
	r, err := tmac.ParseReceipt(unhex("0400000094A3205E41588BA9"))
	if err != nil || r.TMC != 4 || r.TMV != [8]byte(unhex("94A3205E41588BA9")) {
		t.Errorf("%+v, %v", r, err)
	}
}

// LRP keys have no published numbers: this shows only that each input counts.
func TestLRPKeysDepend(t *testing.T) {
	ctx := context.Background()
	seen := map[[8]byte]string{}
	for name, f := range map[string]func() (*tmac.Keys, error){
		"base": func() (*tmac.Keys, error) {
			return tmac.NewKeys(ctx, key.Zero(key.TypeAES), true, 0x00020001, make([]byte, 7))
		},
		"other act": func() (*tmac.Keys, error) {
			return tmac.NewKeys(ctx, key.Zero(key.TypeAES), true, 0x00020002, make([]byte, 7))
		},
		"other ses": func() (*tmac.Keys, error) {
			return tmac.NewKeys(ctx, key.Zero(key.TypeAES), true, 0x00030001, make([]byte, 7))
		},
		"other UID": func() (*tmac.Keys, error) {
			return tmac.NewKeys(ctx, key.Zero(key.TypeAES), true, 0x00020001, unhex("01000000000000"))
		},
		"AES": func() (*tmac.Keys, error) {
			return tmac.NewKeys(ctx, key.Zero(key.TypeAES), false, 0x00020001, make([]byte, 7))
		},
	} {
		k, err := f()
		if err != nil {
			t.Fatal(err)
		}
		v := k.TMV([]byte("input"))
		if other, ok := seen[v]; ok {
			t.Errorf("%s and %s give the same TMV", name, other)
		}
		seen[v] = name
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
