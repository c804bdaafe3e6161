package libnfc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// python is the system's: any other may be built for other libraries.
const python = "/usr/bin/python3"

// library is a process that calls libfreefare on a reader.
type library struct {
	*reader
	t     *testing.T
	in    io.WriteCloser
	out   *bufio.Reader
	calls []string
	close func() (said string) // ends the process; what went wrong with it
	hung  *time.Timer          // ends it when a call takes too long
}

// starts is how often libfreefare is started before it is given up: libnfc may take what
// the chip said before for an answer.
const starts = 4

// start connects libfreefare to the card on a reader.
func start(t *testing.T, r *reader) *library {
	t.Helper()
	if err := exec.Command(python, "-c", "import ctypes; ctypes.CDLL('libnfc.so.6'); ctypes.CDLL('libfreefare.so.0')").Run(); err != nil {
		missing(t, fmt.Errorf("libnfc and libfreefare by %s: %w", python, err))
	}
	var l *library
	for n := range starts {
		var found string
		if l, found = launch(t, r); strings.HasPrefix(found, "ok Mifare DESFire ") {
			break
		}
		said := l.close()
		if n == starts-1 {
			t.Fatalf("libfreefare found %q: %s", found, said)
		}
		t.Logf("libfreefare found %q, once more: %s", found, said)
	}
	t.Cleanup(func() {
		if said := l.close(); said != "" || t.Failed() {
			t.Errorf("freefare.py: %s", said)
			t.Logf("libfreefare was asked:\n%s", strings.Join(l.calls, "\n"))
		}
	})
	l.ok("connect")
	return l
}

// launch starts libfreefare, and tells what it found on the reader.
func launch(t *testing.T, r *reader) (l *library, found string) {
	t.Helper()
	l = &library{reader: r, t: t}
	cmd := exec.Command(python, "testdata/freefare.py", r.device)
	cmd.Env = r.environment(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.hung = time.AfterFunc(patience, func() { cmd.Process.Kill() })
	l.in, l.out = in, bufio.NewReader(out)
	l.close = func() (said string) {
		in.Close()
		io.Copy(io.Discard, l.out)
		err := cmd.Wait()
		if !l.hung.Stop() {
			return "hung"
		}
		if err != nil {
			said = fmt.Sprintf("%v\n%s", err, stderr.Bytes())
		}
		return said
	}
	found, _ = l.out.ReadString('\n')
	return l, strings.TrimSpace(found)
}

func (l *library) answer() string {
	l.t.Helper()
	line, err := l.out.ReadString('\n')
	if err != nil {
		l.t.Fatalf("libfreefare ended: %v", err)
	}
	return strings.TrimSpace(line)
}

var keyArgument = regexp.MustCompile(`\b(des|2k3des|3k3des|aes):[0-9a-fA-F/]+`)

// call calls one function and returns the line that says what became of it.
func (l *library) call(line string) string {
	l.t.Helper()
	for _, k := range keyArgument.FindAllString(line, -1) {
		l.know(l.t, k)
	}
	if _, err := io.WriteString(l.in, line+"\n"); err != nil {
		l.t.Fatalf("%s: %v", line, err)
	}
	l.hung.Reset(patience)
	answer := l.answer()
	l.calls = append(l.calls, line+"   "+answer)
	return answer
}

// ok calls functions that must succeed and give nothing out.
func (l *library) ok(format string, args ...any) { l.t.Helper(); l.gives("", format, args...) }

// gives calls a function that must succeed and give this out.
func (l *library) gives(want, format string, args ...any) {
	l.t.Helper()
	line := fmt.Sprintf(format, args...)
	if got := l.call(line); got != strings.TrimSpace("ok "+want) {
		l.t.Errorf("%s: %s, want ok %s", line, got, want)
	}
}

// refused calls a function that the card must refuse.
func (l *library) refused(status wire.Status, format string, args ...any) {
	l.t.Helper()
	line := fmt.Sprintf(format, args...)
	if got, want := l.call(line), fmt.Sprintf("refused %02x", byte(status)); got != want {
		l.t.Errorf("%s: %s, want %s", line, got, want)
	}
}

// distrusted calls a function whose answer libfreefare must not believe.
func (l *library) distrusted(format string, args ...any) {
	l.t.Helper()
	line := fmt.Sprintf(format, args...)
	if got := l.call(line); !strings.HasPrefix(got, "failed") {
		l.t.Errorf("%s: %s, want a complaint of libfreefare", line, got)
	}
}
