package sdm

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func aesOf(t testing.TB, b []byte) *key.Secret {
	t.Helper()
	k, err := key.NewAES(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// enciphers is what a session key does to a block of zeros: it stands for a key
// that the package does not show.
func enciphers(t *testing.T, k []byte) []byte {
	t.Helper()
	b := make([]byte, 16)
	if err := aesOf(t, k).EncryptCBC(context.Background(), nil, b, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorsAES(t *testing.T) {
	vector.Each(t, "sdm", func(t *testing.T, v *vector.Vector) { check(t, v, false) })
}

func TestVectorsLRP(t *testing.T) {
	vector.Each(t, "sdm-lrp", func(t *testing.T, v *vector.Vector) { check(t, v, true) })
}

func check(t *testing.T, v *vector.Vector, useLRP bool) {
	ctx := context.Background()
	m := &Message{PICCData: v.HexOr("picc_enc_data"), File: v.HexOr("enc_file_data")}
	ver := Verifier{FileRead: aesOf(t, v.Hex("sdm_file_read_key")), LRP: useLRP, Replay: &Counters{}}
	if v.Has("sdm_meta_read_key") {
		ver.MetaRead = aesOf(t, v.Hex("sdm_meta_read_key"))
	}
	p := PICCData{UID: v.HexOr("uid"), HasCounter: true}
	for _, name := range []string{"ctr_lsb_first", "sdm_read_ctr_lsb_first"} {
		if v.Has(name) {
			c := v.Hex(name)
			p.Counter = uint32(c[0]) | uint32(c[1])<<8 | uint32(c[2])<<16
		}
	}
	if v.Has("ctr") {
		p.Counter = uint32(v.Int("ctr"))
	}
	if useLRP {
		m.PICCData = v.Hex("picc_rand_and_enc")
		if !bytes.Equal(m.PICCData[:8], v.Hex("picc_rand")) {
			t.Error("the random part")
		}
	}
	if m.PICCData != nil {
		got, err := DecipherPICC(ctx, ver.MetaRead, useLRP, m.PICCData)
		if err != nil {
			t.Fatal(err)
		}
		if v.Has("uid") && (!bytes.Equal(got.UID, p.UID) || got.Counter != p.Counter) {
			t.Errorf("PICC data %+v, want %+v", got, p)
		}
		p = got
		plain := make([]byte, 16)
		if v.Has("picc_plain") {
			plain = v.Hex("picc_plain")
		} else if err := ver.MetaRead.DecryptCBC(ctx, nil, plain, m.PICCData); err != nil || plain[0] != v.Hex("picc_tag")[0] {
			t.Fatalf("PICC data %X, %v", plain, err)
		}
		if e := p.encode(); !bytes.HasPrefix(plain, e) {
			t.Errorf("PICC data %X, want %X", e, plain)
		}
		random := plain[len(p.encode()):]
		if useLRP {
			random = append(bytes.Clone(m.PICCData[:8]), random...)
		}
		again, err := EncipherPICC(ctx, ver.MetaRead, useLRP, p, random)
		if err != nil || !bytes.Equal(again, m.PICCData) {
			t.Errorf("the card's side gives %X, %v", again, err)
		}
	} else {
		m.Plain = p
	}
	s, err := NewSession(ctx, ver.FileRead, useLRP, p)
	if err != nil {
		t.Fatal(err)
	}
	checkSession(t, v, s, useLRP)
	if !v.Has("sdmmac") {
		return
	}
	m.MACInput, m.MAC = []byte(v.Text("mac_input_ascii")), [8]byte(v.Hex("sdmmac"))
	if v.Has("cmac_full") && !bytes.Equal(s.full(m.MACInput), v.Hex("cmac_full")) {
		t.Errorf("full MAC %X", s.full(m.MACInput))
	}
	tag, err := ver.Verify(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if v.Has("file_plain") {
		want := v.Hex("file_plain")
		if !bytes.Equal(tag.File, want) {
			t.Errorf("file data %X, want %X", tag.File, want)
		}
		if c, err := s.EncipherFile(want); err != nil || !bytes.Equal(c, m.File) {
			t.Errorf("the card's side gives file data %X, %v", c, err)
		}
	}
	if _, err := ver.Verify(ctx, m); !errors.Is(err, ErrReplay) {
		t.Errorf("the same message again: %v", err)
	}
	ver.Replay = nil
	for bit := range 64 {
		bad := *m
		bad.MAC[bit/8] ^= 1 << (bit % 8)
		if tag, err := ver.Verify(ctx, &bad); !errors.Is(err, ErrMAC) || tag != nil {
			t.Errorf("bit %d of the MAC flipped: %v", bit, err)
		}
	}
	bad := *m
	bad.MACInput = append(bytes.Clone(m.MACInput), 'x')
	if _, err := ver.Verify(ctx, &bad); !errors.Is(err, ErrMAC) {
		t.Errorf("a changed text: %v", err)
	}
}

func checkSession(t *testing.T, v *vector.Vector, s *Session, useLRP bool) {
	t.Helper()
	if useLRP {
		if v.Has("ses_master") {
			// the master's plaintext 0 is the package's only trace of it
			want := lrpOf(v.Hex("ses_master"))
			if s.master.Plaintext(0) != want.Plaintext(0) || s.master.Updated(1) != want.Updated(1) {
				t.Error("session master key")
			}
		}
		return
	}
	if v.Has("ses_enc") {
		b := make([]byte, 16)
		s.enc.Encrypt(b, b)
		if !bytes.Equal(b, enciphers(t, v.Hex("ses_enc"))) {
			t.Error("session encryption key")
		}
	}
	if v.Has("ses_mac") {
		// K1 is the double of a block of zeros enciphered
		want := make([]byte, 16)
		cmac.Double(want, enciphers(t, v.Hex("ses_mac")))
		if k1, _ := s.mac.Subkeys(); !bytes.Equal(k1, want) {
			t.Error("session MAC key")
		}
	}
	if v.Has("enc_iv") {
		iv := make([]byte, 16)
		copy(iv, s.ctr)
		s.enc.Encrypt(iv, iv)
		if !bytes.Equal(iv, v.Hex("enc_iv")) {
			t.Errorf("IV %X", iv)
		}
	}
}

// A tag that our own functions fill in for a template passes, once.
func TestTemplateRoundTrip(t *testing.T) {
	ctx := context.Background()
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	meta, file := aesOf(t, bytes.Repeat([]byte{1}, 16)), aesOf(t, bytes.Repeat([]byte{2}, 16))
	for _, useLRP := range []bool{false, true} {
		for _, tmpl := range []string{
			"https://x.example/t?p={picc}&m={mac}",
			"https://x.example/t?p={from}{picc}&e={enc:32}&m={mac}&end",
			"https://x.example/t?uid={uid}&n={ctr}&m={mac}",
			"https://x.example/t?{from}uid={uid}&m={mac}",
		} {
			tp, err := ParseTemplate(tmpl, useLRP)
			if err != nil {
				t.Fatal(err)
			}
			p := PICCData{UID: uid, Counter: 0x010203, HasCounter: strings.Contains(tmpl, "{ctr}") || strings.Contains(tmpl, "{picc}")}
			if !p.HasCounter {
				p.Counter = 0
			}
			const base = 7
			set, err := tp.Settings(base, 2, 1, wire.Never)
			if err != nil {
				t.Fatal(err)
			}
			text := mirror(t, tp, set, base, p, meta, file, useLRP)
			m, err := tp.Match(text)
			if err != nil {
				t.Fatal(err)
			}
			v := Verifier{MetaRead: meta, FileRead: file, LRP: useLRP}
			tag, err := v.Verify(ctx, m)
			if err != nil {
				t.Fatalf("%s: %v", tmpl, err)
			}
			if !bytes.Equal(tag.UID, uid) || tag.Counter != p.Counter || tag.HasCounter != p.HasCounter {
				t.Errorf("%s: %v", tmpl, tag)
			}
			if set.Options.Has(wire.SDMEncFile) && string(tag.File) != strings.Repeat("s", 32) {
				t.Errorf("%s: file data %q", tmpl, tag.File)
			}
			v.Replay = &Counters{}
			_, err = v.Verify(ctx, m)
			if (err == nil) != p.HasCounter {
				t.Errorf("%s: with replay protection: %v", tmpl, err)
			}
		}
	}
}

// mirror is what a card does: by the settings alone.
func mirror(t *testing.T, tp *Template, set wire.SDM, base int, p PICCData, meta, file key.Key, useLRP bool) string {
	t.Helper()
	ctx := context.Background()
	b := append(make([]byte, base), tp.Text()...)
	put := func(off uint32, x []byte) { copy(b[off:], strings.ToUpper(hex.EncodeToString(x))) }
	if set.Access.MetaRead() < wire.Free {
		x, err := EncipherPICC(ctx, meta, useLRP, p, bytes.Repeat([]byte{9}, 24))
		if err != nil {
			t.Fatal(err)
		}
		put(set.PICCDataOffset, x)
	} else {
		if set.Options.Has(wire.SDMUID) {
			put(set.UIDOffset, p.UID)
		}
		if set.Options.Has(wire.SDMReadCtr) {
			put(set.ReadCtrOffset, []byte{byte(p.Counter >> 16), byte(p.Counter >> 8), byte(p.Counter)})
		}
	}
	s, err := NewSession(ctx, file, useLRP, p)
	if err != nil {
		t.Fatal(err)
	}
	if set.Options.Has(wire.SDMEncFile) {
		x, err := s.EncipherFile(bytes.Repeat([]byte("s"), int(set.ENCLength)/2))
		if err != nil {
			t.Fatal(err)
		}
		put(set.ENCOffset, x)
	}
	mac := s.MAC(b[set.MACInputOffset:set.MACOffset])
	put(set.MACOffset, mac[:])
	return string(b[base:])
}

// The offsets that AN12196 (6.9) gives for its example file: text from byte 7 on.
func TestSettingsAN12196(t *testing.T) {
	tp, err := ParseTemplate("choose.url.com/ntag424?e={picc}&c={mac}", false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tp.Settings(7, 2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var c wire.Coder
	e, err := c.Encode(nil, &s)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%X", e.Bytes); got != "C1F121200000430000430000" {
		t.Errorf("SDM settings %s, published C1F121200000430000430000", got)
	}
	for _, v := range vector.Load(t, "ev2-sm") {
		if v.ID == "ev2-writedata-full-an12196-5.4" {
			if want := v.Hex("data"); !bytes.HasPrefix(want[7:], []byte(tp.Text()[:25])) {
				t.Errorf("the published file has %q", want[7:])
			}
		}
	}
}

func TestBadTemplates(t *testing.T) {
	for s, want := range map[string]string{
		"x": "either", "{picc}": "without {mac}", "{picc}{uid}{mac}": "either", "{picc}{mac}{from}": "after", "{picc}{enc:16}{mac}": "between",
		"{uid}{from}{enc:16}{mac}": "counter", "{picc}{mac}{mac}": "twice", "{pic}{mac}": "no place", "{picc:3}{mac}": "no place",
		"https://x/{from:7}{picc}{mac}": "begins at 8", "https://{from:9}x/{picc}{mac}": "7 bytes stand before", "{from:0}{picc}{mac}": "no place", "{from:11}{picc}{mac}": "no place",
		"{enc:15}": "multiple", "{enc:2000000}": "multiple", "{picc": "no }",
	} {
		if _, err := ParseTemplate(s, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
	tp, err := ParseTemplate("p={picc}&m={mac}", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"", tp.Text() + "x", strings.Replace(tp.Text(), "p=", "q=", 1), strings.Replace(tp.Text(), "00", "0g", 1)} {
		if m, err := tp.Match(s); err == nil || m != nil {
			t.Errorf("%q matches", s)
		}
	}
	for _, a := range [][2]wire.Access{{wire.Free, 1}, {1, wire.Never}} {
		if _, err := tp.Settings(0, a[0], a[1], wire.Never); err == nil {
			t.Errorf("keys %v taken", a)
		}
	}
}

func TestBadMessages(t *testing.T) {
	ctx := context.Background()
	good := aesOf(t, make([]byte, 16))
	for _, tt := range []struct {
		v Verifier
		m Message
	}{
		{Verifier{}, Message{Plain: PICCData{HasCounter: true}}},
		{Verifier{FileRead: key.Zero(key.TypeDES)}, Message{Plain: PICCData{HasCounter: true}}},
		{Verifier{FileRead: good}, Message{}},
		{Verifier{FileRead: good}, Message{PICCData: make([]byte, 16)}},
		{Verifier{FileRead: good, MetaRead: good}, Message{PICCData: make([]byte, 15)}},
		{Verifier{FileRead: good, MetaRead: good}, Message{PICCData: make([]byte, 16)}},
		{Verifier{FileRead: good, MetaRead: good, LRP: true}, Message{PICCData: make([]byte, 16)}},
		{Verifier{FileRead: good, MetaRead: good, LRP: true}, Message{PICCData: make([]byte, 24)}},
	} {
		if tag, err := tt.v.Verify(ctx, &tt.m); err == nil || tag != nil {
			t.Errorf("%+v passes", tt.m)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("p={picc}&m={mac}", "p=00000000000000000000000000000000&m=0000000000000000")
	f.Add("{from}{ctr}{enc:16}{mac}", "00")
	f.Fuzz(func(t *testing.T, tmpl, text string) {
		for _, useLRP := range []bool{false, true} {
			tp, err := ParseTemplate(tmpl, useLRP)
			if err != nil {
				continue
			}
			tp.Settings(3, 1, 1, 1)
			if m, err := tp.Match(text); (m == nil) == (err == nil) {
				t.Fatalf("%v, %v", m, err)
			}
			if _, err := tp.Match(tp.Text()); err != nil {
				t.Fatalf("the template's own text: %v", err)
			}
		}
	})
}

func lrpOf(k []byte) *lrp.Key { return lrp.New([16]byte(k)) }

// What a message proves does not change with the message.
func TestTagIsTheCallers(t *testing.T) {
	ctx := context.Background()
	k := aesOf(t, make([]byte, 16))
	m := &Message{Plain: PICCData{UID: []byte{4, 1, 2, 3, 4, 5, 6}, HasCounter: true, Counter: 1}}
	s, err := NewSession(ctx, k, false, m.Plain)
	if err != nil {
		t.Fatal(err)
	}
	m.MAC = s.MAC(nil)
	tag, err := (&Verifier{FileRead: k}).Verify(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	clear(m.Plain.UID)
	if tag.UID[0] != 4 {
		t.Errorf("the UID is %X now", tag.UID)
	}
}
