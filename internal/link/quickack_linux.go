package link

import (
	"io"
	"net"
	"syscall"
)

// quickReader reads from c and acknowledges at once what arrives. vpcd sends
// length and payload apart and with Nagle's algorithm on: it holds the payload
// back until the length is acknowledged, which by default takes 40 ms. The
// option does not stick, so it is set before every read.
func quickReader(c net.Conn) io.Reader {
	tc, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tc.SyscallConn()
	if err != nil {
		return c
	}
	q := &quickAck{conn: c, raw: raw, arm: func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}}
	q.peek = func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), q.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		q.there = err != syscall.EAGAIN && err != syscall.EINTR
	}
	return q
}

type quickAck struct {
	conn net.Conn
	raw  syscall.RawConn
	arm  func(fd uintptr)

	peek  func(fd uintptr)
	one   [1]byte
	there bool // what peek found
}

// waiting reports whether a Read would return at once.
func (q *quickAck) waiting() bool {
	q.there = false
	q.raw.Control(q.peek)
	return q.there
}

func (q *quickAck) Read(p []byte) (int, error) {
	q.raw.Control(q.arm) // a failure costs time only
	return q.conn.Read(p)
}
