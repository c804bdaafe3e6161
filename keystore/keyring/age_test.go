package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// seal encrypts as the age tool does.
func seal(t *testing.T, text string, armored bool, to age.Recipient) string {
	t.Helper()
	var out bytes.Buffer
	var w io.Writer = &out
	closeArmor := func() error { return nil }
	if armored {
		a := armor.NewWriter(&out)
		w, closeArmor = a, a.Close
	}
	e, err := age.Encrypt(w, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(e, text); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Close(), closeArmor()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func passphrase(t *testing.T, phrase string) age.Recipient {
	t.Helper()
	r, err := age.NewScryptRecipient(phrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(8)
	return r
}

// block is text as a value of YAML.
func block(text, indent string) string {
	return "|\n" + indent + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+indent) + "\n"
}

// answers is a Prompt that has the passphrases and counts.
type answers struct {
	phrases []string
	asked   []string
}

func (a *answers) prompt(_ context.Context, question string) ([]byte, error) {
	a.asked = append(a.asked, question)
	if len(a.phrases) == 0 {
		return nil, errors.New("nobody answers")
	}
	p := a.phrases[0]
	a.phrases = a.phrases[1:]
	return []byte(p), nil
}

func TestAgeIdentity(t *testing.T) {
	ctx := context.Background()
	id := identity(t)
	text := "desfire: keys/v1\nmasters:\n  m: " + block(seal(t, "# campus\naes:"+digits+"/07\n", true, id.Recipient()), "    ") +
		"keys:\n  card: {0: {from: m}, 1: \"@sealed.key\"}\n"
	dir := files(t, map[string]string{
		"k":          text,
		"sealed.key": seal(t, "aes:"+digits+"/08", false, id.Recipient()),
		"id":         "# created: today\n" + id.String() + "\n",
		"other":      identity(t).String() + "\n",
		"noid":       "AGE-SECRET-KEY-1" + digits + "\n",
		"whole":      seal(t, "desfire: keys/v1\nkeys: {card: {0: aes:"+digits+"/09}}\n", false, id.Recipient()),
		"armored":    seal(t, "desfire: keys/v1\nkeys: {card: {0: aes:"+digits+"/0A}}\n", true, id.Recipient()),
	})
	for _, tc := range []struct {
		file, ref string
		version   byte
	}{{"k", "*/card/0", 7}, {"k", "*/card/1", 8}, {"whole", "*/card/0", 9}, {"armored", "*/card/0", 10}} {
		r, err := keyring.Open(filepath.Join(dir, tc.file), &keyring.Config{Identity: filepath.Join(dir, "id")})
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
			continue
		}
		f, ok, err := r.Has(ctx, ref(t, tc.ref))
		if !ok || err != nil || f.Version != tc.version {
			t.Errorf("%s: %v, %v, %v", tc.file, f, ok, err)
		}
		k, err := r.Key(ctx, ref(t, tc.ref))
		if err != nil || k.Version() != tc.version {
			t.Errorf("%s: %v, %v", tc.file, k, err)
		}
	}
	for name, want := range map[string]string{"": "say which file has it", "other": "none of the identities", "noid": "want lines AGE-SECRET-KEY-", "gone": "gone"} {
		conf := &keyring.Config{}
		if name != "" {
			conf.Identity = filepath.Join(dir, name)
		}
		_, err := keyring.Open(filepath.Join(dir, "whole"), conf)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), digits[:8]) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
		r, err := keyring.Open(filepath.Join(dir, "k"), conf)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if f, ok, err := r.Has(ctx, ref(t, "*/card/0")); !ok || err != nil || f.Type != "" || !f.NoVersion {
			t.Errorf("%q: %v, %v, %v", name, f, ok, err)
		}
		if k, err := r.Key(ctx, ref(t, "*/card/0")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %s", name, k, err, want)
		}
	}
}

