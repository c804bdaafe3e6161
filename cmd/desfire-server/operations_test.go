package main

import (
	"errors"
	"flag"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/wire"
)

var update = flag.Bool("update", false, "write the table of docs/operations.md")

// toldNames are the names of metrics in what an address answers.
func toldNames(text string) (names []string) {
	for line := range strings.Lines(text) {
		if m := regexp.MustCompile(`^(desfire_[a-z_]+)[ {]`).FindStringSubmatch(line); m != nil && !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

// Each metric that is told is documented, and each that is documented is told.
func TestMetrics(t *testing.T) {
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	status, text := s.door("/metrics")
	if status != 200 {
		t.Fatal(status, text)
	}
	var want []string
	for _, m := range operations.Metrics {
		if m.Server {
			want = append(want, m.Name)
		}
	}
	slices.Sort(want)
	if got := toldNames(text); !slices.Equal(got, want) {
		t.Errorf("told:\n%s\ndocumented:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range []string{"desfire_ready{part=\"JetStream\"} 1\n", "desfire_agents{state=\"here\"} 0\n", "process_resident_memory_bytes ", "go_goroutines "} {
		if !strings.Contains(text, line) {
			t.Errorf("the metrics lack %q: %s", line, text)
		}
	}
	table := operations.Table()
	path := filepath.Join("..", "..", "docs", "operations.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), "<!-- metrics -->\n")
	_, after, ended := strings.Cut(rest, "<!-- end -->\n")
	if !found || !ended {
		t.Fatal("docs/operations.md has no place for metrics")
	}
	if now := before + "<!-- metrics -->\n" + table + "<!-- end -->\n" + after; now != string(page) {
		if *update {
			if err := os.WriteFile(path, []byte(now), 0o666); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Error("docs/operations.md does not list the metrics as they are: go test ./cmd/desfire-server -run TestMetrics -update")
	}
}

const keyFile = `desfire: keys/v1
keys:
  F48121:
    "1": aes:00112233445566778899AABBCCDDEEFF
`

const policyFile = `desfire: key-policy/v1
agents:
  gate7:
    keys: {F48121: [1]}
    shared: true
`

// What agents do with keys, and what they are refused, is shown.
func TestKeysAreShown(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"keys.yaml": keyFile, "policy.yaml": policyFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, filepath.Join(dir, "state"), "--keys", filepath.Join(dir, "keys.yaml"), "--policy", filepath.Join(dir, "policy.yaml"))
	file := s.join("gate7")
	conn, err := file.Dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	store, err := natskeys.New(conn, "main", "gate7", nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := store.Key(t.Context(), keystore.Ref{UID: "\x04\x01\x02\x03\x04\x05\x06", Place: wire.Place{AID: 0xF48121}, Key: keystore.Number(1)})
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[key.Method]bool{key.MethodEV2First: true, key.MethodAES: false} {
		h, err := k.(key.Handshaker).Handshake(t.Context(), key.HandshakeRequest{Method: method, Challenge: make([]byte, 16)})
		if (err == nil) != want {
			t.Errorf("%v: %v", method, err)
		}
		if err == nil {
			h.Wipe()
		}
	}
	ask := s.admin()
	s.until("both are shown", func() bool {
		all, err := ask.KeyUses(t.Context(), fleet.KeyQuery{Text: "gate7 04010203040506"})
		if err != nil {
			t.Fatal(err)
		}
		refused, err := ask.KeyUses(t.Context(), fleet.KeyQuery{Refused: true})
		return err == nil && all.Total == 2 && refused.Total == 1 && strings.Contains(refused.Uses[0].Why, "methods")
	})
	if _, text := s.door("/metrics"); !strings.Contains(text, `desfire_key_uses_total{outcome="refused"} 1`) || !strings.Contains(text, `desfire_ready{part="keys"} 1`) {
		t.Errorf("the metrics: %s", text)
	}
	s.stop()
	again := start(t, filepath.Join(dir, "state")) // without keys: what was, stays
	ask = again.admin()
	again.until("they are still shown", func() bool {
		p, err := ask.KeyUses(t.Context(), fleet.KeyQuery{})
		return err == nil && p.Total == 2
	})
}

// A centre that is started anew on the same ports has its agents back.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	ports := freeport.Take(t, 2)
	at := []string{"--listen", freeport.Address(ports[0]), "--join", freeport.Address(ports[1])}
	s := start(t, dir, at...)
	file := s.join("gate7")
	s.serve(file)
	ask := s.admin()
	there := func() bool {
		now, err := ask.Snapshot(t.Context())
		return err == nil && len(now.Agents) == 1 && now.Agents[0].State == fleet.Here && len(now.Agents[0].Readers) == 1
	}
	s.until("the agent is there", there)
	if code := s.stop(); code != 0 {
		t.Fatalf("it ends with %d", code)
	}
	again := start(t, dir, at...)
	again.until("the agent is back", there)
	admins, err := centre.LoadFile(filepath.Join(dir, "admin.json"))
	if err != nil || admins.URLs[0] != file.URLs[0] {
		t.Errorf("%v %v", admins, err)
	}
}

// Two centres do not share a folder, and say so.
func TestFolderInUse(t *testing.T) {
	s := start(t, t.TempDir())
	code, _, text := s.verb("--listen", "127.0.0.1:0", "--join", "127.0.0.1:0", "--page", "off")
	if code != exitInUse || !strings.Contains(text, "Another desfire-server works in this folder") {
		t.Errorf("%d %s", code, text)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.url(), "http://"), ":")
	var out, errs output
	code = run([]string{"--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--join", "127.0.0.1:" + port}, &out, &errs)
	if code != exitInUse || !strings.Contains(errs.String(), "--join") {
		t.Errorf("%d %s", code, &errs)
	}
}

// A disk without room is no reason to lose anything: nothing is taken down, and it is said,
// until there is room again.
func TestDiskFull(t *testing.T) {
	s := start(t, t.TempDir())
	s.free.Store(100 << 20)
	s.until("it is not ready", func() bool {
		status, body := s.door("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "nearly full")
	})
	s.until("the ledger takes nothing", func() bool {
		now, err := s.admin().Snapshot(t.Context())
		return err == nil && slices.ContainsFunc(now.Centre.Parts, func(p fleet.Part) bool {
			return p.Name == "ledger" && !p.Ready && strings.Contains(p.Words, "nearly full")
		})
	})
	s.free.Store(1 << 20)
	s.until("there is nothing left", func() bool { return s.app.running.space.empty.Load() })
	s.free.Store(0)
	s.until("it is ready again", func() bool { status, _ := s.door("/readyz"); return status == 200 })
	if !strings.Contains(s.err.String(), "NATS is started anew") {
		t.Error("JetStream goes on with files that it may have failed to write")
	}
}

// JetStream that could not write is started anew once it can.
func TestStoreStops(t *testing.T) {
	s := start(t, t.TempDir())
	s.serve(s.join("gate7"))
	s.app.running.nats.server().ShutdownJetStream()
	s.until("JetStream is back", func() bool {
		return s.app.running.nats.storing() == nil && strings.Contains(s.err.String(), "NATS is started anew")
	})
	ask := s.admin()
	s.until("the agent is back", func() bool {
		now, err := ask.Snapshot(t.Context())
		return err == nil && len(now.Agents) == 1 && now.Agents[0].State == fleet.Here
	})
	s.until("it is ready", func() bool { status, _ := s.door("/readyz"); return status == 200 })
}

// What is wrong with the command line is said before anything is made.
func TestWrong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // a test
	_, taken, _ := net.SplitHostPort(other.Addr().String())
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"--listen x", exitUsage, "--listen \"x\""},
		{"--metrics nonsense --listen 127.0.0.1:" + taken, exitUsage, "--metrics \"nonsense\": want HOST:PORT"}, // and not that the other is taken
		{"--leafs 127.0.0.1:70000", exitUsage, "--leafs"},
		{"--page 7342", exitUsage, "--page"},
		{"--metrics off", exitUsage, "--metrics"},
		{"--join off", exitUsage, "--join"},
		{"--proved nonsense,", exitUsage, "--proved"},
		{"leaf --listen 127.0.0.1:", exitUsage, "--listen"},
		{"--listen :4222", exitUsage, "--host missing"},
		{"--page 0.0.0.0:0 --host centre", exitUsage, "--password-file missing"},
		{"--password-file x", exitUsage, "--password-file is for"},
		{"--tls-cert x", exitUsage, "--tls-cert and --tls-key go together"},
		{"--policy x", exitUsage, "--keys missing"},
		{"--keys x", exitUsage, "--policy missing"},
		{"--keys /none --policy /none", exitInput, "/none"},
		{"--log loud", exitUsage, "want text or json"},
		{"--reserve much", exitUsage, "want a size"},
		{"--fleet Main", exitUsage, "--fleet"},
		{"surprise", exitUsage, "no verb"},
		{"token", exitUsage, "NAME missing"},
		{"token gate7", exitInput, "admin.json"},
		{"invite anna --role king", exitUsage, "--role \"king\": want agent, admin"},
		{"restore operations_test.go", exitInput, "operations_test.go: ledger: the backup: it is none"},
		{"--host h --listen 0.0.0.0:0 --tls-cert operations_test.go --tls-key operations_test.go", exitInput, "--tls-cert and --tls-key"},
	} {
		var out, errs output
		args := append(strings.Fields(test.args), "--dir", dir)
		for _, flag := range []string{"--listen", "--join", "--page"} {
			if !slices.Contains(args, flag) && strings.HasPrefix(args[0], "-") {
				args = append(args, flag, "127.0.0.1:0")
			}
		}
		if code := run(args, &out, &errs); code != test.code || !strings.Contains(errs.String(), test.want) {
			t.Errorf("%s: %d %s%s", test.args, code, &out, &errs)
		}
		if _, err := os.Lstat(dir); test.code == exitUsage && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: its folder was made: %v", test.args, err)
		}
		_ = os.RemoveAll(dir) // a bad file may be found only then
	}
	if _, err := os.Stat(filepath.Join(dir, "nats")); err == nil {
		t.Error("something was made")
	}
	var out, errs output
	if code := run([]string{"--dir", dir, "--check", "--listen", "127.0.0.1:0", "--join", "127.0.0.1:0", "--page", "off"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "can start") {
		t.Errorf("--check: %d %s%s", code, &out, &errs)
	}
}

// What is printed to be copied works in every folder.
func TestCopiedPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := "the fleet's"
	s := start(t, filepath.Join(here, dir), "--dir", dir)
	want := "'" + filepath.Join(here, `the fleet'\''s`)
	if out := s.out.String(); !strings.Contains(out, "DESFIRE_FLEET="+want+string(filepath.Separator)+"admin.json'\n") || !strings.Contains(out, "--dir "+want+"'") {
		t.Errorf("%s: %s", want, out)
	}
}

// Help fits a terminal.
func TestHelp(t *testing.T) {
	for _, verb := range []string{"", "token", "invite", "leaf", "page", "backup", "restore", "version"} {
		var out, errs output
		if code := run(append(strings.Fields(verb), "--help"), &out, &errs); code != 0 {
			t.Errorf("%s: %d %s", verb, code, &errs)
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%s: %d columns: %s", verb, n, line)
			}
		}
	}
}

