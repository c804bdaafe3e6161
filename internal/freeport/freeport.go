// Package freeport is for tests only: ports for servers that end and start anew at the
// same one.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// lowest is the first port that is taken. Those below are often somebody's.
const lowest = 20000

var given struct {
	sync.Mutex
	ports map[int]bool
}

// Take returns n ports of 127.0.0.1 at which nobody listens, each to one caller in a
// process. The system gives none of them to a listener that asks for any port, nor to a
// connection that goes out: a server that is down for a while finds its port free again.
func Take(t interface{ Fatalf(string, ...any) }, n int) (ports []int) {
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	beyond := dynamic()
	for range 10_000 {
		if len(ports) == n {
			return ports
		}
		port := lowest + rand.IntN(beyond-lowest)
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", Address(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		given.ports[port] = true
		ports = append(ports, port)
	}
	t.Fatalf("no %d free ports from %d to %d: end what listens there", n, lowest, beyond-1)
	return nil
}

// Address is a port of 127.0.0.1.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// dynamic is the first port that the system gives away by itself.
func dynamic() int {
	first := 32768 // of Linux; other systems begin later
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(b), &first)
	}
	if first < lowest+1000 {
		return 32768 // there are none that it keeps; these do as well as others
	}
	return min(first, 65536)
}
