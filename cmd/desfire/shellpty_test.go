//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// shellRun is a shell on a terminal of its own.
type shellRun struct {
	t   *testing.T
	cmd *exec.Cmd
	f   *os.File

	mu   sync.Mutex
	out  []byte
	more chan struct{} // has a token when something came
	end  bool
	seen int // of out, by expect
}

// startShell starts the shell. env is added to an environment without a home.
func startShell(t *testing.T, dir string, env []string, args ...string) *shellRun {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"shell"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), runMain+"=1", "TERM=xterm", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0",
		"HOME="+dir, "XDG_STATE_HOME="+dir, "XDG_CONFIG_HOME="+dir, "DESFIRE_KEYS=", "DESFIRE_IDENTITY=", "DESFIRE_READER=", "PCSCLITE_CSOCK_NAME="+dir+"/no-pcscd")
	cmd.Env = append(cmd.Env, env...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	r := &shellRun{t: t, cmd: cmd, f: f, more: make(chan struct{}, 1)}
	go r.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		f.Close()
	})
	return r
}

func (r *shellRun) read() {
	for {
		b := make([]byte, 4096)
		n, err := r.f.Read(b)
		r.mu.Lock()
		r.out = append(r.out, b[:n]...)
		r.end = err != nil
		r.mu.Unlock()
		select {
		case r.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// movements are what moves the cursor and clears what follows it.
var movements = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]|\r")

// shown is what came since the last match, without movements.
func (r *shellRun) shown() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return movements.ReplaceAllString(string(r.out[r.seen:]), ""), r.end
}

// patient is how long a test waits for what must come.
const patient = 20 * time.Second

// expect waits until a pattern is shown behind the last one, and returns the
// text before and with it.
func (r *shellRun) expect(pattern string) string {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patient)
	for {
		text, end := r.shown()
		if at := re.FindStringIndex(text); at != nil {
			r.mu.Lock()
			r.seen = r.after(at[1])
			r.mu.Unlock()
			return text[:at[1]]
		}
		if end {
			r.t.Fatalf("the shell has ended, and shows no %s:\n%s", pattern, text)
		}
		select {
		case <-r.more:
		case <-late:
			r.t.Fatalf("no %s:\n%s", pattern, text)
		}
	}
}

// after is where in the output so many bytes have been shown.
func (r *shellRun) after(n int) int {
	rest := r.out[r.seen:]
	at := 0
	for _, m := range append(movements.FindAllIndex(rest, -1), []int{len(rest), len(rest)}) {
		if plain := m[0] - at; plain >= n {
			return r.seen + at + n
		} else {
			n -= plain
		}
		at = m[1]
	}
	return len(r.out)
}

// typed types keys.
func (r *shellRun) typed(keys string) {
	r.t.Helper()
	if _, err := io.WriteString(r.f, keys); err != nil {
		r.t.Fatal(err)
	}
}

// run types a line and waits for the prompt that follows.
func (r *shellRun) run(line string) string {
	r.t.Helper()
	r.typed(line + "\r")
	return r.expect(regexp.QuoteMeta(line[strings.LastIndexByte(line, '\t')+1:])+`[^>]*\n`) + r.expect(prompts)
}

// prompts are those of a card that is there.
const prompts = `(?m)^EV[123] \.\.[0-9A-F]{6} /\S*> `

