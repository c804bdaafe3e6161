package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/wire"
)

// python is the system's, which has pyscard from its package.
const python = "/usr/bin/python3"

// need ends the test where a program of others is missing.
func need(t testing.TB, program string, args ...string) {
	t.Helper()
	if err := exec.Command(program, args...).Run(); err == nil {
		return
	}
	if os.Getenv(pcsctest.RequireEnv) == "1" {
		t.Fatalf("needs %s %q (make deps)", program, args)
	}
	t.Skipf("needs %s %q (make deps)", program, args)
}

func needPyscard(t testing.TB) { t.Helper(); need(t, python, "-c", "import smartcard") }

// A program of others that reads our card sees a DESFire, in both framings and
// with changes between them.
func TestPyscardReadsVersion(t *testing.T) {
	needPyscard(t)
	stack := pcsctest.Start(t)
	for _, generation := range []desfire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		t.Run(generation.String(), func(t *testing.T) {
			h := put(t, stack, 0, transitCard(t, generation, 9, 10))
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, python, "testdata/version.py", h.reader)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("version.py: %v\n%s", err, stderr.Bytes())
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if lines[0] != "ATR 3b8180018080" {
				t.Errorf("%s, want that of a DESFire", lines[0])
			}
			if len(lines) != 1+4*3 {
				t.Fatalf("GetVersion takes three frames, four times:\n%s", out)
			}
			for round := range 4 {
				checkVersion(t, generation, lines[1+3*round:4+3*round], round%2 == 1)
			}
			h.Lift()
			awaitEmpty(t, h.reader)
		})
	}
}

// realVersion is what a real card of a generation with 8 KB (D40: 4 KB) said.
func realVersion(t *testing.T, g desfire.Generation) (hardware, software string) {
	t.Helper()
	b, err := os.ReadFile("../testdata/dumps/version_bytes.json")
	if err != nil {
		t.Fatal(err)
	}
	var dump struct {
		Versions []struct{ Gen, HW, SW string }
	}
	if err := json.Unmarshal(b, &dump); err != nil {
		t.Fatal(err)
	}
	want := map[desfire.Generation]string{wire.D40: "D40 4K", wire.EV1: "EV1 8K", wire.EV2: "EV2 8K", wire.EV3: "EV3 8K"}[g]
	for _, v := range dump.Versions {
		if v.Gen == want {
			return v.HW, v.SW
		}
	}
	t.Fatalf("no card %q among the recorded versions", want)
	panic("not reached")
}

// checkVersion checks the three frames of a GetVersion: hardware and software
// of a real card, then the UID and 7 bytes of production.
func checkVersion(t *testing.T, g desfire.Generation, frames []string, native bool) {
	t.Helper()
	hardware, software := realVersion(t, g)
	production := "04010203040509.{14}"
	want := []string{
		"^9060000000 " + hardware + "91af$",
		"^90af000000 " + software + "91af$",
		"^90af000000 " + production + "9100$",
	}
	if native {
		want = []string{"^60 af" + hardware + "$", "^af af" + software + "$", "^af 00" + production + "$"}
	}
	for i, w := range want {
		if !regexp.MustCompile(w).MatchString(frames[i]) {
			t.Errorf("frame %d of GetVersion, native %v: %s, want %s", i+1, native, frames[i], w)
		}
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

func TestPcscScanSeesDESFire(t *testing.T) {
	need(t, "pcsc_scan", "-V")
	stack := pcsctest.Start(t)
	h := put(t, stack, 0, transitCard(t, wire.EV1, 1, 10))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pcsc_scan")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cancel()
	want := []string{h.reader, "ATR: 3B 81 80 01 80 80", "DESFire"} // the last from its list of cards
	var seen strings.Builder
	for scan := bufio.NewScanner(out); scan.Scan() && len(want) > 0; {
		line := colours.ReplaceAllString(scan.Text(), "")
		fmt.Fprintln(&seen, line)
		if strings.Contains(line, want[0]) {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("no %q in what pcsc_scan says:\n%s", want[0], seen.String())
	}
}

// Another program holds the reader: a clear error, and all is well when it lets go.
func TestReaderHeldByAnotherProgram(t *testing.T) {
	needPyscard(t)
	stack := pcsctest.Start(t)
	h := put(t, stack, 0, transitCard(t, wire.EV1, 1, 10))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	event := awaitCard(t, h.reader)
	release := hold(ctx, t, h.reader)

	if tr, err := event.Open(ctx); !errors.Is(err, pcsc.ErrReaderBusy) {
		t.Errorf("Open: %v, %v, want %v", tr, err, pcsc.ErrReaderBusy)
	}
	start, d := credit(t, h.picc), newDrain(2)
	retrying, released := 0, false
	err := d.Keep(ctx, readers(t, h.reader), &desfire.KeepConfig{OnChange: func(c desfire.KeepChange) {
		if c.State != desfire.KeepRetrying {
			return
		}
		if !errors.Is(c.Err, pcsc.ErrReaderBusy) {
			t.Errorf("retrying because of %v, want %v", c.Err, pcsc.ErrReaderBusy)
		}
		if retrying++; retrying == 2 {
			release()
			released = true
		}
	}})
	if err != nil || !released {
		t.Errorf("Keep: %v, reader released %v", err, released)
	}
	if check(t, h.picc, start, &d.Summary); d.Summary.Debits != 2 {
		t.Errorf("%+v", d.Summary)
	}
}

// hold lets a program of others hold a reader exclusively.
func hold(ctx context.Context, t *testing.T, reader string) (release func()) {
	t.Helper()
	cmd := exec.CommandContext(ctx, python, "testdata/hold.py", reader)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewReader(out)
	say := func(want string) {
		t.Helper()
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != want {
			t.Fatalf("hold.py says %q, %v, want %q\n%s", line, err, want, stderr.Bytes())
		}
	}
	say("held")
	return func() {
		t.Helper()
		io.WriteString(in, "\n")
		say("released")
	}
}

// The other way round: while we hold the card no other program gets it.
func TestReaderHeldByUs(t *testing.T) {
	needPyscard(t)
	stack := pcsctest.Start(t)
	h := put(t, stack, 0, transitCard(t, wire.EV1, 1, 10))
	c := connect(t, h.reader)
	if c.Shared() {
		t.Fatal("the reader is shared, though nobody else uses it")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, python, "testdata/hold.py", h.reader).CombinedOutput()
	if err == nil || !strings.Contains(strings.ToLower(string(out)), "sharing violation") {
		t.Errorf("hold.py: %v, %s", err, out)
	}
	c.Close()
	end := time.Now().Add(patience)
	for {
		out, err = exec.CommandContext(ctx, python, "testdata/hold.py", h.reader).CombinedOutput()
		if err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		t.Errorf("after Close: %v, %s", err, out)
	}
}
