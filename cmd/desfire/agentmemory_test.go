//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/centre"
)

// agentLimit is how much memory desfire agent may have, with four readers.
const agentLimit = 30 << 10 // kB

// TestAgentMemory measures it in a process of its own: idle, and while four cards are worked
// with at once.
func TestAgentMemory(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "desfire")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := natstest.Start(t, nil)
	file, err := centre.LoadFile(operatorFile(t, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	file.Name, file.Role = "gate7", centre.Agent
	if err := file.Write(filepath.Join(dir, "gate7.json")); err != nil {
		t.Fatal(err)
	}
	args := []string{"agent", "--fleet", "gate7.json", "--metrics", "127.0.0.1:0"}
	for i := range 4 {
		args = append(args, "--reader", fmt.Sprintf("sim:%d.json", i))
		if code, said := complaint("sim", "new", filepath.Join(dir, fmt.Sprintf("%d.json", i)), "--transit"); code != 0 {
			t.Fatal(said)
		}
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	var said lockedBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("it ended with %v: %s", err, said.String())
		}
	}()
	c, err := remote.NewClient(s.Connect(nats.CustomInboxPrefix(remote.Inbox("anna"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		agents, err := c.Agents(t.Context(), "gate7")
		if err == nil && len(agents) == 1 && len(agents[0].Readers) == 4 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the agent never comes: %v %s", err, said.String())
		}
	}
	idle, _ := memoryOf(t, cmd.Process.Pid)
	var working sync.WaitGroup
	for i := range 4 {
		working.Go(func() { work(t, c, fmt.Sprintf("sim-%d-json", i)) })
	}
	working.Wait()
	busy, most := memoryOf(t, cmd.Process.Pid)
	t.Logf("desfire agent with 4 readers: resident %d kB idle, %d kB after work with 4 cards, %d kB at the most", idle, busy, most)
	if max(idle, busy) > agentLimit {
		t.Errorf("resident: %d and %d kB, the limit is %d", idle, busy, agentLimit)
	}
}

// work reads the card of a reader again and again.
func work(t *testing.T, c *remote.Client, reader string) {
	began := time.Now()
	defer func() { t.Logf("%s worked for %v", reader, time.Since(began)) }()
	for range 100 {
		for card, err := range desfire.Cards(context.Background(), c.Source("gate7", reader), nil) {
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := card.Applications(context.Background()); err != nil {
				t.Error(err)
			}
			break
		}
	}
}

// memoryOf is the resident memory of a process now, and the most that it had, in kB.
func memoryOf(t *testing.T, pid int) (now, most int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]*int{"VmRSS": &now, "VmHWM": &most} {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in %s", name, text)
		}
		*to, _ = strconv.Atoi(string(m[1]))
	}
	return now, most
}
