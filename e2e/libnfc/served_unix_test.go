//go:build unix

package libnfc

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// build makes the tool.
func build(t *testing.T) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "desfire")
	if out, err := exec.Command("go", "build", "-o", tool, "github.com/go-desfire/desfire/cmd/desfire").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return tool
}

// TestServed has programs of others and the tool itself use a card that "desfire sim serve --pn532" presents, lifts it, and
// ends the program.
func TestServed(t *testing.T) {
	need(t, "nfc-list", "mifare-desfire-info", "mifare-desfire-create-ndef", "mifare-desfire-write-ndef", "mifare-desfire-read-ndef")
	tool := build(t)
	for _, g := range []wire.Generation{wire.EV1, wire.EV3} {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			s := serve(t, tool, "--generation", g.String())
			wants(t, s.run(t, "nfc-list"), "1 ISO14443A passive target(s) found", "04  11  22  33  44  55  66")
			wants(t, s.run(t, "mifare-desfire-info"), "UID:                      0x04112233445566")
			wants(t, s.tool(t, "readers"), "card present, PN532 v1.6")

			// What libfreefare writes the tool reads, and the other way round.
			file := filepath.Join(t.TempDir(), "message")
			message := append([]byte{0xD1, 0x01, 0x0C, 'U', 0x04}, "example.org"...)
			if err := os.WriteFile(file, message, 0o666); err != nil {
				t.Fatal(err)
			}
			s.run(t, "mifare-desfire-create-ndef", "-y")
			s.run(t, "mifare-desfire-write-ndef", "-y", "-i", file)
			wants(t, s.tool(t, "ndef", "read"), "https://example.org")
			s.tool(t, "ndef", "write", "--uri", "https://example.com")
			s.run(t, "mifare-desfire-read-ndef", "-y", "-o", file)
			if got, err := os.ReadFile(file); err != nil || !bytes.HasSuffix(got, []byte("\x04example.com")) {
				t.Errorf("libfreefare reads %X, %v", got, err)
			}

			s.signal(t, syscall.SIGUSR1, "lifted")
			wants(t, s.run(t, "nfc-list", "-v"), "0 ISO14443A passive target(s) found")
			wants(t, s.tool(t, "readers"), "empty, PN532 v1.6")
			s.signal(t, syscall.SIGUSR1, "returned")
			wants(t, s.run(t, "nfc-list"), "1 ISO14443A passive target(s) found")
			s.end(t)
		})
	}
}

// served is a card that the tool presents.
type served struct {
	reader
	program, line string
	cmd           *exec.Cmd
	said          string // a file
}

func serve(t *testing.T, tool string, args ...string) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{program: tool, line: filepath.Join(dir, "line"), said: filepath.Join(dir, "said")}
	s.device = "pn532_uart:" + s.line
	out, err := os.Create(s.said)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s.cmd = exec.Command(tool, append([]string{"sim", "serve", "--pn532", "--link", s.line, "--uid", "04112233445566"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			s.cmd.Process.Kill()
			s.cmd.Wait()
		}
	})
	s.await(t, "on a PN532 at")
	return s
}

// await waits until the program has said something.
func (s *served) await(t *testing.T, what string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if said, _ := os.ReadFile(s.said); bytes.Contains(said, []byte(what)) {
			return
		}
	}
	said, _ := os.ReadFile(s.said)
	t.Fatalf("never said %q:\n%s", what, said)
}

func (s *served) signal(t *testing.T, sig syscall.Signal, says string) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	s.await(t, says)
}

// end is Ctrl-C: the program ends well and leaves nothing behind.
func (s *served) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(patience, func() { s.cmd.Process.Kill() })
	defer hung.Stop()
	if err := s.cmd.Wait(); err != nil {
		said, _ := os.ReadFile(s.said)
		t.Errorf("it ends with %v:\n%s", err, said)
	}
	if _, err := os.Lstat(s.line); err == nil {
		t.Error("it leaves its line behind")
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// tool runs the tool on the card.
func (s *served) tool(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, s.program, append(args, "--reader", "pn532:"+s.line)...).CombinedOutput()
	if err != nil {
		t.Fatalf("desfire %q: %v\n%s", args, err, out)
	}
	return colors.ReplaceAllString(string(out), "")
}