// The ledger is copied while the centre runs, and put into another one, which begins a new
// epoch.
func TestBackup(t *testing.T) {
	s := start(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "ledger.backup")
	if code, out, text := s.verb("backup", file); code != 0 || !strings.Contains(out, "ledger of fleet main") {
		t.Fatalf("backup: %d %s%s", code, out, text)
	}
	if code, _, text := s.verb("backup", file); code != exitInput || !strings.Contains(text, "exists") {
		t.Errorf("over another one: %d %s", code, text)
	}
	if code, _, text := s.verb("restore", file); code != exitInUse {
		t.Errorf("into a centre that runs: %d %s", code, text)
	}
	left, err := os.ReadDir(filepath.Join(s.dir, "backup"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
	s.stop()
	if code, _, text := s.verb("restore", file); code != exitInput {
		t.Errorf("over a ledger that is there: %d %s", code, text)
	}
	dir := t.TempDir()
	var out, errs output
	if code := run([]string{"restore", file, "--dir", dir}, &out, &errs); code != 0 || !strings.Contains(out.String(), "Restored") {
		t.Fatalf("restore: %d %s%s", code, &out, &errs)
	}
	start(t, dir)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[40] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"restore", file, "--dir", t.TempDir()}, &out, &errs); code != exitInput {
		t.Errorf("a copy with a bit bent: %d %s", code, &errs)
	}
}
