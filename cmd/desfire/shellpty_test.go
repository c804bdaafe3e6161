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
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

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

// What a keyring of the shell wants to know is asked for when a verb needs it,
// also after Ctrl-C.
func TestShellAsksForKeyring(t *testing.T) {
	dir := t.TempDir()
	ring := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(ring, []byte("desfire: keys/v1\nkeys:\n  \"121314\": {0: prompt}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startShell(t, dir, nil, "--reader", "sim:"+shellImage(t, dir), "--keys", ring)
	r.expect(prompts)
	r.typed("key settings 121314\r")
	r.expect(`\): $`)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(prompts)
	r.typed("key settings 121314\r")
	r.expect(`\): $`)
	r.typed("des:0000000000000000\r")
	if out := r.expect(prompts); strings.Contains(out, "des:") || !strings.Contains(out, "2 DES/2K3DES keys") {
		t.Errorf("typed key: %s", out)
	}
}

// A shell that another one has started is stopped and continued, at the prompt
// and in a verb.
func TestShellInBackground(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	image := shellImage(t, dir)
	r := startOn(t, dir, []string{"PS1=bash> ", "TOOL=" + os.Args[0]}, bash, "--norc", "-i")
	r.expect(`bash> `)
	r.typed(`"$TOOL" shell --reader sim:` + filepath.Base(image) + "\r")
	r.expect(prompts)
	r.typed("value g")
	r.expect(`value g`)
	r.typed("\x1a")
	r.expect(`Stopped`)
	r.expect(`bash> `)
	r.typed("fg\r")
	r.expect(`/> value g`)
	r.typed("et 121314/1\r")
	r.expect(`\n25\n`)
	r.expect(prompts)
	r.typed("drain 121314/1 --every 300ms\r")
	r.expect(`left=24`)
	r.typed("\x1a")
	r.expect(`Stopped`)
	r.expect(`bash> `)
	r.typed("fg\r")
	r.expect(`shell --reader`)
	r.expect(`left=`)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(prompts)
	r.typed("exit\r")
	r.expect(`bash> `)
}

// A verb that does not end says how to leave.
func TestShellHangs(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "nobody-writes")
	image, err := os.ReadFile(shellImage(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "stuck.json"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	r := startShell(t, dir, []string{stuckCard + "=" + pipe}, "--reader", "sim:"+filepath.Join(dir, "card.json"))
	r.expect(prompts)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	r.typed("ls --reader sim:stuck.json\r")
	r.expect(`stuck.json\n`)
	// An earlier Ctrl-C would end the verb before it is stuck.
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	go func() { // two that come at once are one signal
		for {
			if _, err := io.WriteString(r.f, "\x03"); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	r.expect(`Ctrl-C once more leaves the shell at once`)
	if code := r.ended(); code != exitInterrupted {
		t.Errorf("code %d", code)
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
