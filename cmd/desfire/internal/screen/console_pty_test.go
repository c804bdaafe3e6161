//go:build unix

package screen

import (
	"io"
	"testing"
	"time"

	"github.com/creack/pty"
)

func TestConsoleOnTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 10, Cols: 16}); err != nil {
		t.Fatal(err)
	}
	c := NewConsole(tty, tty)
	now := time.Now()
	p := c.Progress("reading")
	p.now = func() time.Time { return now }
	p.since = now
	p.At(1, 12) // too early
	now = now.Add(patience)
	p.At(2, 12)
	now = now.Add(time.Millisecond)
	p.At(3, 12) // too soon
	_, _ = c.Out.Write([]byte("row\n"))
	now = now.Add(time.Second)
	p.At(4, 0)
	p.End()
	p.End()
	_, _ = c.Out.Write([]byte("raw"))
	now = now.Add(time.Second)
	p.At(5, 12) // in the middle of a line
	_, _ = c.Err.Write([]byte("said\n"))
	now = now.Add(time.Second)
	p.At(100, 1200) // wider than the terminal
	tty.Close()
	got, _ := io.ReadAll(master)                                 // ends with EIO
	const want = "\rreading: 2 of 1\r               \rrow\r\n" + // cut: the last column stays free
		"\rreading: 4\r          \rraw\r\nsaid\r\n\rreading: 100 of"
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}
