//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/go-desfire/desfire/internal/freeport"
)

// phonePatience is how long TestPhone waits for what must happen.
const phonePatience = 60 * time.Second

// screenOf collects what a terminal shows.
type screenOf struct {
	mu    sync.Mutex
	shown bytes.Buffer
}

func (s *screenOf) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(b)
}

func (s *screenOf) text() string { s.mu.Lock(); defer s.mu.Unlock(); return s.shown.String() }

// wait waits until the terminal shows something, and returns what was found.
func (s *screenOf) wait(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(phonePatience); ; time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(s.text()); m != nil {
			return m
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not shown:\n%s", pattern, s.text())
		}
	}
}

// Two computers, as programs: one pairs, a person carries the digits, verbs work with the card
// of the other, and a third program revokes it.
func TestPhone(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "card.json")
	if code, said := complaint("sim", "new", image, "--uid", "04112233445566", "--transit"); code != 0 {
		t.Fatal(said)
	}
	tool := func(state string, args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), runMain+"=1", "NO_COLOR=1", "TERM=xterm", "XDG_STATE_HOME="+filepath.Join(dir, state), "DESFIRE_READER=")
		return cmd
	}
	address := freeport.Address(freeport.Take(t, 1)[0])

	pair := tool("computer", "phone", "pair", "--listen", address)
	term, err := pty.Start(pair)
	if err != nil {
		t.Fatal(err)
	}
	defer term.Close()
	var shown screenOf
	go func() { _, _ = io.Copy(&shown, term) }()
	shown.wait(t, regexp.QuoteMeta(address))

	offer := tool("phone", "phone", "offer", address, "--name", "Pixel", "--reader", "sim:"+image, "--json", "--yes")
	out, err := offer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var offerSaid screenOf
	offer.Stderr = &offerSaid
	if err := offer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = offer.Process.Kill() }()
	lines := bufio.NewScanner(out)
	var e phoneOfferEvent
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &e) != nil || e.Event != "digits" || len(e.Digits) != 6 {
		t.Fatalf("%s %s", lines.Text(), offerSaid.text())
	}
	shown.wait(t, `phone "Pixel" shows: `)
	if _, err := term.WriteString(e.Digits[:3] + " " + e.Digits[3:] + "\n"); err != nil {
		t.Fatal(err)
	}
	shown.wait(t, `Paired with Pixel\.`)
	if err := pair.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, shown.text())
	}
	if strings.Contains(shown.text(), e.Digits[:3]+" "+e.Digits[3:]) {
		t.Error("the digits are shown where they are typed")
	}

	run := func(want int, args ...string) string {
		t.Helper()
		cmd := tool("computer", args...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != want {
			t.Errorf("%v: code %d, want %d:\n%s", args, cmd.ProcessState.ExitCode(), want, out)
		}
		return string(out)
	}
	rest := make(chan string, 256)
	go func() { // what the phone's end says
		defer close(rest)
		for lines.Scan() {
			rest <- lines.Text()
		}
	}()
	if got := run(0, "value", "debit", "121314", "1", "5", "--reader", "phone:", "--wait", "60s"); !strings.Contains(got, "25 -> 20") {
		t.Errorf("debit: %s", got)
	}
	if got := run(0, "readers", "--reader", "phone:pixel"); !strings.Contains(got, "phone:Pixel") || !strings.Contains(got, "card present") {
		t.Errorf("readers: %s", got)
	}
	if got := run(0, "phone", "list", "--json"); !strings.Contains(got, `"phone":"Pixel"`) {
		t.Errorf("list: %s", got)
	}
	if got := run(exitNoCard, "ls", "--reader", "phone:Other"); !strings.Contains(got, "no phone of that name") {
		t.Errorf("another name: %s", got)
	}
	run(exitInput, "phone", "revoke", "Other", "--yes")

	watch := tool("computer", "watch", "--reader", "phone:", "--json")
	seen, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Process.Kill() }()
	events := bufio.NewScanner(seen)
	event := func(want string) {
		t.Helper()
		if !events.Scan() || !strings.Contains(events.Text(), `"event":"`+want+`"`) {
			t.Fatalf("watch: %s, want %s", events.Text(), want)
		}
	}
	event("reader-added")
	event("inserted")
	if got := run(exitNoCard, "ls", "--reader", "phone:", "--wait", "1s"); !strings.Contains(got, "another program") {
		t.Errorf("while another program listens: %s", got)
	}
	if got := run(0, "phone", "revoke", "pixel", "--yes"); !strings.Contains(got, "Pixel is revoked") {
		t.Errorf("revoke: %s", got)
	}
	event("removed")
	event("reader-removed")
	var last string
	for line := range rest {
		last = line
	}
	if err := offer.Wait(); offer.ProcessState.ExitCode() != exitRight || !strings.Contains(last, "does not know this phone") {
		t.Errorf("the phone's end: %v: %s", err, last)
	}
	if got := run(exitNoCard, "ls", "--reader", "phone:"); !strings.Contains(got, "no phone is paired") {
		t.Errorf("afterwards: %s", got)
	}
	for name := range map[string]bool{"computer/desfire/phones.json": true, "phone/desfire/computers": true} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}
