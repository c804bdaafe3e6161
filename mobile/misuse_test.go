package mobile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestZeroValues: Java and Objective-C can make any struct of this package without its constructor, and give null for
// anything. Nothing panics then.
func TestZeroValues(t *testing.T) {
	n := 0
	for _, v := range []any{&Card{}, &Purse{}, &Layout{}, &SUN{}, NewKeys(), &Keys{}, &Computer{}, &Pairing{}, &Failure{}, &Config{}, &Answer7816{}} {
		of := reflect.ValueOf(v)
		for i := range of.NumMethod() {
			method := of.Type().Method(i)
			args := make([]reflect.Value, method.Type.NumIn()-1)
			for k := range args {
				args[k] = reflect.Zero(method.Type.In(k + 1))
			}
			n++
			for _, out := range of.Method(i).Call(args) {
				if err, ok := out.Interface().(error); ok && Explain(err).What == "" {
					t.Errorf("%T.%s: an error without words", v, method.Name)
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d methods", n)
	}
	for name, err := range map[string]error{
		"OpenCard":           second(OpenCard(nil, nil)),
		"OpenCard7816":       second(OpenCard7816(nil, nil)),
		"OpenPurse":          second(OpenPurse("", "", nil)),
		"OpenPurse of none":  second(OpenPurse(filepath.Join(t.TempDir(), "none.db"), "", nil)),
		"OpenPurse of JSON":  second(OpenPurse(filepath.Join(t.TempDir(), "none.db"), "{}", nil)),
		"ReadLayout":         second(ReadLayout("", "")),
		"ConnectComputer":    second(ConnectComputer("", nil)),
		"Pair without any":   second(NewPairing(nil).Pair("", "")),
		"Verify without key": second(NewSUN("").Verify("")),
	} {
		if err == nil {
			t.Errorf("%s took nothing", name)
		} else if f := Explain(err); f.Code != CodeUsage && f.Code != CodeInput || f.Happened != HappenedNo {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := Explain(nil); f.Happened != HappenedYes {
		t.Errorf("no error: %+v", f)
	}
	if f := Explain(errors.New("java.io.IOException")); f.What != "java.io.IOException" {
		t.Errorf("another error: %+v", f)
	}
}

func second[T any](_ T, err error) error { return err }

// hanging is a tag that does not answer any more, until it is closed.
type hanging struct {
	*isoDep
	from  int
	hangs chan struct{}
	over  chan struct{}
}

func (h *hanging) Transceive(command []byte) ([]byte, error) {
	h.mu.Lock()
	hang := h.count >= h.from
	h.mu.Unlock()
	if hang {
		close(h.hangs)
		<-h.over
		return nil, errIO
	}
	return h.isoDep.Transceive(command)
}

func (h *hanging) Close() {
	close(h.over)
	h.isoDep.Close()
}

// TestCancel: a job that hangs ends at once when another thread says so, and the tag is let go of.
func TestCancel(t *testing.T) {
	picc := newPurseCard(t)
	tag := &hanging{&isoDep{air: tap(t, picc), max: 261, connected: true}, 8, make(chan struct{}), make(chan struct{})}
	card, err := OpenCard(tag, nil)
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- second(card.Inspect(DepthContent, newKeys(t))) }()
	within(t, "hanging exchange", tag.hangs)
	if err := second(card.Inspect(DepthSummary, nil)); err == nil || Explain(err).Code != CodeNoCard || !strings.Contains(err.Error(), "under way") {
		t.Errorf("a second job: %v", err)
	}
	card.Cancel()
	err = within(t, "end of the job", done)
	if f := Explain(err); f.Code != CodeInterrupted || f.Happened != HappenedNo {
		t.Errorf("cancelled: %+v", f)
	}
	within(t, "end of the tag", tag.over)
	if err := second(card.Inspect(DepthSummary, nil)); err == nil || Explain(err).Code != CodeNoCard {
		t.Errorf("a job after that: %v", err)
	}
	card.Close()
	card.Close()
}

// TestSessionEnds: what would begin when the phone's session is over does not, and says so.
func TestSessionEnds(t *testing.T) {
	conf := NewConfig()
	conf.SessionTimeout = 600_000
	card, err := phones[1].open(tap(t, newPurseCard(t)), conf)
	must(t, err)
	defer card.Close()
	if err := second(card.Inspect(DepthSummary, nil)); err != nil {
		t.Fatal(err)
	}
	card.end = time.Now().Add(-time.Second)
	err = second(card.Inspect(DepthSummary, nil))
	if f := Explain(err); f.Code != CodeNoCard || f.Happened != HappenedNo || !strings.Contains(f.What, "session") {
		t.Errorf("after the end: %+v", f)
	}
}

// memorySafe is a safe of a phone.
type memorySafe struct {
	t     *testing.T
	asked int
	fail  error
	short bool
}

func (s *memorySafe) do(iv, message []byte, f func(ctx context.Context, iv, dst, src []byte) error) ([]byte, error) {
	s.asked++
	out := make([]byte, len(message))
	if err := f(context.Background(), iv, out, message); err != nil {
		return nil, err
	}
	if s.short {
		return out[:len(out)-1], nil
	}
	return out, s.fail
}

func (s *memorySafe) EncryptCBC(iv, message []byte) ([]byte, error) {
	return s.do(iv, message, aes(s.t, moverKey, 7).EncryptCBC)
}

func (s *memorySafe) DecryptCBC(iv, message []byte) ([]byte, error) {
	return s.do(iv, message, aes(s.t, moverKey, 7).DecryptCBC)
}

// TestSafe opens sessions with a key that stays in a safe of the phone: reads, and a purse.
func TestSafe(t *testing.T) {
	picc := newPurseCard(t)
	layout := purseLayout(t, picc)
	for _, p := range phones {
		safe := &memorySafe{t: t}
		keys := NewKeys()
		must(t, keys.AddSafe("*/F48121/1", 7, "KeyStore", safe))
		card, err := p.open(tap(t, picc), nil)
		must(t, err)
		text, err := card.Value("F48121/1", keys)
		must(t, err)
		fits(t, "value", text)
		if safe.asked == 0 {
			t.Error("the safe was not asked")
		}
		wallet, err := OpenPurse(filepath.Join(t.TempDir(), "purse.db"), layout, keys)
		must(t, err)
		if _, err := wallet.Debit(card, 1, ""); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		must(t, wallet.Close())
		safe.fail = errors.New("the person has turned away")
		if err := second(card.Value("F48121/1", keys)); err == nil || !strings.Contains(err.Error(), "turned away") {
			t.Errorf("a safe that refuses: %v", err)
		}
		card.Close()
		card, err = p.open(tap(t, picc), nil)
		must(t, err)
		safe.fail, safe.short = nil, true
		if err := second(card.Value("F48121/1", keys)); err == nil || !strings.Contains(err.Error(), "KeyStore") {
			t.Errorf("a safe that gives too little: %v", err)
		}
		card.Close()
		keys.Close()
		if err := keys.AddKey("*/card/0", "aes:00000000000000000000000000000000/00"); err == nil {
			t.Error("keys that were closed take another one")
		}
	}
}

// TestNoKeyInErrors: whatever is wrong with a key, no error shows it.
func TestNoKeyInErrors(t *testing.T) {
	const digits = "A1B2C3D4E5F60718293A4B5C6D7E8F90"
	keys, s := NewKeys(), NewSUN("")
	defer keys.Close()
	card, err := phones[0].open(tap(t, newPurseCard(t)), nil)
	must(t, err)
	defer card.Close()
	other := NewKeys()
	defer other.Close()
	must(t, other.AddKey("*/F48121/1", "aes:"+digits+"/07")) // not the card's
	for name, err := range map[string]error{
		"reference":     keys.AddKey(digits, "aes:"+digits+"/01"),
		"type":          keys.AddKey("*/F48121/1", "des9:"+digits+"/01"),
		"length":        keys.AddKey("*/F48121/1", "aes:"+digits+"A1B2/01"),
		"form":          keys.AddKey("*/F48121/1", digits),
		"file":          keys.AddKey("*/F48121/1", "@"+digits),
		"keyring":       keys.AddKeyring("desfire: keys/v1\nkeys:\n  F48121: {1: \"aes:"+digits+"ZZ\"}\n", ""),
		"keyring form":  keys.AddKeyring(digits, digits),
		"safe":          keys.AddSafe(digits, 1, digits, &memorySafe{t: t}),
		"safe name":     keys.AddSafe("*/F48121/1", 1, digits, &memorySafe{t: t}),
		"file key":      s.SetFileKey(digits + "00"),
		"meta key":      s.SetMetaKey("2k3des:" + digits + "/01"),
		"target":        second(card.Value(digits, nil)),
		"wrong key":     second(card.Value("F48121/1", other)),
		"purse":         second(OpenPurse(filepath.Join(t.TempDir(), "p.db"), digits, nil)),
		"computer":      second(ConnectComputer(`{"key":"`+digits+`"}`, nil)),
		"keyring file":  keys.AddKeyringFile(filepath.Join(t.TempDir(), "none"), digits),
		"status digits": second(card.Diagnose("card", 0, digits, nil)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		f := Explain(err)
		for _, text := range []string{err.Error(), f.What, f.Next, f.Detail} {
			if strings.Contains(strings.ToUpper(text), digits[:16]) {
				t.Errorf("%s: the key stands in %q", name, text)
			}
		}
	}
	if err := second(card.Value("F48121/1", other)); Explain(err).Code != CodeAuth {
		t.Errorf("a key that the card refuses: %+v", Explain(err))
	}
}

// TestSUN checks the message of the application note, and what is wrong with others.
func TestSUN(t *testing.T) {
	const zeros = "aes:00000000000000000000000000000000/00"
	const url = "https://ntag.nxp.com/424?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"
	s := NewSUN("https://ntag.nxp.com/424?e={picc}&c={mac}")
	must(t, s.SetFileKey(zeros))
	must(t, s.SetMetaKey(zeros))
	s.SetCounters(filepath.Join(t.TempDir(), "seen.json"))
	text, err := s.Verify(url)
	must(t, err)
	if v := fits(t, "sdm-tag", text); v["uid"] != "04DE5F1EACC040" || v["counter"] != 61.0 || v["fresh"] != true {
		t.Errorf("%s", text)
	}
	if f := Explain(second(s.Verify(url))); f.Code != CodeReplay {
		t.Errorf("the same again: %+v", f)
	}
	if f := Explain(second(s.Verify(strings.Replace(url, "94EE", "94EF", 1)))); f.Code != CodeNotAuthentic {
		t.Errorf("forged: %+v", f)
	}
	if f := Explain(second(s.Verify("https://example.org/"))); f.Code != CodeInput {
		t.Errorf("another text: %+v", f)
	}
	guess := NewSUN("")
	must(t, guess.SetFileKey(zeros))
	must(t, guess.SetMetaKey(zeros))
	text, err = guess.Verify(url)
	must(t, err)
	fits(t, "sdm-tag", text)
}

// TestOtherUses: what makes no sense is told, and nothing was done.
func TestOtherUses(t *testing.T) {
	picc := newPurseCard(t)
	layout, keys := purseLayout(t, picc), newKeys(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "purse.db")
	card, err := phones[0].open(tap(t, picc), nil)
	must(t, err)
	defer card.Close()
	wallet, err := OpenPurse(path, layout, keys)
	must(t, err)
	badge, err := ReadLayout("badge.yaml", badgeText)
	must(t, err)
	for name, c := range map[string]struct {
		code string
		err  error
	}{
		"a journal that is open": {CodeNoCard, second(OpenPurse(path, layout, keys))},
		"a journal and no layout": {CodeInput, func() error {
			must(t, os.WriteFile(filepath.Join(dir, "lone.db"), nil, 0o600))
			return second(OpenPurse(filepath.Join(dir, "lone.db"), layout, keys))
		}()},
		"another layout":           {CodeInput, second(OpenPurse(path, strings.Replace(layout, "phone", "other", 1), keys))},
		"an amount of nothing":     {CodeUsage, second(wallet.Debit(card, 0, ""))},
		"an amount that overflows": {CodeUsage, second(wallet.Debit(card, 1<<31, ""))},
		"more than there is":       {CodeRefused, second(wallet.Debit(card, 500, "much"))},
		"no card":                  {CodeUsage, second(wallet.Debit(nil, 1, ""))},
		"no such application":      {CodeRefused, second(card.Read("010203/1", 0, 0, nil))},
		"no such file":             {CodeRefused, second(card.Read("F48121/9", 0, 0, nil))},
		"beyond the file":          {CodeInput, second(card.Read("F48121/6", 290, 20, nil))},
		"a negative offset":        {CodeUsage, second(card.Read("F48121/6", -1, 0, nil))},
		"without its key":          {CodeRight, second(card.Read("F48121/7", 0, 0, nil))},
		"content that is too long": {CodeInput, second(card.Write("F48121/7", 0, make([]byte, 33), PadNothing, keys))},
		"no content":               {CodeUsage, second(card.Write("F48121/7", 0, nil, 0, keys))},
		"a pad that is no byte":    {CodeUsage, second(card.Write("F48121/7", 0, []byte("x"), 256, keys))},
		"a record of no records":   {CodeRight, second(card.AppendRecord("F48121/7", []byte("x"), keys))},
		"a depth":                  {CodeUsage, second(card.Inspect("deep", nil))},
		"a layout without columns": {CodeInput, second(card.Plan(badge, keys))},
		"a layout without keys": {CodeRight, func() error {
			filled, _ := ReadLayout("badge.yaml", badgeText)
			return errors.Join(filled.Fill("card_no", "1"), filled.Fill("name", "A"), second(card.Plan(filled, nil)))
		}()},
		"a column": {CodeUsage, badge.Fill("nobody", "")},
		"no folder": {CodeUsage, func() error {
			_ = badge.Fill("card_no", "1")
			_ = badge.Fill("name", "A")
			return second(card.Apply(badge, keys))
		}()},
		"a broken layout": {CodeInput, second(ReadLayout("x.yaml", "desfire: layout/v9"))},
	} {
		if f := Explain(c.err); c.err == nil || f.Code != c.code || f.Happened != HappenedNo {
			t.Errorf("%s: %+v, want code %s", name, f, c.code)
		}
	}
	must(t, wallet.Close())
	if v := valueOn(t, picc); v != 100 {
		t.Errorf("the card has %d", v)
	}
	if f := Explain(second(wallet.Debit(card, 1, ""))); f.Code != CodeUsage {
		t.Errorf("a purse that was closed: %+v", f)
	}
	wrong := NewConfig()
	wrong.ReaderID = "00"
	if _, err := phones[1].open(tap(t, picc), wrong); err == nil || Explain(err).Code != CodeUsage {
		t.Errorf("a reader ID: %v", err)
	}
}
