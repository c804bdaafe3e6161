//go:build !linux

package pcsctest

import (
	"errors"
	"testing"
)

type daemon struct{}

func start(testing.TB) (*Stack, error) {
	return nil, errors.New("virtual readers are set up on Linux only")
}

// Stop ends pcscd as its service manager would.
func (s *Stack) Stop(t testing.TB) { t.Fatal("no pcscd of ours") }

// Kill ends pcscd without giving it a chance to clean up.
func (s *Stack) Kill(t testing.TB) { t.Fatal("no pcscd of ours") }

// Restart starts pcscd again after Stop or Kill.
func (s *Stack) Restart(t testing.TB) { t.Fatal("no pcscd of ours") }

// Terminate asks pcscd to end, and does not wait.
func (s *Stack) Terminate(t testing.TB) { t.Fatal("no pcscd of ours") }
