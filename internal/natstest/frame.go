package natstest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// Direction is where a frame goes.
type Direction uint8

const (
	Up   Direction = iota // from a client to the server
	Down                  // from the server to a client
)

func (d Direction) String() string { return [...]string{"up", "down"}[d] }

// Frame is one message of the NATS protocol on its way through a Proxy. Of a
// connection that turned to TLS it is what one read gave, with no operation.
type Frame struct {
	Conn    int // of the proxy's connections, from 1
	Dir     Direction
	Op      string // as PUB, MSG, PING, in capitals
	Subject string // of a message
	Reply   string
	Payload []byte // of a message, with its headers
	raw     []byte
}

// carries are the operations that a payload follows; its length is the last word.
var carries = map[string]bool{"PUB": true, "HPUB": true, "MSG": true, "HMSG": true, "LMSG": true, "RMSG": true}

// Message says whether the frame carries a message.
func (f *Frame) Message() bool { return carries[f.Op] }

const maxFrame = 16 << 20

// frames takes a stream apart.
type frames struct {
	r   *bufio.Reader
	raw bool // TLS, or something that is not understood
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, 64<<10)} }

func (s *frames) next() (*Frame, error) {
	if !s.raw {
		first, err := s.r.Peek(1)
		if err != nil {
			return nil, err
		}
		s.raw = first[0] < ' ' && first[0] != '\r'
	}
	if s.raw {
		b := make([]byte, 32<<10)
		n, err := s.r.Read(b)
		return &Frame{raw: b[:n]}, err
	}
	line, err := s.r.ReadSlice('\n')
	line = bytes.Clone(line)
	if err != nil {
		s.raw = err == bufio.ErrBufferFull
		if s.raw {
			err = nil
		}
		return &Frame{raw: line}, err
	}
	words := strings.Fields(string(line))
	f := &Frame{raw: line}
	if len(words) == 0 {
		return f, nil
	}
	f.Op = strings.ToUpper(words[0])
	if !carries[f.Op] {
		return f, nil
	}
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil || size < 0 || size > maxFrame || len(words) < 3 {
		s.raw, f.Op = true, ""
		return f, nil
	}
	f.Subject = words[1]
	rest := words[2 : len(words)-1] // sid of MSG, reply, length of headers
	if f.Op == "MSG" || f.Op == "HMSG" {
		rest = rest[min(1, len(rest)):]
	}
	if f.Op == "HPUB" || f.Op == "HMSG" {
		rest = rest[:max(0, len(rest)-1)]
	}
	if len(rest) > 0 {
		f.Reply = rest[0]
	}
	whole := make([]byte, len(line)+size+2)
	copy(whole, line)
	if _, err := io.ReadFull(s.r, whole[len(line):]); err != nil {
		return nil, err
	}
	f.raw, f.Payload = whole, whole[len(line):len(whole)-2]
	return f, nil
}

// stay takes the addresses of other servers out of an INFO, so that a client stays with
// the proxy.
func (f *Frame) stay() {
	_, text, ok := bytes.Cut(f.raw, []byte(" "))
	var info map[string]json.RawMessage
	if f.Op != "INFO" || !ok || json.Unmarshal(text, &info) != nil {
		return
	}
	delete(info, "connect_urls")
	delete(info, "ws_connect_urls")
	delete(info, "leafnode_urls")
	if out, err := json.Marshal(info); err == nil {
		f.raw = append(append([]byte("INFO "), out...), "\r\n"...)
	}
}
