package pkcs11

import (
	"errors"
	"math/bits"
	"reflect"
	"strings"
	"testing"
)

func TestParseURI(t *testing.T) {
	for text, want := range map[string]URI{
		"pkcs11:token=door;object=master":                                     {Token: "door", Object: "master"},
		"PKCS11:object=master":                                                {Object: "master"},
		"pkcs11:serial=6cedf9456c7b44e7;id=%01%2F/2A":                         {Serial: "6cedf9456c7b44e7", ID: []byte{1, '/'}, Version: 0x2A, Versioned: true},
		"pkcs11:id=abc;type=secret-key":                                       {ID: []byte("abc")},
		"pkcs11:manufacturer=A%20B;model=%E2%82%AC;object=x%3By%3Fz%25%26/00": {Manufacturer: "A B", Model: "€", Object: "x;y?z%&", Versioned: true},
		"pkcs11:object=-._~:[]@!$'()*+,=":                                     {Object: "-._~:[]@!$'()*+,="},
	} {
		u, err := ParseURI(text)
		if err != nil || !reflect.DeepEqual(*u, want) {
			t.Errorf("%s: %+v, %v", text, u, err)
			continue
		}
		again, err := ParseURI(u.String())
		if err != nil || !reflect.DeepEqual(again, u) {
			t.Errorf("%s: written as %s, which is %+v, %v", text, u, again, err)
		}
		if f := u.Facts(); f.Source != u.String() || f.NoVersion == want.Versioned || f.Version != want.Version || f.Type != "" {
			t.Errorf("%s: facts %+v", text, f)
		}
	}
	for text, want := range map[string]string{
		"":                                             "want pkcs11:",
		"object=x":                                     "want pkcs11:",
		"pkcs11:":                                      "has no =",
		"pkcs11:token=door":                            "names no key",
		"pkcs11:object=":                               "is empty",
		"pkcs11:object=x;object=y":                     "twice",
		"pkcs11:object=x;pin-value=4711":               "pin-value",
		"pkcs11:object=x?pin-value=4711":               "pin-value",
		"pkcs11:object=x?module-path=/x.so":            "module-path: a module",
		"pkcs11:object=x?pin-source=env:X":             "pin-source: a module",
		"pkcs11:object=x;module-path=x.so":             "behind a question mark",
		"pkcs11:object=x?module-name=softhsm2":         "module-name",
		"pkcs11:object=x?slot=1":                       "slot",
		"pkcs11:object=x;slot-id=1":                    "slot-id",
		"pkcs11:object=x;type=private":                 "secret-key",
		"pkcs11:object=%4":                             "two hexadecimal digits",
		"pkcs11:object=%GG":                            "two hexadecimal digits",
		"pkcs11:object=a\x00b":                         "control character",
		"pkcs11:object=%FF":                            "no UTF-8",
		"pkcs11:object=x;pin-value=1/4711":             "two hexadecimal digits",
		"pkcs11:object=x/1":                            "two hexadecimal digits",
		"pkcs11:object=x/123":                          "two hexadecimal digits",
		"pkcs11:object=x/+1":                           "two hexadecimal digits",
		"pkcs11:object=" + strings.Repeat("x", maxURI): "more than",
	} {
		u, err := ParseURI(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %+v, %v", text, u, err)
		} else if strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), "/x.so") {
			t.Errorf("%q: the error shows a value: %v", text, err)
		}
	}
}

// Only text of the user's own names what is run.
func TestParseTrusted(t *testing.T) {
	const text = "pkcs11:object=x/01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=exec:pass%20show%20pin"
	if _, err := ParseURI(text); !errors.Is(err, ErrTrust) {
		t.Errorf("%v", err)
	}
	u, err := ParseTrusted(text)
	if err != nil {
		t.Fatal(err)
	}
	if u.Module != "/usr/lib/softhsm/libsofthsm2.so" || u.PIN != "exec:pass show pin" || u.Version != 1 {
		t.Errorf("%+v", u)
	}
	if u.String() != "pkcs11:object=x/01" {
		t.Errorf("its name has more than a name: %s", u)
	}
	for text, want := range map[string]string{
		"pkcs11:object=x?module-path=softhsm2.so":             "whole path",
		"pkcs11:object=x?module-path=":                        "whole path",
		"pkcs11:object=x?module-path=/a%00b":                  "whole path",
		"pkcs11:object=x?pin-source=/etc/pin":                 "pin-source is prompt",
		"pkcs11:object=x?pin-source=file:/etc/pin":            "exec:cat",
		"pkcs11:object=x?pin-source=env:":                     "pin-source is prompt",
		"pkcs11:object=x?pin-source=exec:":                    "names no program",
		"pkcs11:object=x?pin-source=%7C/bin/pin":              "pin-source is prompt",
		"pkcs11:object=x?pin-value=1":                         "pin-value",
		"pkcs11:object=x?pin-source=prompt&pin-source=prompt": "twice",
	} {
		if u, err := ParseTrusted(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", text, u, err)
		}
	}
}

