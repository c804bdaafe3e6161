package main

import (
	"bytes"
	"context"
	"slices"
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

// scriptCard carries scripts.
type scriptCard struct{ desfire.Transport }

func (c scriptCard) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	return desfire.RunScript(ctx, c.Transport, s)
}

// TestTraceScript: what is enciphered in a script is told of each command, as it is frame by frame.
func TestTraceScript(t *testing.T) {
	var told [2][]string
	for i := range told {
		picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		var air desfire.Transport = picc.Present()
		if i == 1 {
			air = scriptCard{air}
		}
		tapped, x := newTracer(&out, screen.Palette{}).wrap(air)
		card, err := desfire.Connect(t.Context(), tapped, &desfire.Config{Generation: wire.EV2, Observe: x.observe})
		if err != nil {
			t.Fatal(err)
		}
		zero := key.Zero(key.TypeAES)
		rights := wire.AccessRights{Read: 0, Write: 0, ReadWrite: 0, Change: 0}
		for _, err := range []error{
			card.CreateApplication(t.Context(), &wire.CreateApplication{AID: 1, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
			card.Enter(t.Context(), desfire.Place{AID: 1}, 0, zero),
			card.CreateFile(t.Context(), &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: rights, Upper: 100, Value: 50}),
			card.Sequence(t.Context(), desfire.Cmd(&wire.GetValue{File: 1}), desfire.Cmd(&wire.GetFileIDs{}), desfire.Cmd(&wire.Debit{File: 1, Amount: 5}),
				desfire.Cmd(&wire.CommitTransaction{}), desfire.Cmd(&wire.GetCardUID{})),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "==") {
				told[i] = append(told[i], line)
			}
		}
	}
	if len(told[0]) != 3 || !slices.Equal(told[0], told[1]) {
		t.Errorf("frame by frame %q\nby a script   %q", told[0], told[1])
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
