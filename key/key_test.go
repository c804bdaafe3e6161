package key_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestParityVersion(t *testing.T) {
	vector.Each(t, "keytype", func(t *testing.T, v *vector.Vector) {
		b := v.Hex("first_8_bytes")
		want := v.Hex("version")[0]
		k, err := key.NewDES(b)
		if err != nil {
			t.Fatal(err)
		}
		if k.Version() != want {
			t.Errorf("version %02X, want %02X", k.Version(), want)
		}
		// the version written into the key without it gives the key back
		for i := range b {
			b[i] &^= 1
		}
		bare, err := key.NewDES(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := bare.WithVersion(want); !bytes.Equal(got.Export(), k.Export()) {
			t.Error("the key with its version set differs")
		}
	})
}

func TestTypes(t *testing.T) {
	half := []byte{0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87}
	parity := bytes.Clone(half)
	for i := range parity {
		parity[i] ^= 1
	}
	other := []byte{0x20, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87}
	tests := []struct {
		name string
		t    key.Type
		b    []byte
		want key.Type
		err  string
	}{
		{"8 bytes", key.TypeDES, half, key.TypeDES, ""},
		{"equal halves", key.TypeDES, append(bytes.Clone(half), half...), key.TypeDES, ""},
		{"halves equal but for parity", key.Type2K3DES, append(bytes.Clone(half), parity...), key.TypeDES, ""},
		{"different halves", key.Type2K3DES, append(bytes.Clone(half), other...), key.Type2K3DES, ""},
		{"different halves as DES", key.TypeDES, append(bytes.Clone(half), other...), 0, "2K3DES"},
		{"24 equal thirds", key.Type3K3DES, bytes.Repeat(half, 3), key.Type3K3DES, ""},
		{"AES of equal halves", key.TypeAES, bytes.Repeat(half, 2), key.TypeAES, ""},
		{"short DES", key.TypeDES, half[:7], 0, "have 7 bytes"},
		{"short 2K3DES", key.Type2K3DES, half, 0, "have 8 bytes"},
		{"short 3K3DES", key.Type3K3DES, bytes.Repeat(half, 2), 0, "have 16 bytes"},
		{"long AES", key.TypeAES, bytes.Repeat(half, 3), 0, "have 24 bytes"},
		{"no type", key.Type(9), half, 0, "unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := key.New(tt.t, tt.b, 0x42)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if k.Type() != tt.want || len(k.Export()) != k.Type().Size() {
				t.Errorf("%v of %d bytes, want %v", k.Type(), len(k.Export()), tt.want)
			}
		})
	}
}

func TestWireTypes(t *testing.T) {
	for _, kt := range []key.Type{key.Type2K3DES, key.Type3K3DES, key.TypeAES} {
		if got := key.FromWire(kt.Wire()); got != kt {
			t.Errorf("%v comes back as %v", kt, got)
		}
	}
	if key.TypeDES.Wire() != wire.KeyDES {
		t.Error("DES is no wire.KeyDES")
	}
}

