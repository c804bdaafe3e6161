package keystore_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// FuzzRef reads names of keys. One that is read is written, and read again, as the
// same; a store finds it by the name with a card and without.
func FuzzRef(f *testing.F) {
	for _, s := range []string{
		"*/card/0", "04112233445566/121314/2", "*/121314/1:2", "*/121314/0x10", "*/app/sdm-file", "04112233445566/df:D276/tmac", "*/card/proximity",
		"04112233445566/card/vc-select-enc", "0411223344556677889A/card/0x21", "//", "*/card/010", "*/card/99", "*/card/16:1", "4/card/0", "*/x/0", "a/b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ctx := context.Background()
		r, err := keystore.ParseRef(s)
		if err != nil {
			if r != (keystore.Ref{}) {
				t.Errorf("%q: %v with %v", s, err, r)
			}
			return
		}
		text, err := r.MarshalText()
		var back keystore.Ref
		if err == nil {
			err = back.UnmarshalText(text)
		}
		if err != nil || back != r {
			t.Fatalf("%q is %v, which is read as %v, %v", s, r, back, err)
		}
		if role, ok := r.Key.Role(); ok && (role.ID() != r.Key || role.String() != r.Key.String()) {
			t.Errorf("%q: role %v of key %v", s, role, r.Key)
		}
		if set, no, ok := r.Key.Number(); ok && keystore.InSet(set, no) != r.Key {
			t.Errorf("%q: key %v is %d:%d, which is %v", s, r.Key, set, no, keystore.InSet(set, no))
		}
		if !strings.Contains(r.Words(), r.Key.Words()) || strings.Contains(r.Words(), "every card") != (r.UID == "") {
			t.Errorf("%v in words: %s", r, r.Words())
		}
		mine, all := key.Zero(key.TypeAES), key.Zero(key.TypeDES)
		stores := keystore.Chain{keystore.Map{}, keystore.Map{r: {Key: mine, Source: "a"}}, keystore.Map{r.Everywhere(): {Key: all, Source: "b"}}}
		other := r
		other.UID = "\x01\x02\x03\x04"
		for _, x := range []struct {
			ask  keystore.Ref
			from keystore.Chain
			want key.Key
		}{{r, stores, mine}, {other, stores[2:], all}, {r, stores[2:], all}, {r, stores[:1], nil}} {
			facts, ok, err := x.from.Has(ctx, x.ask)
			slots, err2 := keystore.Slots(ctx, x.from, x.ask)
			k, err3 := x.from.Key(ctx, x.ask)
			if err != nil || err2 != nil || ok != (x.want != nil) || (err3 == nil) != ok || len(slots) != map[bool]int{true: 1}[ok] {
				t.Fatalf("%v: %v %v, %d slots %v, %v", x.ask, ok, err, len(slots), err2, err3)
			}
			if ok && (k != x.want || !facts.Same(keystore.FactsOf(k, "")) || !slots[0].Facts.Same(facts)) {
				t.Errorf("%v: %v, %v", x.ask, k, facts)
			}
		}
	})
}

