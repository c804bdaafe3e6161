package freeport

import (
	"net"
	"testing"
)

// Ports are free, each is another one, and none is one that the system gives away.
func TestTake(t *testing.T) {
	seen := map[int]bool{}
	for _, port := range append(Take(t, 20), Take(t, 20)...) {
		if seen[port] || port < lowest || port >= dynamic() {
			t.Errorf("port %d, twice: %v", port, seen[port])
		}
		seen[port] = true
		l, err := net.Listen("tcp", Address(port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	for _, port := range Take(t, 20) {
		if seen[port] {
			t.Errorf("port %d is given away, and is in use", port)
		}
	}
}
