package sdm

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bytesOf(t testing.TB, k key.Key, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(k.(key.Exporter).Export())
}

// The vectors of the Bolt Card's document on deterministic keys.
func TestBoltcardVectors(t *testing.T) {
	ctx := context.Background()
	b := &Boltcard{Issuer: aesOf(t, unhex(t, "00000000000000000000000000000001")), Version: 1}
	k, err := b.MetaRead(ctx)
	if got := bytesOf(t, k, err); got != "55da174c9608993dc27bb3f30a4a7314" {
		t.Errorf("key 1 is %s", got)
	}
	k, err = b.FileRead(ctx, unhex(t, "04a39493cc8680"))
	if got := bytesOf(t, k, err); got != "f4b404be700ab285e333e32348fa3d3b" {
		t.Errorf("key 2 is %s", got)
	}
}

// The vectors of sdm-backend's tests of its key derivation.
func TestBackendVectors(t *testing.T) {
	ctx := context.Background()
	for _, v := range []struct {
		master, meta string
		uid          string
		no           byte
		tag          string
	}{
		{"00000000000000000000000000000000", "00000000000000000000000000000000", "03030303030303", 2, "00000000000000000000000000000000"},
		{"C9EB67DF090AFF47C3B19A2516680B9D", "a13086f194d7bdfd108dd11716ea2bdf", "010203040506AB", 1, "f18cdd9389d47ae7ab381e80e5ab6fe3"},
		{"C9EB67DF090AFF47C3B19A2516680B9D", "a13086f194d7bdfd108dd11716ea2bdf", "03030303030303", 2, "85f7cc459a5b4b2f5d1a5019ded61c88"},
		{"B95F4C27E3D0BC333792EA968545217F", "3a553c40846fda656faa0fce4f45fdbd", "010203040506AB", 1, "00883874c67dd23032b2acd10d771635"},
		{"B95F4C27E3D0BC333792EA968545217F", "3a553c40846fda656faa0fce4f45fdbd", "05050505050505", 2, "89ae686de793fdf48057ee6e78505cfc"},
	} {
		b, err := NewBackend(unhex(t, v.master))
		if err != nil {
			t.Fatal(err)
		}
		k, err := b.MetaRead(ctx)
		if got := bytesOf(t, k, err); got != v.meta {
			t.Errorf("%s: key 1 is %s, want %s", v.master, got, v.meta)
		}
		k, err = b.tagKey(ctx, unhex(t, v.uid), v.no)
		if got := bytesOf(t, k, err); got != v.tag {
			t.Errorf("%s: key %d of %s is %s, want %s", v.master, v.no, v.uid, got, v.tag)
		}
		if s := fmt.Sprintf("%v %+v %#v", b, b, b); strings.Contains(strings.ToUpper(s), v.master[:8]) || strings.Contains(s, "[") {
			t.Errorf("it prints %s", s)
		}
	}
}

// The scheme before 2023, by Python's hashlib.pbkdf2_hmac.
func TestBackendLegacy(t *testing.T) {
	ctx := context.Background()
	b, err := NewBackend(unhex(t, "C9EB67DF090AFF47C3B19A2516680B9D"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := b.Legacy().MetaRead(ctx)
	if got := bytesOf(t, k, err); got != "a78399936d9887a07e7d3958ff8831f9" {
		t.Errorf("key 1 is %s", got)
	}
	k, err = b.Legacy().FileRead(ctx, unhex(t, "03030303030303"))
	if got := bytesOf(t, k, err); got != "dac1d59b625d779bc788ce502184fa9f" {
		t.Errorf("key 2 is %s", got)
	}
}

// Two messages of sdm-backend's tests, under keys that follow from one master key
// of 32 bytes.
func TestBackendMessages(t *testing.T) {
	ctx := context.Background()
	b, err := NewBackend(unhex(t, "47BBB68AFA73F31310BEEFCE5DDA692DBAD671A03FEAD5A9BBDBCF3CD6D4C521"))
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{}
	if err := v.Use(ctx, b.Legacy()); err != nil {
		t.Fatal(err)
	}
	wrong := *v
	*v = Verifier{}
	if err := v.Use(ctx, b); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ picc, enc, mac, want, file string }{
		{"8DE9030262807261850FCCF5FE007E21", "382B4C3D68552C3A5F417F0695A3D857923764E1737AD1F80E834E46387F45DC77FE7468BBCF9DBF43B29CA58E8D6435F908C9C0CD56E9B4B9960FE1279C5DF1", "DF3EF20BE7D91C8E",
			"UID 04C24EDA926980, counter 1", "NT1xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxEEEEEEEEEEEE"},
		{"4F5B914723915D456C038FE658686CD5", "5CE7DCDEA93F5DA7AAA0AADC97485ABF", "FFCD8DE82AD05289", "UID 047D5F2AAA6180, counter 2", "CC\x04aaaaEEEEEEEEE"},
	} {
		m := &Message{PICCData: unhex(t, x.picc), File: unhex(t, x.enc), MACInput: []byte(x.enc), MAC: [8]byte(unhex(t, x.mac))}
		tag, err := v.Verify(ctx, m)
		if err != nil || tag.String() != x.want || string(tag.File) != x.file {
			t.Errorf("%v %q, %v", tag, tag.File, err)
		}
		if tag, err := wrong.Verify(ctx, m); err == nil {
			t.Errorf("by the older scheme: %v", tag)
		}
		// One value that has all of it.
		r, err := Guess("https://sdm.example/tagtt?e="+x.picc+x.enc+x.mac, false)
		if err != nil {
			t.Fatal(err)
		}
		tag, c, err := v.VerifyReading(ctx, r)
		if err != nil || tag.String() != x.want || c.Text != x.enc {
			t.Errorf("%v, %v, %v", tag, c, err)
		}
	}
}

func TestDiversifyErrors(t *testing.T) {
	ctx := context.Background()
	for _, d := range []Diversifier{&AN10922{Master: key.Zero(key.TypeAES)}, &Boltcard{Issuer: key.Zero(key.TypeAES)}, &Boltcard{}, &AN10922{}, &AN10922{Master: key.Zero(key.TypeDES)}} {
		for _, uid := range [][]byte{nil, {4, 1}} {
			if k, err := d.FileRead(ctx, uid); err == nil || k != nil {
				t.Errorf("%T, UID %X: %v", d, uid, k)
			}
		}
	}
	if _, err := NewBackend(make([]byte, 15)); err == nil {
		t.Error("a master key of 15 bytes is taken")
	}
}
