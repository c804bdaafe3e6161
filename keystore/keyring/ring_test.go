package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

const (
	digits = "00112233445566778899AABBCCDDEEFF"
	old    = "FEDCBA98765432100123456789ABCDEF"
)

// files writes files that only we can read into a folder, and returns it.
func files(t testing.TB, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// campus is the ring of testdata, with what it needs.
func campus(t *testing.T, conf *keyring.Config) *keyring.Ring {
	t.Helper()
	text, err := os.ReadFile("testdata/campus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := files(t, map[string]string{"keys.yaml": string(text), "old.key": "# the old one\naes:" + old + "/05\n"})
	t.Setenv("DESFIRE_TEST_KEY", "3k3des:"+digits+old[:16])
	r, err := keyring.Open(filepath.Join(dir, "keys.yaml"), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func ref(t testing.TB, s string) keystore.Ref {
	t.Helper()
	r, err := keystore.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is asked for in the test has been counted.
type asked struct {
	mu       sync.Mutex
	programs [][]string
	prompts  []string
	warnings []string
}

func (a *asked) conf() *keyring.Config {
	return &keyring.Config{
		Exec: func(_ context.Context, argv []string) ([]byte, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.programs = append(a.programs, argv)
			return []byte("aes:" + digits + "/01"), nil
		},
		Prompt: func(_ context.Context, question string) ([]byte, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.prompts = append(a.prompts, question)
			if strings.Contains(question, "TYPE") {
				return []byte("aes:" + digits), nil
			}
			return []byte(digits), nil
		},
		Warn: func(s string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.warnings = append(a.warnings, s)
		},
	}
}

func TestRing(t *testing.T) {
	ctx := context.Background()
	a := new(asked)
	r := campus(t, a.conf())
	const uid = "04782E21801D80"
	for _, tc := range []struct {
		ref   string
		facts string // their beginning, before anybody was asked
		key   string // its beginning
	}{
		{uid + "/card/0", "AES version 01 check ", "AES version 01"},
		{"04112233445566/card/0", "AES version 09 check ", "AES version 09"},
		{uid + "/card/proximity", "AES version unknown", "AES version 00 check FDE4FB"},
		{uid + "/F48121/0", "AES version 2A check FDE4FB", "AES version 2A check FDE4FB"},
		{uid + "/F48121/1", "AES version 02 check ", "AES version 02"},
		{uid + "/F48121/tmac", "AES version 03 ", "AES version 03"},
		{uid + "/F48121/1:0", "3K3DES version", "3K3DES version"},
		{"*/000010/0", "DES version 00 check 8CA64D", "DES version 00 check 8CA64D"},
		{"*/121314/13", "AES version 05 check", "AES version 05"},
		{"*/df:D2760000850101/0", "AES version unknown check 66E94B", "AES version 00 check 66E94B"},
		{uid + "/app/sdm-file", "AES version unknown", "AES version 00"},
	} {
		rf := ref(t, tc.ref)
		f, ok, err := r.Has(ctx, rf)
		if !ok || err != nil || !strings.HasPrefix(f.String(), tc.facts) {
			t.Errorf("%s: %v, %v, %v; want %s", tc.ref, f, ok, err, tc.facts)
		}
		if len(a.programs)+len(a.prompts) > 0 {
			t.Fatalf("%s: Has asks: %q %q", tc.ref, a.programs, a.prompts)
		}
		if _, err := r.Slots(ctx, rf); err != nil || len(a.programs)+len(a.prompts) > 0 {
			t.Fatalf("%s: Slots asks, or %v", tc.ref, err)
		}
		k, err := r.Key(ctx, rf)
		if err != nil || !strings.HasPrefix(k.(*key.Secret).String(), tc.key) {
			t.Errorf("%s: %v, %v; want %s", tc.ref, k, err, tc.key)
			continue
		}
		after, _, err := r.Has(ctx, rf)
		if err != nil || after.Check != k.CheckValue() || after.Type != k.Type().String() || !after.NoVersion && after.Version != k.Version() {
			t.Errorf("%s: facts %v of %v, %v", tc.ref, after, k, err)
		}
		if after.Source == "" || strings.Contains(after.Source, digits[:8]) {
			t.Errorf("%s: source %q", tc.ref, after.Source)
		}
		a.programs, a.prompts = nil, nil
		if again, err := r.Key(ctx, rf); err != nil || again.CheckValue() != k.CheckValue() || len(a.programs)+len(a.prompts) > 0 {
			t.Errorf("%s: the second time %v, %v, asked %q %q", tc.ref, again, err, a.programs, a.prompts)
		}
	}
	if len(a.warnings) > 0 {
		t.Errorf("warnings %q", a.warnings)
	}
	for _, none := range []string{"*/F48121/2", "*/121315/0", "04112233445566/card/1", "*/card/tmac"} {
		if f, ok, err := r.Has(ctx, ref(t, none)); ok || err != nil {
			t.Errorf("%s: %v, %v", none, f, err)
		}
		k, err := r.Key(ctx, ref(t, none))
		var nf *keystore.NotFoundError
		if !errors.As(err, &nf) || nf.Store == "" {
			t.Errorf("%s: %v, %v", none, k, err)
		}
	}
}

func TestQuestionsAndPrograms(t *testing.T) {
	ctx := context.Background()
	a := new(asked)
	r := campus(t, a.conf())
	if _, err := r.Key(ctx, ref(t, "04782E21801D80/F48121/tmac")); err != nil {
		t.Fatal(err)
	}
	if len(a.programs) != 1 || !slices.Equal(a.programs[0], []string{"givekey", "a purse", "7"}) {
		t.Errorf("programs %q", a.programs)
	}
	if _, err := r.Key(ctx, ref(t, "*/card/proximity")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Master(ctx, "typed"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"the proximity key of the card level on every card (AES, hexadecimal digits)", "master key typed (TYPE:DIGITS)"}; !slices.Equal(a.prompts, want) {
		t.Errorf("questions %q", a.prompts)
	}
}

func TestRefs(t *testing.T) {
	r := campus(t, nil)
	want := "*/card/0 */card/proximity */F48121/0 */F48121/1 */F48121/tmac */F48121/1:0 */000010/0 */121314/13 */df:D2760000850101/0 */app/sdm-file 04112233445566/card/0"
	var have []string
	for _, rf := range r.Refs() {
		have = append(have, rf.String())
	}
	if strings.Join(have, " ") != want {
		t.Errorf("%s, want %s", have, want)
	}
	if m := r.Masters(); !slices.Equal(m, []string{"campus-2026", "campus-2024", "purse", "typed"}) {
		t.Errorf("masters %q", m)
	}
	if f, ok := r.MasterFacts(context.Background(), "campus-2024"); !ok || f.Version != 5 {
		t.Errorf("%v, %v", f, ok)
	}
	if k, err := r.Master(context.Background(), "campus-2025"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("%v, %v", k, err)
	}
}

func TestRotation(t *testing.T) {
	ctx := context.Background()
	r := campus(t, nil)
	rf := ref(t, "04782E21801D80/F48121/1")
	slots, err := keystore.Slots(ctx, keystore.Chain{r}, rf)
	if err != nil || len(slots) != 3 {
		t.Fatalf("%v, %v", slots, err)
	}
	for i, version := range []byte{2, 1} {
		k, err := slots[i].Key(ctx)
		if err != nil || k.Version() != version || !slots[i].Facts.Same(keystore.FactsOf(k, "")) {
			t.Errorf("slot %d: %v, facts %v, %v", i, k, slots[i].Facts, err)
		}
	}
	k, err := slots[2].Key(ctx)
	if err != nil || k.Type() != key.Type2K3DES {
		t.Errorf("%v, %v", k, err)
	}
}

// The published vectors of AN10922 come out of keyrings that describe them.
func TestDiversification(t *testing.T) {
	ctx := context.Background()
	tried := 0
	const uidSize = 7
	for _, v := range vector.Load(t, "diversification") {
		b, m := v.Hex("key"), v.Hex("M")
		typ, want := "aes", "diversified"
		switch {
		case v.Has("A") || len(m) < uidSize: // AES-192, or no UID
			continue
		case v.Has("raw") && len(b) == 24:
			typ, want = "3k3des", "with_master_version"
		case v.Has("raw"):
			typ, want = "2k3des", "with_master_version"
		}
		// The input in two parts and in three: UID, AID, the rest.
		for _, aid := range []bool{false, true} {
			place, rest, system := "F48121", m[uidSize:], ""
			if aid {
				if len(rest) < 3 {
					continue
				}
				place, rest = fmt.Sprintf("%X", rest[:3]), rest[3:]
			}
			if len(rest) > 0 {
				system = fmt.Sprintf(", system: hex:%X", rest)
			}
			text := fmt.Sprintf("desfire: keys/v1\nmasters: {m: %s:%X}\nkeys:\n  %s: {1: {from: m, diversify: {an10922: {uid: true, aid: %v%s}}}}\n", typ, b, place, aid, system)
			r, err := keyring.Open(filepath.Join(files(t, map[string]string{"k": text}), "k"), nil)
			if err != nil {
				t.Fatal(err)
			}
			k, err := r.Key(ctx, ref(t, fmt.Sprintf("%X/%s/1", m[:uidSize], place)))
			if err != nil || !bytes.Equal(k.(key.Exporter).Export(), v.Hex(want)) {
				t.Errorf("%s, aid %v: %v, %v", v.ID, aid, k, err)
			}
			tried++
		}
	}
	if tried < 6 {
		t.Errorf("%d vectors tried", tried)
	}
}

// The order is that of the tool's kdf and of package an10922.
func TestInputOrder(t *testing.T) {
	ctx := context.Background()
	r := campus(t, nil)
	master, err := key.Parse("aes:" + digits + "/01")
	if err != nil {
		t.Fatal(err)
	}
	want, err := an10922.Key(ctx, master, an10922.Input([]byte("\x04\x78\x2E\x21\x80\x1D\x80"), 0xF48121, "NXP Abu"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Key(ctx, ref(t, "04782E21801D80/F48121/1"))
	if err != nil || k.CheckValue() != want.CheckValue() {
		t.Errorf("%v, want %v, %v", k, want, err)
	}
}

func TestNeedsUID(t *testing.T) {
	ctx := context.Background()
	a := new(asked)
	r := campus(t, a.conf())
	rf := ref(t, "*/F48121/tmac")
	f, ok, err := r.Has(ctx, rf)
	if !ok || err != nil || f.Check != (key.CheckValue{}) {
		t.Errorf("%v, %v, %v", f, ok, err)
	}
	k, err := r.Key(ctx, rf)
	if !errors.Is(err, keyring.ErrNoUID) || len(a.programs) > 0 {
		t.Errorf("%v, %v, ran %q", k, err, a.programs)
	}
}

// A master of another type than the slot says is no key.
func TestTypeDiffers(t *testing.T) {
	a := new(asked)
	dir := files(t, map[string]string{"k": "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, type: 3k3des, version: 1}}}\n"})
	r, err := keyring.Open(filepath.Join(dir, "k"), a.conf())
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Key(context.Background(), ref(t, "*/card/0"))
	if err == nil || !strings.Contains(err.Error(), "the type should be 3K3DES, and the master key m is of type AES") {
		t.Errorf("%v, %v", k, err)
	}
}

func TestMissingFile(t *testing.T) {
	ctx := context.Background()
	dir := files(t, map[string]string{"k": "desfire: keys/v1\nkeys: {card: {0: \"aes:@gone.key\", 1: env:DESFIRE_TEST_GONE}}\n"})
	r, err := keyring.Open(filepath.Join(dir, "k"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"*/card/0": `gone.key": no such file`, "*/card/1": "is not set"} {
		f, ok, err := r.Has(ctx, ref(t, text))
		if !ok || err != nil || !f.NoVersion {
			t.Errorf("%v, %v, %v", f, ok, err)
		}
		if k, err := r.Key(ctx, ref(t, text)); err == nil || runtime.GOOS != "windows" && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v", k, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "gone.key"), []byte(digits), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Key(ctx, ref(t, "*/card/0")); err != nil {
		t.Errorf("the file came, and the key not: %v, %v", k, err)
	}
}

func TestClose(t *testing.T) {
	ctx := context.Background()
	r := campus(t, nil)
	k, err := r.Key(ctx, ref(t, "*/000010/0"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Master(ctx, "campus-2024")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, k := range []key.Key{k, m} {
		b := make([]byte, 16)
		if err := k.EncryptCBC(ctx, nil, b, b); !errors.Is(err, key.ErrWiped) {
			t.Errorf("%v: %v", k, err)
		}
	}
	if _, _, err := r.Has(ctx, ref(t, "*/card/0")); err == nil {
		t.Error("Has answers after Close")
	}
	if k, err := r.Key(ctx, ref(t, "*/000010/0")); err == nil {
		t.Errorf("%v after Close", k)
	}
	if _, err := r.Slots(ctx, ref(t, "*/card/0")); err == nil {
		t.Error("Slots answers after Close")
	}
}

// Several goroutines ask for keys of one master: the program runs once.
func TestTogether(t *testing.T) {
	a := new(asked)
	r := campus(t, a.conf())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := r.Key(context.Background(), ref(t, "04782E21801D80/F48121/tmac")); err != nil {
				t.Error(err)
			}
			if _, _, err := r.Has(context.Background(), ref(t, "04782E21801D80/F48121/tmac")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(a.programs) != 1 {
		t.Errorf("ran %d times", len(a.programs))
	}
}

// While somebody is being asked, Has answers what is written.
func TestHasDoesNotWait(t *testing.T) {
	ctx := context.Background()
	begun, release := make(chan struct{}), make(chan struct{})
	r := campus(t, &keyring.Config{Prompt: func(context.Context, string) ([]byte, error) {
		close(begun)
		<-release
		return []byte("aes:" + digits), nil
	}})
	done := make(chan error)
	go func() {
		_, err := r.Master(ctx, "typed")
		done <- err
	}()
	<-begun
	if f, ok, err := r.Has(ctx, ref(t, "04782E21801D80/app/sdm-file")); !ok || err != nil || f.Type != "AES" {
		t.Errorf("%v, %v, %v", f, ok, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Master(ended, "typed"); !errors.Is(err, context.Canceled) {
		t.Errorf("waits beyond its context: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
