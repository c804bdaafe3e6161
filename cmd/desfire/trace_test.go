package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestFieldsHideKeys(t *testing.T) {
	k := bytes.Repeat([]byte{0xA7}, 17)
	secret := wire.NewSecret(k)
	for _, m := range []wire.Message{&wire.ChangeKey{Key: 1, Data: secret}, &wire.ChangeKeyEV2{Set: 2, Key: 1, Data: secret}} {
		got := string(screen.Join(fieldsOf(m), "  "))
		if strings.Contains(got, "A7") || !strings.Contains(got, "17 bytes") || !strings.Contains(got, "=1") {
			t.Errorf("%T: %q", m, got)
		}
	}
	if got := string(screen.Join(fieldsOf(&wire.ChangeKeySettings{KS1: wire.SettDefault}), "  ")); !strings.Contains(got, "{master key changeable") {
		t.Errorf("%q", got)
	}
	if got := string(screen.Join(fieldsOf(&wire.WriteData{File: 2, Offset: 3, Data: k}), "  ")); !strings.Contains(got, "Data=A7A7A7A7A7A7A7A7A7A7A7A7...(17 bytes)") {
		t.Errorf("%q", got)
	}
}

func TestJoinTraceFile(t *testing.T) {
	for in, want := range map[string]string{
		"info --trace a.json":         "info --trace=a.json",
		"--trace a.json info":         "--trace=a.json info",
		"info --trace":                "info --trace",
		"info --trace -v":             "info --trace -v",
		"sim show --trace a.json":     "sim show --trace a.json",
		"trace show a.json":           "trace show a.json",
		"apdu --trace -- a.json":      "apdu --trace -- a.json",
		"write 1 2 -- --trace a.json": "write 1 2 -- --trace a.json",
	} {
		if got := strings.Join(joinTraceFile(strings.Fields(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// slowCard looks at what was printed when a command reaches it.
type slowCard struct {
	desfire.Transport
	out  *bytes.Buffer
	seen []string
}

func (c *slowCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	lines := strings.Split(strings.TrimSuffix(c.out.String(), "\n"), "\n")
	c.seen = append(c.seen, lines[len(lines)-1])
	return c.Transport.Transmit(ctx, command)
}

// TestTraceIsLive: a frame is shown before the card has it, an authentication by
// its own name, and no line is wider than 80 columns.
func TestTraceIsLive(t *testing.T) {
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	air := &slowCard{Transport: picc.Present(), out: &out}
	tr := newTracer(&out, screen.Palette{})
	tapped, x := tr.wrap(air)
	card, err := desfire.Connect(t.Context(), tapped, &desfire.Config{Observe: x.observe})
	if err != nil {
		t.Fatal(err)
	}
	err = card.Authenticate(t.Context(), 0, key.Zero(key.TypeDES))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := card.KeySettings(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"-> GetVersion ", "-> GetVersion (more)", "-> GetVersion (more)", "-> AuthenticateISO  KeyNo=0", "AuthenticateISO", "-> GetKeySettings"}
	for i, w := range want {
		if i >= len(air.seen) || !strings.Contains(air.seen[i], w) && !strings.HasPrefix(air.seen[i], "      ") {
			t.Errorf("exchange %d: %q, want %q", i, air.seen, w)
		}
	}
	if n := strings.Count(out.String(), "-> AuthenticateISO (more)"); n != 1 {
		t.Errorf("%d second frames of the authentication:\n%s", n, &out)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// TestTraceLines: nothing is wider than the terminal, whatever is in it.
func TestTraceLines(t *testing.T) {
	words := []screen.Text{"Rights={read key 1, write key 2, read-write key 3, change key 0}", screen.Text("Data=" + strings.Repeat("AB", 100)), "n=1"}
	raw := texts(strings.Fields(strings.Repeat("90 ", 60)))
	for _, width := range []int{20, 40, 77, 117} {
		for _, l := range traceLines(screen.Palette{}, "ReadData", words, raw, width) {
			if screen.Width(l) > width {
				t.Errorf("%d columns, not %d: %s", screen.Width(l), width, l)
			}
		}
	}
	if got := traceLines(screen.Palette{}, "GetVersion", nil, texts([]string{"90", "60"}), 77); len(got) != 1 || !strings.HasSuffix(string(got[0]), "  90 60") {
		t.Errorf("%q", got)
	}
}
