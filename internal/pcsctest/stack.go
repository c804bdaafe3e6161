// Package pcsctest gives tests a real pcscd with virtual readers, one test
// binary at a time.
//
// Where no pcscd runs, Start starts one, which the test may stop and kill. One
// that runs already is left undisturbed. Where pcscd or the vpcd driver is
// missing the test is skipped, or fails if DESFIRE_REQUIRE_PCSC=1.
package pcsctest

import (
	"fmt"
	"os"
	"testing"
)

// RequireEnv names the environment variable that turns missing parts from a
// skip into a failure.
const RequireEnv = "DESFIRE_REQUIRE_PCSC"

// Slots is the number of virtual readers.
const Slots = 2

// Missing starts each skip of this package, for those who look for skipped tests.
const Missing = "needs a PC/SC stack: "

// Stack is a running pcscd with virtual readers.
type Stack struct {
	owned bool
	slots [Slots]string
	d     *daemon // nil if not owned
}

// Start returns the stack, alone in it until the test ends, or ends the test.
func Start(t testing.TB) *Stack {
	t.Helper()
	s, err := start(t)
	if err != nil {
		missing(t, err)
	}
	return s
}

// StartOwned is Start for tests that stop or kill pcscd: they are skipped
// where one runs that this package has not started.
func StartOwned(t testing.TB) *Stack {
	t.Helper()
	s := Start(t)
	if !s.owned {
		missing(t, fmt.Errorf("a pcscd runs that these tests have not started and will not stop"))
	}
	return s
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf("%s%v (%s=1 makes that a failure)", Missing, err, RequireEnv)
	}
	t.Skipf("%s%v", Missing, err)
}

// Owned reports whether the test may stop pcscd.
func (s *Stack) Owned() bool { return s.owned }

// Slot is where the card of a virtual reader connects, HOST:PORT.
func (s *Stack) Slot(i int) string { return s.slots[i] }

// Reader is the PC/SC name of a virtual reader.
func (s *Stack) Reader(i int) string { return fmt.Sprintf("Virtual PCD 00 %02X", i) }
