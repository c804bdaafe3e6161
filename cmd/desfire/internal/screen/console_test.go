package screen

import (
	"bytes"
	"errors"
	"testing"
)

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestConsoleRemembersErrors(t *testing.T) {
	var b bytes.Buffer
	c := NewConsole(full{}, &b)
	_, _ = c.Err.Write([]byte("fine"))
	select {
	case <-c.Failed():
		t.Fatal("failed without a reason")
	default:
	}
	for range 2 {
		if err := Fprintf(c.Out, "lost"); err == nil {
			t.Error("no error")
		}
	}
	<-c.Failed()
	if c.Out.Error() == nil || c.Err.Error() != nil {
		t.Errorf("%v, %v", c.Out.Error(), c.Err.Error())
	}
}

// In pipes nothing is added, and progress is no output.
func TestConsoleOfPipes(t *testing.T) {
	var b bytes.Buffer
	c := NewConsole(&b, &b)
	p := c.Progress("reading")
	p.since = p.since.Add(-patience)
	p.At(1, 2)
	_, _ = c.Out.Write([]byte("raw"))
	_, _ = c.Err.Write([]byte("said\n"))
	p.End()
	if got := b.String(); got != "rawsaid\n" {
		t.Errorf("%q", got)
	}
	(*Progress)(nil).At(1, 2)
	(*Progress)(nil).End()
}
