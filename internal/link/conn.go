// Package link is the byte stream between a reader and a card in another
// process, as vpcd of the vsmartcard project speaks it: frames of a two-byte
// big-endian length and that many bytes, and one-byte controls to the card.
package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// MaxFrame is the largest payload that the length can state.
const MaxFrame = 0xFFFF

// Controls: payloads of one byte that are not for the card's chip. Only
// ReadATR has an answer. Every other byte alone is a native command.
const (
	PowerOff byte = 0x00
	PowerOn  byte = 0x01
	Reset    byte = 0x02
	ReadATR  byte = 0x04
)

// IsControl reports whether a payload is a control.
func IsControl(payload []byte) bool {
	if len(payload) != 1 {
		return false
	}
	switch payload[0] {
	case PowerOff, PowerOn, Reset, ReadATR:
		return true
	}
	return false
}

// DESFireATR is what a PC/SC reader makes of the ATS of a DESFire: no
// historical byte but 80 (PC/SC part 3, 3.1.3.2.3.2).
func DESFireATR() []byte { return []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80} }

// frameTime is how long a frame may take from its first byte to its last, and
// a peer to take one. No program needs a tenth of it.
const frameTime = 10 * time.Second

// Conn sends and receives frames. One goroutine at a time may read.
type Conn struct {
	net net.Conn
	src io.Reader // of in
	in  *bufio.Reader

	writing sync.Mutex
	out     []byte

	ahead bool   // a frame was read ahead
	first []byte // that frame
}

// NewConn makes frames of a stream's bytes.
func NewConn(c net.Conn) *Conn {
	if tc, ok := c.(*net.TCPConn); ok {
		tc.SetNoDelay(true) // the default of package net, but here all depends on it
	}
	src := quickReader(c)
	return &Conn{net: c, src: src, in: bufio.NewReader(src)}
}

// Close ends the stream. A Read or Write under way returns.
func (c *Conn) Close() error { return c.net.Close() }

// dismissal is how long a peer has to take the empty frame.
const dismissal = 100 * time.Millisecond

// Dismiss tells the peer by an empty frame that it has lost the card, and ends
// the stream.
func (c *Conn) Dismiss() {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.net.SetWriteDeadline(time.Now().Add(dismissal))
	_, _ = c.net.Write([]byte{0, 0})
	c.net.Close()
}

// ReadAhead waits for a frame, which the next Read returns.
func (c *Conn) ReadAhead() (err error) {
	c.first, err = c.read(nil)
	c.ahead = err == nil
	return err
}

// Read waits for a frame and returns its payload in buf, which it lengthens as
// needed. io.EOF is an end between frames.
func (c *Conn) Read(buf []byte) ([]byte, error) {
	if c.ahead {
		f := c.first
		c.ahead, c.first = false, nil
		return f, nil
	}
	return c.read(buf)
}

func (c *Conn) read(buf []byte) ([]byte, error) {
	var head [2]byte
	var err error
	if head[0], err = c.in.ReadByte(); err != nil {
		return nil, err
	}
	if c.in.Buffered() == 0 || !c.complete(head[0]) {
		c.net.SetReadDeadline(time.Now().Add(frameTime))
		defer c.net.SetReadDeadline(time.Time{})
	}
	if head[1], err = c.in.ReadByte(); err != nil {
		return nil, cut(err, 1, 2)
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if got, err := io.ReadFull(c.in, buf); err != nil {
		return nil, cut(err, 2+got, 2+n)
	}
	return buf, nil
}

// Waiting reports whether bytes have come that nobody has read, or the end, where
// the system tells. It may not be called while another goroutine reads.
func (c *Conn) Waiting() bool {
	if c.ahead || c.in.Buffered() > 0 {
		return true
	}
	q, ok := c.src.(interface{ waiting() bool })
	return ok && q.waiting()
}

// complete reports whether the whole frame lies in the buffer already.
func (c *Conn) complete(high byte) bool {
	low, err := c.in.Peek(1)
	return err == nil && c.in.Buffered() > int(high)<<8|int(low[0])
}

func cut(err error, got, want int) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("frame cut off after %d of %d bytes: %w", got, want, err)
}

// Write sends a frame in one piece. sent tells whether any byte of it left.
func (c *Conn) Write(payload []byte) (sent bool, err error) {
	if len(payload) > MaxFrame {
		return false, fmt.Errorf("%d bytes do not fit a frame: the limit is %d", len(payload), MaxFrame)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = binary.BigEndian.AppendUint16(c.out[:0], uint16(len(payload)))
	c.out = append(c.out, payload...)
	c.net.SetWriteDeadline(time.Now().Add(frameTime))
	n, err := c.net.Write(c.out)
	return n > 0, err
}
