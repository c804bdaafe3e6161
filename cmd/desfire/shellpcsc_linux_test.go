package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/go-desfire/desfire/internal/pcsctest"
)

// At a real PC/SC service: a card comes and goes, and so does the service.
func TestShellWithService(t *testing.T) {
	stack := pcsctest.StartOwned(t)
	serve := exec.Command(os.Args[0], "sim", "serve", "--vpcd", stack.Slot(0), "--transit", "--uid", "04112233445566")
	serve.Env = append(os.Environ(), runMain+"=1")
	var said lockedBuffer
	serve.Stdout, serve.Stderr = &said, &said
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}()
	toggle := func() {
		if err := serve.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	r := startShell(t, t.TempDir(), []string{"PCSCLITE_CSOCK_NAME=/run/pcscd/pcscd.comm"}, "--reader", "pcsc:"+stack.Reader(0))
	r.expect(`Card: MIFARE DESFire EV3 04112233445566 on Virtual PCD`)
	r.expect(prompts)
	r.run("cd 121314/1")
	r.typed("value debit 1\r")
	r.expect(`25 -> 24`)
	r.expect(prompts)
	toggle()
	r.expect(`The card has left`)
	toggle()
	r.expect(`The card is back`)
	r.expect(`EV3 \.\.445566 /121314/1> `)
	stack.Kill(t)
	r.expect(`The smart card service is not there`)
	r.expect(`no card /121314/1> `)
	stack.Restart(t)
	r.expect(`The card is back`)
	r.expect(`EV3 \.\.445566 /121314/1> `)
	r.typed("value get\r")
	r.expect(`\n24\n`)
	r.expect(prompts)
	r.typed("exit\r")
	if code := r.ended(); code != exitDone {
		t.Errorf("code %d", code)
	}
}
