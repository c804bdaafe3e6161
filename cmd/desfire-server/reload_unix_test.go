//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/wire"
)

// SIGHUP has the policy read again; a bad one is told, and the one before stays in force.
func TestPolicyIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "keys.yaml"), keyFile)
	write(policy, strings.Replace(policyFile, "gate7", "gate8", 1))
	s := start(t, filepath.Join(dir, "state"), "--keys", filepath.Join(dir, "keys.yaml"), "--policy", policy)
	conn, err := s.join("gate7").Dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	allowed := func() bool {
		t.Helper()
		store, err := natskeys.New(conn, "main", "gate7", nil)
		if err != nil {
			t.Fatal(err)
		}
		k, err := store.Key(t.Context(), keystore.Ref{UID: "\x04\x01\x02\x03\x04\x05\x06", Place: wire.Place{AID: 0xF48121}, Key: keystore.Number(1)})
		if err != nil {
			return false
		}
		h, err := k.(key.Handshaker).Handshake(t.Context(), key.HandshakeRequest{Method: key.MethodEV2First, Challenge: make([]byte, 16)})
		if err != nil {
			return false
		}
		h.Wipe()
		return true
	}
	again := func(says string) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		s.until(says, func() bool { return strings.Contains(s.err.String(), says) })
	}
	if allowed() {
		t.Fatal("the policy of another allows it")
	}
	write(policy, policyFile)
	again("the key policy was read again")
	if !allowed() {
		t.Error("the new policy does not count")
	}
	write(policy, strings.Replace(policyFile, "keys:", "keyz:", 1))
	again("the key policy is not taken: the one before stays in force")
	if text := s.err.String(); !strings.Contains(text, "keyz") || !strings.Contains(text, policy) {
		t.Errorf("what is wrong with it is not said: %s", text)
	}
	if !allowed() {
		t.Error("a bad file takes the policy away")
	}
}
