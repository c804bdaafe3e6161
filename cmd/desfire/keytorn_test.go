package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// keyTool runs the tool on a simulated card behind a socket, with a journal
// and key files in a folder of its own.
type keyTool struct {
	t    *testing.T
	card *sim.Card
	dir  string
	addr string
}

const (
	oldKeyFile = "des:0000000000000000"
	newKeyDigs = "F0E1D2C3B4A5968778695A4B3C2D1E0F"
	newKeyFile = "2k3des:" + newKeyDigs + "/01"
)

func newKeyTool(t *testing.T, g wire.Generation) *keyTool {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	if err := newApp(strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)).makeTransit(t.Context(), card, 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	l, err := tcp.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return card.Present(), nil })
	}()
	k := &keyTool{t: t, card: card, dir: t.TempDir(), addr: l.Addr().String()}
	for name, spec := range map[string]string{"old.key": oldKeyFile, "new.key": newKeyFile} {
		if err := os.WriteFile(filepath.Join(k.dir, name), []byte(spec), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// run runs a verb that knows --journal.
func (k *keyTool) run(args ...string) (code int, stdout, stderr string) {
	k.t.Helper()
	return k.runWith(k.journal(), args...)
}

func (k *keyTool) runWith(journal string, args ...string) (code int, stdout, stderr string) {
	k.t.Helper()
	var out, errs bytes.Buffer
	args = append(args, "--journal", journal)
	if args[1] != "journal" {
		args = append(args, "--reader", "tcp:"+k.addr)
	}
	code = run(args, strings.NewReader(""), &out, &errs)
	for _, s := range []string{out.String(), errs.String()} {
		if strings.Contains(strings.ToUpper(s), newKeyDigs) {
			k.t.Errorf("%v: shows the key:\n%s", args, s)
		}
	}
	return code, out.String(), errs.String()
}

func (k *keyTool) journal() string { return filepath.Join(k.dir, "journal.jsonl") }

// withKeys are args with the keys of the change.
func (k *keyTool) withKeys(args ...string) []string {
	return append(args, "--old", "@"+filepath.Join(k.dir, "old.key"), "--new", "@"+filepath.Join(k.dir, "new.key"))
}

// holds is what the card itself says: old or new.
func (k *keyTool) holds() string {
	for _, key := range k.card.Image().Keys {
		if key.Application == transitApp && key.No == 0 {
			if key.Version == 1 {
				return "new"
			}
			return "old"
		}
	}
	return ""
}

// TestKeyChangeTorn loses the card in each exchange of a key change. Whatever
// the tool says is true, the journal knows what is open, key find tells which
// key the card holds and settles it, and the change can be made again.
func TestKeyChangeTorn(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 4
	}
	for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer, sim.CutAnswer} {
		seen := map[rekey.Outcome]int{}
		for n := 1; ; n += step {
			k := newKeyTool(t, wire.EV2)
			k.card.Inject(sim.Fault{Exchange: n, Kind: kind})
			before := k.card.Exchanges()
			code, out, errs := k.run(k.withKeys("key", "change", "121314", "0", "--yes", "--json")...)
			if k.card.Exchanges()-before < n {
				if code != exitDone || n < 8 {
					t.Fatalf("%v: %d exchanges, code %d, %s", kind, n-1, code, errs)
				}
				t.Logf("%v: %d exchanges, outcomes %v", kind, n-1, seen)
				break // the job has fewer exchanges
			}
			name := fmt.Sprintf("%v in exchange %d", kind, n)
			k.card.ClearFaults()
			k.card.Return()
			r := keyChangeResult{Outcome: "nothing"}
			if out != "" {
				if err := json.Unmarshal([]byte(strings.SplitAfter(out, "\n")[0]), &r); err != nil {
					t.Fatalf("%s: %v: %s", name, err, out)
				}
			}
			seen[r.Outcome]++
			_, open, _ := k.run("key", "journal", "--open", "--json")
			switch r.Outcome {
			case "nothing", rekey.Undone:
				if code == exitDone || k.holds() != "old" || open != "" {
					t.Errorf("%s: code %d, %s, card holds the %s key, open %q", name, code, r.Outcome, k.holds(), open)
				}
			case rekey.Done:
				if k.holds() != "new" || open != "" {
					t.Errorf("%s: %s, card holds the %s key, open %q", name, r.Outcome, k.holds(), open)
				}
			case rekey.InDoubt:
				if code != exitUnknown || !strings.Contains(open, `"state":"unknown"`) || !strings.Contains(open, `"open":true`) {
					t.Errorf("%s: code %d, open %q", name, code, open)
				}
				if !strings.Contains(errs, "the card holds the old or the new key: present it again, and desfire key find 121314 0 --old @") {
					t.Errorf("%s: nothing says what to do: %s", name, errs)
				}
			default:
				t.Errorf("%s: outcome %q", name, r.Outcome)
			}
			code, out, errs = k.run(k.withKeys("key", "find", "121314", "0", "--json")...)
			var found keyFindResult
			if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitDone || found.Holds != k.holds() || found.Settled != (open != "") {
				t.Errorf("%s: find: code %d, %+v, the card holds the %s key, %v %s", name, code, found, k.holds(), err, errs)
			}
			if _, open, _ := k.run("key", "journal", "--open", "--json"); open != "" {
				t.Errorf("%s: still open: %s", name, open)
			}
			if code, _, errs := k.run(k.withKeys("key", "change", "121314", "0", "--yes", "--json")...); code != exitDone || k.holds() != "new" {
				t.Errorf("%s: again: code %d, card holds the %s key: %s", name, code, k.holds(), errs)
			}
		}
		if seen[rekey.InDoubt] == 0 || seen["nothing"] == 0 {
			t.Errorf("%v: outcomes seen: %v", kind, seen)
		}
	}
}