// FuzzParseURI reads what was written back, and lets nothing name what is run.
func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"pkcs11:token=door;object=master/2A", "pkcs11:id=%01%00;serial=1?pin-source=env:X&module-path=/x", "pkcs11:object=%25%2F%3b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if u, err := ParseURI(text); err == nil && (u.Module != "" || u.PIN != "") {
			t.Errorf("%q names what is run", text)
		}
		u, err := ParseTrusted(text)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, u, err)
		}
		again.Module, again.PIN = u.Module, u.PIN
		if !reflect.DeepEqual(again, u) {
			t.Errorf("%q is written as %q: %+v, %+v", text, u, again, u)
		}
	})
}

// Sizes and places of structures, as the C compilers of the systems lay them out:
// from pkcs11.h of OASIS, with gcc (amd64, arm) and with #pragma pack(1) and long of
// 4 bytes for Windows.
func TestLayout(t *testing.T) {
	for _, tt := range []struct {
		name                                         string
		l                                            layout
		triple, init, flags, session, token, f1, f43 int
	}{
		{"linux amd64, arm64, darwin", unixLayout(8), 24, 48, 32, 32, 208, 16, 352},
		{"linux arm, 386", unixLayout(4), 12, 24, 16, 16, 160, 8, 176},
		{"windows amd64", windowsLayout(8), 16, 44, 32, 16, 160, 10, 346},
		{"windows 386", windowsLayout(4), 12, 24, 16, 16, 160, 6, 174},
	} {
		l := tt.l
		if got := [...]int{l.triple(), l.sessionInfo(), l.function(1), l.function(43)}; got != [...]int{tt.triple, tt.session, tt.f1, tt.f43} {
			t.Errorf("%s: %v", tt.name, got)
		}
		// The compiler pads the end of CK_TOKEN_INFO on 64 bits, which nobody reads.
		if got := l.tokenInfo(); got > tt.token || got < tt.token-4 {
			t.Errorf("%s: CK_TOKEN_INFO of %d bytes, want %d", tt.name, got, tt.token)
		}
		args := l.initializeArgs(flagOSLockingOK)
		if len(args) < tt.init || l.getUlong(args[tt.flags:]) != flagOSLockingOK {
			t.Errorf("%s: CK_C_INITIALIZE_ARGS % X", tt.name, args)
		}
		b := make([]byte, l.triple())
		l.putTriple(b, 0x1082, 0x01020304, 16)
		if l.getUlong(b) != 0x1082 || l.get(b[l.ulong:], l.pointer) != 0x01020304 || l.tripleLength(b) != 16 {
			t.Errorf("%s: % X", tt.name, b)
		}
		if want := map[int]uint64{4: 0xFFFFFFFF, 8: 0xFFFFFFFFFFFFFFFF}[l.ulong]; l.unavailable() != want {
			t.Errorf("%s: CK_UNAVAILABLE_INFORMATION %X", tt.name, l.unavailable())
		}
	}
	if bits.UintSize == 64 && unixLayout(8).ulong != 8 {
		t.Error("unsigned long")
	}
}

// Each return value that means something tells its name.
func TestErrors(t *testing.T) {
	for code, c := range codes {
		if code.Name() != c.name || !strings.HasPrefix(c.name, "CKR_") || !strings.Contains(code.Error(), c.name) {
			t.Errorf("%X: %v", uint64(code), code)
		}
	}
	if s := Error(0x80000001).Error(); !strings.Contains(s, "80000001") {
		t.Error(s)
	}
	if errors.Is(Error(5), ErrNoToken) || !errors.Is(codeTokenAbsent, ErrNoToken) || !errors.Is(codeSessionCount, ErrSessions) {
		t.Error("conditions")
	}
	if got := (&callError{"C_Login", codeOK}).Error(); got == "" {
		t.Error("empty")
	}
}
