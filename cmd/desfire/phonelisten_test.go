//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// An address at which this computer cannot listen is not kept: the verbs that wait for
// phones would fail from then on.
func TestPhonePairKeepsNoBadAddress(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	state := t.TempDir()
	for _, c := range []struct {
		address, says string
		code          int
	}{
		{busy.Addr().String(), "Another program has that port", exitNoCard},
		{"203.0.113.5:9500", "An address of this computer?", exitInput}, // of documentation, RFC 5737
	} {
		cmd := exec.Command(os.Args[0], "phone", "pair", "--listen", c.address)
		cmd.Env = append(os.Environ(), runMain+"=1", "NO_COLOR=1", "TERM=xterm", "XDG_STATE_HOME="+state)
		term, err := pty.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		var shown screenOf
		_, _ = io.Copy(&shown, term)
		_ = cmd.Wait()
		_ = term.Close()
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(shown.text(), c.says) {
			t.Errorf("%s: code %d, want %d:\n%s", c.address, got, c.code, shown.text())
		}
		book, err := os.ReadFile(filepath.Join(state, "desfire", "phones.json"))
		if err != nil || strings.Contains(string(book), c.address) {
			t.Errorf("%s is kept: %v\n%s", c.address, err, book)
		}
	}
}

// Where nobody pairs, or something else listens, that is said, and what has to run there.
func TestPhoneOfferToNobody(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	image := filepath.Join(t.TempDir(), "card.json")
	if code, said := complaint("sim", "new", image); code != 0 {
		t.Fatal(said)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() { // no TLS
		c, err := other.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}()
	for _, address := range []string{other.Addr().String(), "127.0.0.1:1"} {
		code, said := complaint("phone", "offer", address, "--yes", "--reader", "sim:"+image)
		if code != exitNoCard || !strings.Contains(said, "Does desfire phone pair run there") {
			t.Errorf("%s: code %d, want %d: %s", address, code, exitNoCard, said)
		}
	}
}