// TestKeyChangeJournalDies: the journal of a program that died after its first
// entry is open, and a line that was cut off does no harm.
func TestKeyChangeJournalDies(t *testing.T) {
	k := newKeyTool(t, wire.EV2)
	if code, _, errs := k.run(k.withKeys("key", "change", "121314", "0", "--yes")...); code != exitDone {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(k.journal())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(k.journal()); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v", info.Mode())
	}
	first := bytes.IndexByte(text, '\n') + 1
	for cut := first; cut < len(text)-1; cut += 7 {
		if err := os.WriteFile(k.journal(), text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		_, open, errs := k.run("key", "journal", "--open")
		if !strings.Contains(open, "begun") || !strings.Contains(open, "desfire key find 121314 0 --old @") {
			t.Errorf("cut at %d: %s%s", cut, open, errs)
		}
		if damaged := strings.Contains(errs, "line 2 is no entry"); damaged != (cut > first) {
			t.Errorf("cut at %d: %s", cut, errs)
		}
		code, out, errs := k.run(k.withKeys("key", "find", "121314", "0")...)
		if code != exitDone || !strings.Contains(out, "holds the new key 0") || !strings.Contains(out, "is settled") {
			t.Errorf("cut at %d: code %d: %s%s", cut, code, out, errs)
		}
		if _, open, _ := k.run("key", "journal", "--open"); !strings.Contains(open, "No open key changes") {
			t.Errorf("cut at %d: still open: %s", cut, open)
		}
	}
}

// TestKeyJournalUnwritable: where the journal cannot be opened, the card is not
// even looked at; where it cannot be written, the key is not changed.
func TestKeyJournalUnwritable(t *testing.T) {
	k := newKeyTool(t, wire.EV2)
	before := k.card.Exchanges()
	protected := filepath.Join(k.dir, "protected")
	if err := os.Mkdir(protected, 0o500); err != nil {
		t.Fatal(err)
	}
	paths := []string{filepath.Join(k.dir, "old.key", "journal"), k.dir, filepath.Join(k.dir, "nowhere", "journal")}
	if os.Getuid() > 0 { // root may write everywhere
		paths = append(paths, filepath.Join(protected, "journal"))
	}
	change := k.withKeys("key", "change", "121314", "0", "--yes")
	for _, path := range paths {
		code, out, errs := k.runWith(path, change...)
		if code != exitInput || out != "" || !strings.Contains(errs, "the journal cannot be written, so no key is changed") {
			t.Errorf("%s: code %d: %s%s", path, code, out, errs)
		}
	}
	if n := k.card.Exchanges() - before; n > 0 {
		t.Errorf("the card had %d exchanges", n)
	}
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("no " + full + ": a disk that is full is not tried")
	}
	code, out, errs := k.runWith(full, change...)
	if code != exitInput || out != "" || !strings.Contains(errs, "nothing was changed: the journal cannot be written") || k.holds() != "old" {
		t.Errorf("%s: code %d, card holds the %s key: %s%s", full, code, k.holds(), out, errs)
	}
}