// ended waits until the shell has ended, and gives its exit code.
func (r *shellRun) ended() int {
	r.t.Helper()
	timer := time.AfterFunc(patient, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

func shellImage(t *testing.T, dir string) string {
	t.Helper()
	image := filepath.Join(dir, "card.json")
	if code := run([]string{"sim", "new", image, "--transit", "--uid", "04112233445566"}, strings.NewReader(""), io.Discard, io.Discard); code != exitDone {
		t.Fatal("sim new fails")
	}
	return image
}

func TestShellOnTerminal(t *testing.T) {
	dir := t.TempDir()
	image := shellImage(t, dir)
	r := startShell(t, dir, nil, "--reader", "sim:"+image)
	r.expect(`^EV3 \.\.445566 /> `)
	r.run("cd 121314/1")
	if out := r.run("value debit 5"); !strings.Contains(out, "25 -> 20") {
		t.Errorf("debit: %s", out)
	}
	// The card is not held: another program works with it, and the shell goes on
	// with what that left.
	var out bytes.Buffer
	if code := run([]string{"value", "debit", "121314/1", "1", "--reader", "sim:" + image}, strings.NewReader(""), &out, io.Discard); code != exitDone || out.String() != "20 -> 19\n" {
		t.Errorf("another program: code %d: %s", code, &out)
	}
	if out := r.run("value get --json"); !strings.Contains(out, `"value":19`) {
		t.Errorf("after another program: %s", out)
	}
	// A verb that fails, and words that are none, do not end the shell.
	if out := r.run("read 9"); !strings.Contains(out, "has no file 9") {
		t.Errorf("fails: %s", out)
	}
	for line, want := range map[string]string{"nonsense": "unknown command", "read 'x": "not closed", "# nothing": "", "": "", "shell": "a shell already", "help read": "Usage:", "pwd": "/121314/1"} {
		if out := r.run(line); !strings.Contains(out, want) {
			t.Errorf("%s: %s", line, out)
		}
	}
	// Keys that edit: the line is put together from its end.
	r.typed("gex\x7ft\x01value \x05 1\x1b[D\x0b\r")
	r.expect(`\n19\n`)
	r.expect(prompts)
	r.typed("\x1b[A\x1b[A\r") // the line before the last
	r.expect(prompts)
	r.typed("no such line\x03")
	r.expect(`\^C\n`)
	r.expect(prompts)
	r.typed("debit\x12\r") // searched
	r.expect(`19 -> 14`)
	r.expect(prompts)
	r.typed("\x04")
	if code := r.ended(); code != exitDone {
		t.Errorf("Ctrl-D: code %d", code)
	}
}

func TestShellCompletes(t *testing.T) {
	dir := t.TempDir()
	image := shellImage(t, dir)
	ring := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(ring, []byte("desfire: keys/v1\nkeys:\n  \"ABCDEF\": {0: \"aes:00000000000000000000000000000000\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startShell(t, dir, nil, "--reader", "sim:"+image, "--keys", ring)
	r.expect(prompts)
	for _, step := range []struct{ typed, want string }{
		{"val\t", `value $`},
		{"deb\t", `debit $`},
		{"1213\t", `121314 $`},
		{"--dry\t", `--dry-run $`},
		{"\x03", prompts},
		{"cd \t", `(?s)121314 .*5A5A01 .*ABCDEF  in the keyring\n.*> cd $`},
		{"121314/\t", `(?s)121314/0  standard, 32 bytes\n.*121314/1  value, 0 to 1000\n.*121314/2 .*> cd 121314/$`},
		{"1\r", `/121314/1> $`},
		{"read \t", `(?s)  0 .*standard, 32 bytes\n.*  1 .*\n.*  2 .*> read $`},
		{"\x03", prompts},
		{"key version 121314 \t", `(?s)0  version 00\n.*1  version 00\n.*> key version 121314 $`},
		{"\x03", prompts},
		{"use sim:ca\t", `use sim:card\.json$`},
		{"\x03", prompts},
		{"dump show 'ca\t", `dump show card\.json $`},
		{"\x03", prompts},
		{"qqqq\t\t\x03", prompts},
		{"read \"unfinished\t\x03", prompts},
	} {
		r.typed(step.typed)
		r.expect(step.want)
	}
	r.typed("exit\r")
	if code := r.ended(); code != exitDone {
		t.Errorf("exit: code %d", code)
	}
}

// Ctrl-C ends the verb and not the shell, also one that asks.
func TestShellInterrupted(t *testing.T) {
	dir := t.TempDir()
	r := startShell(t, dir, nil, "--reader", "sim:"+shellImage(t, dir))
	r.expect(prompts)
	r.typed("drain 121314/1 --every 1h\r")
	r.expect(`left=24`)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(prompts)
	r.typed("format\r")
	r.expect(`Type yes: `)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(prompts)
	r.typed("format\r") // nothing of what is typed was lost to the question before
	r.expect(`Type yes: `)
	r.typed("yes\r")
	r.expect(`PICC master key`)
	r.expect(prompts)
	r.typed("info --key prompt\r")
	r.expect(`--key \(TYPE:DIGITS\): `)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(prompts)
	r.typed("info --key prompt\r")
	r.expect(`--key \(TYPE:DIGITS\): `)
	r.typed("des:0000\x7f\x7f00000000000000\r")
	if out := r.expect(prompts); strings.Contains(out, "des:") || !strings.Contains(out, "product") {
		t.Errorf("typed key: %s", out)
	}
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil { // at the prompt
		t.Fatal(err)
	}
	r.expect(`\^C\n`)
	r.expect(prompts)
	r.run("uid")
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := r.ended(); code != exitInterrupted {
		t.Errorf("SIGTERM: code %d", code)
	}
}

// The prompt survives another size of the terminal, and a stop.
func TestShellResizedAndStopped(t *testing.T) {
	dir := t.TempDir()
	r := startShell(t, dir, nil, "--reader", "sim:"+shellImage(t, dir))
	r.expect(prompts)
	r.typed("val")
	r.expect(`val`)
	if err := pty.Setsize(r.f, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	r.expect(`/> val`)
	if err := pty.Setsize(r.f, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	r.expect(`/> val`)
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.expect(`/> val`)
	r.typed("\x1a") // nobody is there to continue it, so it goes on
	r.expect(`/> val`)
	r.typed("ue get 121314/1\r")
	r.expect(`\n25\n`)
	r.expect(prompts)
}

// A card that leaves is told without harm to the line that is typed, and picked
// up again; another one begins at /.
func TestShellLosesCard(t *testing.T) {
	dir := t.TempDir()
	serve := exec.Command(os.Args[0], "sim", "serve", "--listen", "127.0.0.1:0", "--transit", "--uid", "04112233445566")
	serve.Env = append(os.Environ(), runMain+"=1")
	var said lockedBuffer
	serve.Stdout, serve.Stderr = &said, &said
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}
	defer func() { stop() }()
	addr := said.await(t, `--reader (tcp:[0-9.:]+)`)[1]
	toggle := func() {
		if err := serve.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	r := startShell(t, dir, nil, "--reader", addr)
	r.expect(`Card: MIFARE DESFire EV3 04112233445566 on tcp:`)
	r.expect(prompts)
	r.run("cd 121314/1")
	r.typed("value g")
	r.expect(`value g`)
	toggle()
	r.expect(`The card has left`)
	r.expect(`no card /121314/1> value g`)
	toggle()
	r.expect(`The card is back`)
	r.expect(`EV3 \.\.445566 /121314/1> value g`)
	r.typed("et\r")
	r.expect(`\n25\n`)
	r.expect(prompts)

	// A second shell at the same card.
	other := startShell(t, t.TempDir(), nil, "--reader", addr)
	other.expect(`Card: `)
	other.expect(prompts)
	other.typed("value debit 121314/1 1\r")
	other.expect(`25 -> 24`)
	other.expect(prompts)
	r.typed("value debit 1\r")
	r.expect(`24 -> 23`)
	r.expect(prompts)
	other.typed("exit\r")
	if code := other.ended(); code != exitDone {
		t.Errorf("the other shell: code %d", code)
	}

	// It leaves during a verb, which waits for it.
	r.typed("drain --every 10ms\r")
	r.expect(`left=21`)
	toggle()
	r.expect(`Lost the card`)
	toggle()
	r.expect(`end +credit gone|left=0`)
	r.expect(prompts)

	// A verb without a card waits, until Ctrl-C.
	toggle()
	r.expect(`no card /121314/1> `)
	r.typed("value get\r")
	r.expect(`waiting for a card`)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(`no card /121314/1> `)

	// Another card at the same address.
	stop()
	host := strings.TrimPrefix(addr, "tcp:")
	serve = exec.Command(os.Args[0], "sim", "serve", "--listen", host, "--uid", "04AABBCCDDEEFF")
	serve.Env = append(os.Environ(), runMain+"=1")
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	r.expect(`Another card: MIFARE DESFire EV3 04AABBCCDDEEFF`)
	r.expect(`EV3 \.\.DDEEFF /> `)
	r.typed("exit\r")
	if code := r.ended(); code != exitDone {
		t.Errorf("exit: code %d", code)
	}
}

// Lines are kept without keys, by two shells at once, in a file that only its
// owner can read.
func TestShellHistory(t *testing.T) {
	dir := t.TempDir()
	image := shellImage(t, dir)
	file := filepath.Join(dir, "desfire", "history")
	one, two := startShell(t, dir, nil, "--reader", "sim:"+image), startShell(t, dir, nil, "--reader", "sim:"+image)
	const secret = "00112233445566778899AABBCCDDEEFF"
	for i, r := range []*shellRun{one, two} {
		r.expect(prompts)
		r.run(fmt.Sprintf("read 121314/%d", i))
		r.run("auth check 121314 0 --key aes:" + secret)
		r.run("apdu C4 00 " + secret[:20])
	}
	for _, r := range []*shellRun{one, two} {
		r.typed("\x04")
		if code := r.ended(); code != exitDone {
			t.Errorf("code %d", code)
		}
	}
	text := string(mustRead(t, file))
	for i, want := range []string{"read 121314/0\n", "read 121314/1\n", "auth check 121314 0 --key HIDDEN\n", "apdu HIDDEN\n"} {
		if n := strings.Count(text, want); n == 0 || i > 1 && n != 2 {
			t.Errorf("%q is there %d times:\n%s", want, n, text)
		}
	}
	if strings.Contains(text, secret[:16]) {
		t.Errorf("a key: %s", text)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	three := startShell(t, dir, nil, "--reader", "sim:"+image)
	three.expect(prompts)
	three.typed("\x1b[A")
	three.expect(`apdu HIDDEN`)
}

// Nothing that a card, a keyring or a file of lines holds is obeyed by the
// terminal, neither in the prompt nor in what completes.
func TestShellHostile(t *testing.T) {
	ev3, _ := hostileCards(t)
	dir := t.TempDir()
	bad := strings.ReplaceAll(hostileText, "\x00", "")
	if err := os.MkdirAll(filepath.Join(dir, "desfire"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "desfire", "history"), []byte("\x00\xff\xfe\n"+bad+"\nls\n"+bad+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(strings.ReplaceAll("f"+bad, "/", ""), "\n", "")), nil, 0o600); err != nil {
		t.Skip(err)
	}
	r := startShell(t, dir, nil, "--reader", "sim:"+ev3)
	r.expect(prompts)
	r.typed("\x1b[A\r") // ls is the only line
	r.expect(`F0F0F0`)
	r.expect(prompts)
	for _, keys := range []string{"cd \t\x03", "read F0F0F0/\t\x03", "dump show \t\x03", "use \t\x03", "key version F0F0F0 \t\x03", "ndef read\r", "read F0F0F0/0\r"} {
		r.typed(keys)
		r.expect(prompts)
	}
	r.typed("exit\r")
	r.ended()
	r.mu.Lock()
	defer r.mu.Unlock()
	plain := strings.ReplaceAll(movements.ReplaceAllString(string(r.out), ""), "\r\n", "\n")
	if what, bad := obeyed(plain); bad {
		t.Errorf("a terminal obeys %q in\n%q", what, plain)
	}
	for _, m := range regexp.MustCompile("\x1b[^\\[]|\x1b\\[[^A-Za-z]*[A-Za-z]").FindAll(r.out, -1) {
		if !regexp.MustCompile("^\x1b\\[[0-9;]*[ABCDKm]$").Match(m) {
			t.Errorf("the terminal gets %q", m)
		}
	}
}

// A terminal that can do nothing gets nothing but text.
func TestShellDumb(t *testing.T) {
	dir := t.TempDir()
	r := startShell(t, dir, []string{"TERM=dumb"}, "--reader", "sim:"+shellImage(t, dir))
	r.expect(prompts)
	r.typed("value get 121314/1\n")
	r.expect(`\n25\n`)
	r.expect(prompts)
	r.typed("abc\x03")
	r.expect(prompts)
	r.typed("exit\n")
	if code := r.ended(); code != exitDone {
		t.Errorf("code %d", code)
	}
	if r.mu.Lock(); bytes.Contains(r.out, []byte("\x1b")) {
		t.Errorf("%q", r.out)
	}
	r.mu.Unlock()
}