// One DES key ciphers alike as DES, as 2K3DES with equal halves and as 3K3DES
// with equal thirds; the check value of the AES key of zeros is well known.
func TestCheckValues(t *testing.T) {
	for kt, want := range map[key.Type]string{key.TypeDES: "8CA64D", key.Type2K3DES: "8CA64D", key.Type3K3DES: "8CA64D", key.TypeAES: "66E94B"} {
		if got := key.Zero(kt).CheckValue().String(); got != want {
			t.Errorf("%v: check value %s, want %s", kt, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, kt := range []key.Type{key.TypeDES, key.Type2K3DES, key.Type3K3DES, key.TypeAES} {
		k := key.Zero(kt).WithVersion(0xA5)
		if k.Version() != 0xA5 || k.Type() != key.Zero(kt).Type() {
			t.Errorf("%v: %v", kt, k)
		}
		if k.CheckValue() != key.Zero(kt).CheckValue() {
			t.Errorf("%v: the version changed the key", kt)
		}
	}
}

func TestCBC(t *testing.T) {
	ctx := context.Background()
	iv := []byte("an iv, 16 bytes!")
	for _, kt := range []key.Type{key.TypeDES, key.Type3K3DES, key.TypeAES} {
		k, n := key.Zero(kt), kt.BlockSize()
		src := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 4)
		a, b := make([]byte, 32), make([]byte, 32)
		if err := k.EncryptCBC(ctx, iv[:n], a, src); err != nil {
			t.Fatal(err)
		}
		if err := k.DecryptCBC(ctx, iv[:n], b, a); err != nil || !bytes.Equal(b, src) {
			t.Errorf("%v: %X, %v", kt, b, err)
		}
		if err := k.EncryptCBC(ctx, iv[:3], a, src); err == nil {
			t.Error("IV of 3 bytes taken")
		}
		if err := k.DecryptCBC(ctx, nil, a[:7], src[:7]); err == nil {
			t.Error("7 bytes taken")
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := k.EncryptCBC(ended, nil, a, src); !errors.Is(err, context.Canceled) {
			t.Errorf("ended context: %v", err)
		}
	}
}

const digits = "0123456789ABCDEFFEDCBA9876543211"

// No verb, encoder or logger shows a byte of a key.
func TestPrintsNoBytes(t *testing.T) {
	k, err := key.Parse("aes:" + digits + "/07")
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Name string
		K    *key.Secret
		V    key.Secret
		i    key.Key
		v    key.Secret
	}
	h := holder{"h", k, *k, k, *k}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p"} {
		for _, x := range []any{k, *k, h, &h, []*key.Secret{k}, []key.Secret{*k}, map[string]key.Secret{"a": *k}, []any{k}} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
	}
	for _, x := range []any{k, *k, h} {
		j, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "k", k, "v", *k, "h", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "k", k, "v", *k, "h", h)
	low := strings.ToLower(out.String())
	raw, _ := hex.DecodeString(digits)
	for _, leak := range []string{
		strings.ToLower(digits[:8]), strings.ToLower(digits[24:]),
		"1 35 69 103", "0x1, 0x23", "1,35,69", base64of(raw),
	} {
		if strings.Contains(low, strings.ToLower(leak)) {
			t.Errorf("the key shows as %q in %s", leak, out.String())
		}
	}
	if want := "AES version 07 check " + k.CheckValue().String(); fmt.Sprintf("%v", k) != want || !strings.Contains(low, strings.ToLower(want)) {
		t.Errorf("prints as %v, want %s", k, want)
	}
}

func base64of(b []byte) string {
	j, _ := json.Marshal(b)
	return string(j[1:9])
}

func TestParse(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	only := filepath.Join(dir, "only")
	loop := filepath.Join(dir, "loop")
	empty := filepath.Join(dir, "empty")
	comments := filepath.Join(dir, "comments")
	two, double := filepath.Join(dir, "two"), filepath.Join(dir, "double")
	binary, utf16, nothing := filepath.Join(dir, "binary"), filepath.Join(dir, "utf16"), filepath.Join(dir, "nothing")
	for name, text := range map[string]string{
		whole: "aes:" + digits + "/2A\n", only: digits + "/2A\n", loop: "@" + loop, empty: "",
		comments: "\xEF\xBB\xBF# clé of the door\r\n\r\n  aes: " + digits + " / 2a \r\n#end", two: "aes:" + digits + "\naes:" + digits,
		double: "des:0123456789ABCDEF0123456789ABCDEF", nothing: "# nothing\n\n",
		binary: digits[:15] + "\x00", utf16: "\xFF\xFEa\x00e\x00s\x00",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DESFIRE_TEST_KEY", "3k3des:"+digits+"0011223344556677")
	good := map[string]string{
		"aes:" + digits: "AES version 00",
		"AES: 01 23 45 67:89abcdef " + digits[16:] + "/ff": "AES version FF",
		"des:0011223344556677":                             "DES version 55",
		"des:0011223344556677/10":                          "DES version 10",
		"2k3des:" + digits:                                 "2K3DES version F",
		"2k3des:00000000000000000101010101010101":          "DES version 00",
		"@" + whole:                   "AES version 2A",
		"aes:@" + only:                "AES version 2A",
		"aes:@" + whole:               "AES version 2A",
		"@" + comments:                "AES version 2A",
		"aes:@" + comments:            "AES version 2A",
		"2k3des:@" + double:           "DES version F",
		"des:@" + double:              "DES version F",
		"3k3des:env:DESFIRE_TEST_KEY": "3K3DES version F",
		"env:DESFIRE_TEST_KEY":        "3K3DES version F",
	}
	for spec, want := range good {
		k, err := key.Parse(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		} else if !strings.HasPrefix(k.String(), want) {
			t.Errorf("%s: %v, want %s", spec, k, want)
		}
	}
	bad := map[string]string{
		"":                          "want TYPE:DIGITS",
		digits:                      "want TYPE:DIGITS",
		digits + ":" + digits:       "before the colon",
		"aes:" + digits[:30]:        "have 15 bytes",
		"aes:" + digits[:31]:        "even number",
		"aes:" + digits[:30] + "zz": "even number",
		"aes:" + digits + "/100":    "version",
		"aes:" + digits + "/":       "version",
		"des:" + digits:             "2K3DES",
		"@" + digits:                "hidden",
		"aes:@" + loop:              "AES",
		"@" + loop:                  "another reference",
		"@" + empty:                 "empty",
		"@" + only:                  "as in aes:@FILE",
		"2k3des:@" + whole:          "2K3DES is asked for, and a key of type AES is there",
		"aes:@" + double:            "AES is asked for",
		"aes:@" + binary:            "holds 16 bytes that are not text",
		"@" + utf16:                 "UTF-16",
		"@" + two:                   "more than one line",
		"@" + nothing:               "holds no key",
		"aes:env:DESFIRE_TEST_KEY":  "AES is asked for, and a key of type 3K3DES is there",
		"prompt":                    "want TYPE:DIGITS",
		"@" + dir:                   "directory",
		"env:DESFIRE_TEST_NONE":     "not set",
		"env:" + digits:             "hidden",
	}
	for spec, want := range bad {
		_, err := key.Parse(spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", spec, err, want)
			continue
		}
		for i := range len(digits) - 8 {
			if strings.Contains(strings.ToUpper(err.Error()), digits[i:i+8]) {
				t.Errorf("%s: the error shows digits: %v", spec, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"aes:" + digits, "des:00/1", "x", ":", "3k3des:" + digits + digits[:16] + "/7F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if strings.Contains(spec, "@") || strings.Contains(spec, "env:") {
			return // files and variables of whoever runs this
		}
		k, err := key.Parse(spec)
		if (k == nil) == (err == nil) {
			t.Fatalf("%v, %v", k, err)
		}
		if err != nil {
			return
		}
		value := k.Export()
		if len(value) != k.Type().Size() {
			t.Fatalf("a %v key of %d bytes", k.Type(), len(value))
		}
		if shown := fmt.Sprintf("%v %+v %#v %x", k, k, k, k); strings.Contains(strings.ToLower(shown), hex.EncodeToString(value)) {
			t.Fatalf("it shows its value: %s", shown)
		}
		name := map[key.Type]string{key.TypeDES: "des", key.Type2K3DES: "2k3des", key.Type3K3DES: "3k3des", key.TypeAES: "aes"}[k.Type()]
		if k.Type() == key.TypeDES {
			value = value[:8]
		}
		again, err := key.Parse(fmt.Sprintf("%s:%X/%02X", name, value, k.Version()))
		if err != nil || again.Type() != k.Type() || again.Version() != k.Version() || !bytes.Equal(again.Export(), k.Export()) {
			t.Fatalf("%v is read as %v, %v", k, again, err)
		}
	})
}

func TestMethodLeadsToScheme(t *testing.T) {
	for m, want := range map[key.Method]wire.Scheme{
		key.MethodD40: wire.SchemeD40, key.MethodISO: wire.SchemeEV1, key.MethodAES: wire.SchemeEV1, key.MethodISO7816: wire.SchemeEV1,
		key.MethodEV2First: wire.SchemeEV2, key.MethodEV2NonFirst: wire.SchemeEV2,
		key.MethodLRPFirst: wire.SchemeLRP, key.MethodLRPNonFirst: wire.SchemeLRP, 99: wire.SchemeNone,
	} {
		if got := m.Scheme(); got != want {
			t.Errorf("%v: %v, want %v", m, got, want)
		}
	}
}

func TestWipe(t *testing.T) {
	ctx := context.Background()
	for _, spec := range []string{
		"des:0123456789ABCDEF/A5", "2k3des:0123456789ABCDEF1122334455667788/5A",
		"3k3des:0123456789ABCDEF112233445566778899AABBCCDDEEFF00/C3", "aes:0123456789ABCDEF1122334455667788/3C",
	} {
		k, err := key.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		says, size := k.String(), k.Type().Size()
		other := k.WithVersion(k.Version())
		same := *k
		k.Wipe()
		k.Wipe()
		if k.String() != says {
			t.Errorf("%s: %v, was %s", spec, k, says)
		}
		for _, wiped := range []*key.Secret{k, &same} {
			if !bytes.Equal(wiped.Export(), make([]byte, size)) {
				t.Errorf("%s: still exports", spec)
			}
			b := make([]byte, wiped.Type().BlockSize())
			if err := wiped.EncryptCBC(ctx, nil, b, b); !errors.Is(err, key.ErrWiped) {
				t.Errorf("%s: encrypts: %v", spec, err)
			}
			if err := wiped.DecryptCBC(ctx, nil, b, b); !errors.Is(err, key.ErrWiped) {
				t.Errorf("%s: decrypts: %v", spec, err)
			}
		}
		b := make([]byte, other.Type().BlockSize())
		if err := other.EncryptCBC(ctx, nil, b, b); err != nil || bytes.Equal(other.Export(), make([]byte, size)) {
			t.Errorf("%s: a copy with a version was wiped as well: %v", spec, err)
		}
	}
}
