package main

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/tcp"
)

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// await waits until what was written matches.
func (b *lockedBuffer) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(b.String()); m != nil {
			return m
		}
	}
	t.Fatalf("never matches %s:\n%s", pattern, b.String())
	return nil
}

// TestServeLift lifts and returns a served card by lines on standard input, and
// watches it do so.
func TestServeLift(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	in, lines := io.Pipe()
	var served, seen lockedBuffer
	host := newApp(in, &served, &served)
	if err := host.makeTransit(ctx, card, 5); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	done.Go(func() {
		_ = (&server{app: host, field: simreader.New("simulated", card)}).listen(ctx, "127.0.0.1:0")
	})
	addr := served.await(t, `--reader tcp:([0-9.:]+)`)[1]
	client := newApp(strings.NewReader(""), &seen, &seen)
	client.json = true
	done.Go(func() {
		_ = (&watcher{app: client}).watch(ctx, &place.Place{Source: tcp.NewSource(addr, nil), Name: addr})
	})
	seen.await(t, `"inserted".*"121314"`)
	say := func(s string) {
		if _, err := io.WriteString(lines, s+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	say("lift")
	seen.await(t, `"removed"`)
	served.await(t, `lifted`)
	say("sideways")
	served.await(t, `"sideways\\?": want lift or return|sideways.*want lift or return`)
	say("Return")
	served.await(t, `returned`)
	seen.await(t, `(?s)"removed".*"inserted".*"5A5A01"`)
	lines.Close() // the end of standard input ends nothing
	seen.await(t, `inserted`)
}
