package pcsc

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// desfireATR is what readers make of a DESFire's ATS.
var desfireATR = []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}

// vcard is a card in a slot of vpcd. Its answers come from a function; nil is
// a card that never answers.
type vcard struct {
	conn   net.Conn
	atr    []byte
	answer func([]byte) []byte
	done   chan struct{}

	mu     sync.Mutex
	resets int
}

// insert connects a card and waits until the reader has seen it.
func insert(t testing.TB, slot string, atr []byte, answer func([]byte) []byte) *vcard {
	t.Helper()
	conn, err := net.Dial("tcp", slot)
	if err != nil {
		t.Fatal(err)
	}
	c := &vcard{conn: conn, atr: atr, answer: answer, done: make(chan struct{})}
	asked := make(chan struct{})
	go c.serve(asked)
	t.Cleanup(c.remove)
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatalf("slot %s never asked for the ATR", slot)
	}
	return c
}

// remove takes the card out; a second time does nothing.
func (c *vcard) remove() {
	c.conn.Close()
	<-c.done
}

// resetCount is how often the reader has reset the card.
func (c *vcard) resetCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resets
}

// serve speaks vpcd's protocol: two bytes of length, and a payload, where one
// byte 00 is off, 01 on, 02 reset and 04 a question for the ATR.
func (c *vcard) serve(asked chan struct{}) {
	defer close(c.done)
	var once sync.Once
	buf := make([]byte, 2+0xFFFF)
	for {
		quickACK(c.conn)
		if _, err := io.ReadFull(c.conn, buf[:2]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(buf))
		quickACK(c.conn)
		if _, err := io.ReadFull(c.conn, buf[:n]); err != nil {
			return
		}
		var answer []byte
		switch {
		case n == 1 && buf[0] == 4:
			answer = c.atr
			once.Do(func() { close(asked) })
		case n == 1 && buf[0] <= 2:
			if buf[0] == 2 {
				c.mu.Lock()
				c.resets++
				c.mu.Unlock()
			}
			continue
		default:
			if answer = c.answer(buf[:n]); answer == nil {
				continue
			}
		}
		if _, err := c.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// quickACK avoids 44 ms in each exchange: vpcd sends length and payload apart
// and waits for our acknowledgement between them. The option is not sticky.
func quickACK(conn net.Conn) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}

// version answers GetVersion's first frame, wrapped and native, and echoes
// anything else with 9100.
func version(command []byte) []byte {
	data := []byte{0x04, 0x01, 0x01, 0x33, 0x00, 0x1A, 0x05}
	switch {
	case len(command) == 1 && command[0] == 0x60:
		return append([]byte{0xAF}, data...)
	case len(command) == 5 && command[1] == 0x60:
		return append(data, 0x91, 0xAF)
	}
	return append(append([]byte(nil), command...), 0x91, 0x00)
}

// mute never answers.
func mute([]byte) []byte { return nil }
