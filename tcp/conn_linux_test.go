package tcp

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// The end that came while nobody looked is found before a command goes out. Only
// Linux tells.
func TestEndBetweenExchanges(t *testing.T) {
	for name, tail := range map[string][]byte{"closed": nil, "taken": {0, 0}, "unasked": {0, 1, 0x90}} {
		addr := script(t, func(c *client) {
			for range 2 {
				take(c)
				c.Write([]byte{0, 2, 0x91, 0x00})
			}
			c.Write(tail)
			c.Close()
		})
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		tr := &Transport{addr: addr, conn: newConn(nc)}
		for range 2 {
			if _, err := tr.Transmit(context.Background(), []byte{0x60}); err != nil {
				t.Fatal(err)
			}
		}
		arrives(t, nc)
		var e *Error
		if _, err := tr.Transmit(context.Background(), []byte{0x60}); !errors.As(err, &e) || e.Sent() || errors.Is(err, ErrTaken) != (name == "taken") {
			t.Errorf("%s: %v", name, err)
		}
		tr.Close()
	}
}

// arrives waits until something, or the end, can be read of a connection, and leaves it
// there.
func arrives(t *testing.T, nc net.Conn) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond / 4) {
		there := false
		if err := raw.Control(func(fd uintptr) {
			_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			there = err != syscall.EAGAIN && err != syscall.EINTR
		}); there || err != nil { // or it was read already, and the connection closed
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing arrives")
		}
	}
}