// FuzzSpec reads written keys, with files, variables, a program and a person that
// hold another text. What is shown of a key is never its digits, and whoever gives
// it, text makes the same key.
func FuzzSpec(f *testing.F) {
	const digits = "00112233445566778899AABBCCDDEEFF"
	for _, text := range []string{"aes:" + digits + "/07", digits, "# one\naes:" + digits, "", "des:0011223344556677", "3k3des:" + digits + "0011223344556677", "age-encryption.org/v1\n", "aes:zz"} {
		for _, spec := range []string{"@key", "env:FUZZ_KEY", "exec:give 'a b' \"c\"", "prompt", "aes:@key", "aes: env:FUZZ_KEY", "aes:prompt", "aes:exec:./give"} {
			f.Add(spec, text)
		}
	}
	for _, spec := range []string{"aes:" + digits, "aes:" + digits + "/12", "des:zero", "exec:", "exec:a 'b", "@", "env:", "exec:a\nb", "aes:", "x:@key", "@none", "@" + digits, "@.", "aes:env:NOT"} {
		f.Add(spec, "aes:"+digits)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, spec, text string) {
		ctx := context.Background()
		if err := os.WriteFile(filepath.Join(dir, "key"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(text, 0) {
			return
		}
		t.Setenv("FUZZ_KEY", text)
		s, err := keystore.ParseSpec(spec)
		if err != nil {
			shows(t, err.Error(), spec)
			return
		}
		named := strings.TrimPrefix(s.Source(), "aes:")
		mine := named == "@key" || named == "env:FUZZ_KEY" || strings.Contains(spec, "exec:") || strings.Contains(spec, "prompt")
		if !mine && strings.ContainsAny(spec, "@/") && !keystore.InTheOpen(spec) && spec != "@none" && spec != "@." {
			return // no files but that one
		}
		told := fmt.Sprintf("%s %v %+v %s", s.Source(), s, s.Facts(), keystore.SourceOf(spec))
		shows(t, told, spec)
		asked := false
		conf := &keystore.Config{
			Dir: dir, Question: "key of the door", Warn: func(w string) { shows(t, w, text) },
			Exec:    func(context.Context, []string) ([]byte, error) { asked = true; return []byte(text), nil },
			Prompt:  func(context.Context, string) ([]byte, error) { asked = true; return []byte(text), nil },
			Decrypt: func(context.Context, string, []byte) ([]byte, error) { return []byte("aes:" + digits), nil },
		}
		asks := s.Asks(conf)
		k, facts, err := s.Get(ctx, conf)
		if err != nil {
			shows(t, err.Error(), text)
			shows(t, err.Error(), spec)
			return
		}
		if asked && !asks {
			t.Errorf("%q: somebody was asked, and Asks is false", s)
		}
		if facts.Type != k.Type().String() || facts.Check != k.CheckValue() {
			t.Errorf("%q: %v of %v", s, facts, k)
		}
		if !keystore.InTheOpen(spec) && mine && !keystore.Encrypted([]byte(text)) {
			if want, _, err := keystore.ReadText([]byte(text)); err == nil && (want.Type() != k.Type() || want.CheckValue() != k.CheckValue()) {
				t.Errorf("%q: key %v, the text says %v", s, k, want)
			}
		}
		if again, err := s.Key(ctx, conf); err != nil || again.CheckValue() != k.CheckValue() {
			t.Errorf("%q: again %v, %v", s, again, err)
		}
		if _, err := s.Key(ctx, nil); err == nil && asked {
			t.Errorf("%q: a key without anybody to ask", s)
		}
		if same, visible, err := keystore.Parse(spec); err == nil && (same.CheckValue() != k.CheckValue() || visible && !keystore.InTheOpen(spec)) {
			t.Errorf("%q: %v, visible %v", s, same, visible)
		}
	})
}

// shows fails where what is said holds eight bytes or more, in hexadecimal, of a text.
func shows(t *testing.T, said, text string) {
	t.Helper()
	is := func(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }
	for i := 0; i < len(text); i++ {
		n := i
		for n < len(text) && is(text[n]) {
			n++
		}
		if n-i >= 16 && bytes.Contains(bytes.ToUpper([]byte(said)), bytes.ToUpper([]byte(text[i:n]))) {
			t.Errorf("%q shows digits", said)
		}
		i = n
	}
}

// FuzzData asks for each text whether data may name a key by it. Whatever is the
// written form of a key, of this package or of a provider, is refused, and errors
// show no digits of keys.
func FuzzData(f *testing.F) {
	for _, s := range []string{
		"campus-2026", "exec:id", "EXEC:id", " aes : @x", "pkcs11:object=a", "os:a/b", "hsm:a", "prompt", "aes:prompt", "env:HOME", "@x", "des:0011223344556677",
		"aes:00112233445566778899AABBCCDDEEFF/01", "00112233445566778899AABBCCDDEEFF", "2k3des:\tprompt", "a:b", "/x", "\u00e4", "3k3des:exec:a 'b c'",
	} {
		f.Add(s)
	}
	var asked []string
	table := vault(&asked)
	f.Fuzz(func(t *testing.T, s string) {
		data, name := keystore.CheckData(s), keystore.CheckName(s)
		if data != nil && name == nil {
			t.Errorf("%q is a name, and %v", s, data)
		}
		if spec, err := table.Parse(s); err == nil && data == nil {
			t.Errorf("%q is %v, and may stand in data", s, spec)
		}
		for _, err := range []error{data, name} {
			if err != nil && keystore.Hide(err.Error()) != err.Error() {
				t.Errorf("%q: %v", s, err)
			}
		}
		if len(asked) > 0 {
			t.Fatalf("%q: asked %q", s, asked)
		}
	})
}