func TestAgePassphrase(t *testing.T) {
	ctx := context.Background()
	to := passphrase(t, "correct horse")
	text := "desfire: keys/v1\nkeys:\n  card:\n    0: " + block(seal(t, "aes:"+digits+"/07", true, to), "      ") +
		"    1: " + block(seal(t, "aes:"+digits+"/08", true, to), "      ")
	dir := files(t, map[string]string{"k": text, "whole": seal(t, "desfire: keys/v1\nkeys: {card: {0: aes:"+digits+"/09}}\n", true, to)})
	a := &answers{phrases: []string{"battery staple", "correct horse"}}
	r, err := keyring.Open(filepath.Join(dir, "k"), &keyring.Config{Prompt: a.prompt})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok, err := r.Has(ctx, ref(t, "*/card/0")); !ok || err != nil || f.Type != "" || len(a.asked) > 0 {
		t.Errorf("%v, %v, %v, asked %q", f, ok, err, a.asked)
	}
	if k, err := r.Key(ctx, ref(t, "*/card/0")); err == nil || !strings.Contains(err.Error(), "this passphrase does not open it") {
		t.Errorf("%v, %v", k, err)
	}
	for i, version := range []byte{7, 8, 7} {
		k, err := r.Key(ctx, ref(t, "*/card/"+string("010"[i])))
		if err != nil || k.Version() != version {
			t.Errorf("%v, %v", k, err)
		}
	}
	if len(a.asked) != 2 || !strings.HasPrefix(a.asked[0], "passphrase of key 0 of the card level on every card in ") {
		t.Errorf("asked %q", a.asked)
	}

	a = &answers{phrases: []string{"correct horse"}}
	r, err = keyring.Open(filepath.Join(dir, "whole"), &keyring.Config{Prompt: a.prompt})
	if err != nil {
		t.Fatal(err)
	}
	if k, err := r.Key(ctx, ref(t, "*/card/0")); err != nil || k.Version() != 9 {
		t.Errorf("%v, %v", k, err)
	}
	for _, name := range []string{"k", "whole"} {
		r, err := keyring.Open(filepath.Join(dir, name), nil)
		if err == nil {
			_, err = r.Key(ctx, ref(t, "*/card/0"))
		}
		if !errors.Is(err, keystore.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who waits while somebody else is being asked for a passphrase waits until the context
// ends, and no longer.
func TestAgeWaits(t *testing.T) {
	to := passphrase(t, "correct horse")
	text := "desfire: keys/v1\nkeys:\n  card:\n    0: " + block(seal(t, "aes:"+digits+"/07", true, to), "      ") +
		"    1: " + block(seal(t, "aes:"+digits+"/08", true, to), "      ")
	asked, answer := make(chan bool), make(chan bool)
	r, err := keyring.Open(filepath.Join(files(t, map[string]string{"k": text}), "k"), &keyring.Config{Prompt: func(context.Context, string) ([]byte, error) {
		asked <- true
		<-answer
		return []byte("correct horse"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := r.Key(context.Background(), ref(t, "*/card/0"))
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, err := r.Key(ctx, ref(t, "*/card/1"))
		second <- err
	}()
	cancel()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the context has ended, and it is waited")
	}
	close(answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// The identity file may be encrypted by a passphrase: it is asked for in Key.
func TestAgeSealedIdentity(t *testing.T) {
	ctx := context.Background()
	id := identity(t)
	text := "desfire: keys/v1\nkeys:\n  card:\n    0: " + block(seal(t, "aes:"+digits+"/07", true, id.Recipient()), "      ")
	dir := files(t, map[string]string{"k": text, "id": seal(t, id.String()+"\n", true, passphrase(t, "correct horse"))})
	a := &answers{phrases: []string{"correct horse"}}
	r, err := keyring.Open(filepath.Join(dir, "k"), &keyring.Config{Prompt: a.prompt, Identity: filepath.Join(dir, "id")})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Has(ctx, ref(t, "*/card/0")); err != nil || len(a.asked) > 0 {
		t.Errorf("%v, asked %q", err, a.asked)
	}
	k, err := r.Key(ctx, ref(t, "*/card/0"))
	if err != nil || k.Version() != 7 || len(a.asked) != 1 {
		t.Errorf("%v, %v, asked %q", k, err, a.asked)
	}
}

// What is encrypted must be a key, and whole: everybody can encrypt to an
// identity.
func TestAgeHoldsNoReference(t *testing.T) {
	ctx := context.Background()
	id := identity(t)
	good := seal(t, "aes:"+digits, true, id.Recipient())
	lines := strings.Split(good, "\n")
	cut := strings.Join(append(lines[:len(lines)-4:len(lines)-4], lines[len(lines)-2:]...), "\n")
	for name, tc := range map[string]struct{ text, want string }{
		"program":  {seal(t, "exec:id", true, id.Recipient()), "not another reference"},
		"file":     {seal(t, "@/etc/passwd", true, id.Recipient()), "not another reference"},
		"bare":     {seal(t, digits, true, id.Recipient()), "without a type"},
		"two":      {seal(t, "aes:"+digits+"\naes:"+digits, true, id.Recipient()), "more than one line"},
		"long":     {seal(t, strings.Repeat("#"+digits+"\n", 1000), true, id.Recipient()), "too large"},
		"cut":      {cut, ""},
		"no armor": {strings.Replace(good, "\nL", "\n!", 1)[:60] + "\n-----END AGE ENCRYPTED FILE-----\n", "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			ran := false
			dir := files(t, map[string]string{"k": "desfire: keys/v1\nkeys:\n  card:\n    0: " + block(tc.text, "      "), "id": id.String()})
			r, err := keyring.Open(filepath.Join(dir, "k"), &keyring.Config{
				Identity: filepath.Join(dir, "id"),
				Exec:     func(context.Context, []string) ([]byte, error) { ran = true; return nil, nil },
			})
			if err == nil {
				_, err = r.Key(ctx, ref(t, "*/card/0"))
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), digits[:8]) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if ran {
				t.Error("a program ran")
			}
		})
	}
}

// A keyring that was cut between two chunks of age's, of 64 KiB each, is not taken for
// a whole one: nobody would miss the keys at its end.
func TestAgeCutBetweenChunks(t *testing.T) {
	id := identity(t)
	text := "desfire: keys/v1\nkeys:\n  card:\n    0: aes:" + digits + "\n"
	text += strings.Repeat("#", 1<<16-len(text)-1) + "\n" + "    1: aes:" + digits + "\n"
	whole := seal(t, text, false, id.Recipient())
	body := strings.Index(whole, "\n--- ") + 1
	body += strings.Index(whole[body:], "\n") + 1
	const nonce, tag = 16, 16
	for _, size := range []int{body + nonce, body + nonce + 1<<16 + tag} {
		dir := files(t, map[string]string{"k": whole[:size], "id": id.String()})
		_, err := keyring.Open(filepath.Join(dir, "k"), &keyring.Config{Identity: filepath.Join(dir, "id")})
		if err == nil || !strings.Contains(err.Error(), "changed or cut") {
			t.Errorf("the first %d of %d bytes: %v", size, len(whole), err)
		}
	}
}

func TestIdentityOpenToOthersIsWarnedOf(t *testing.T) {
	id := identity(t)
	dir := files(t, map[string]string{"k": seal(t, "desfire: keys/v1", false, id.Recipient()), "id": id.String()})
	if err := os.Chmod(filepath.Join(dir, "id"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := new(asked)
	conf := a.conf()
	conf.Identity = filepath.Join(dir, "id")
	if _, err := keyring.Open(filepath.Join(dir, "k"), conf); err != nil {
		t.Fatal(err)
	}
	wantWarning(t, a, "identity file")
}
