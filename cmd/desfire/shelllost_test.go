//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A card that leaves is told without harm to the line that is typed, and picked
// up again; another one begins at /.
func TestShellLosesCard(t *testing.T) {
	dir := t.TempDir()
	serve := exec.Command(os.Args[0], "sim", "serve", "--listen", "127.0.0.1:0", "--transit", "--uid", "04112233445566")
	serve.Env = append(os.Environ(), runMain+"=1")
	var said lockedBuffer
	serve.Stdout, serve.Stderr = &said, &said
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}
	defer func() { stop() }()
	addr := said.await(t, `--reader (tcp:[0-9.:]+)`)[1]
	toggle := func() {
		if err := serve.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	r := startShell(t, dir, nil, "--reader", addr)
	r.expect(`Card: MIFARE DESFire EV3 04112233445566 on tcp:`)
	r.expect(prompts)
	r.run("cd 121314/1")
	r.typed("value g")
	r.expect(`value g`)
	toggle()
	r.expect(`The card has left`)
	r.expect(`no card /121314/1> value g`)
	toggle()
	r.expect(`The card is back`)
	r.expect(`EV3 \.\.445566 /121314/1> value g`)
	r.typed("et\r")
	r.expect(`\n25\n`)
	r.expect(prompts)

	// A second shell at the same card.
	other := startShell(t, t.TempDir(), nil, "--reader", addr)
	other.expect(`Card: `)
	other.expect(prompts)
	other.typed("value debit 121314/1 1\r")
	other.expect(`25 -> 24`)
	other.expect(prompts)
	r.typed("value debit 1\r")
	r.expect(`24 -> 23`)
	r.expect(prompts)
	other.typed("exit\r")
	if code := other.ended(); code != exitDone {
		t.Errorf("the other shell: code %d", code)
	}

	// It leaves during a verb, which waits for it.
	r.typed("drain --every 10ms\r")
	r.expect(`left=21`)
	toggle()
	r.expect(`Lost the card`)
	toggle()
	r.expect(`end +credit gone|left=0`)
	r.expect(prompts)

	// A verb without a card waits, until Ctrl-C.
	toggle()
	r.expect(`no card /121314/1> `)
	r.typed("value get\r")
	r.expect(`waiting for a card`)
	r.typed("\x03")
	r.expect(`interrupted`)
	r.expect(`no card /121314/1> `)

	// Another card at the same address.
	stop()
	host := strings.TrimPrefix(addr, "tcp:")
	serve = exec.Command(os.Args[0], "sim", "serve", "--listen", host, "--uid", "04AABBCCDDEEFF")
	serve.Env = append(os.Environ(), runMain+"=1")
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	r.expect(`Another card: MIFARE DESFire EV3 04AABBCCDDEEFF`)
	r.expect(`EV3 \.\.DDEEFF /> `)
	r.typed("exit\r")
	if code := r.ended(); code != exitDone {
		t.Errorf("exit: code %d", code)
	}
}
