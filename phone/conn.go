package phone

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// conn is one WebSocket connection of either end: messages wait in a queue to be sent,
// what comes is given to a function, and an end that is silent is noticed.
type conn struct {
	ws    *websocket.Conn
	raw   io.Closer // under TLS
	clock clock
	pings bool // this end is the computer

	out  chan outgoing
	lost chan struct{} // closed when err is set
	deaf chan struct{} // closed when nothing can come any more
	done chan struct{} // closed when nothing of it runs any more

	mu    sync.Mutex
	heard time.Time
	err   error
	bye   []byte // last words, nil for none
	flush bool   // what waits is sent before them
}

type outgoing struct {
	kind websocket.MessageType
	data []byte
}

func newConn(ws *websocket.Conn, raw io.Closer, c clock, computer bool) *conn {
	ws.SetReadLimit(maxBinary)
	return &conn{
		ws: ws, raw: raw, clock: c, pings: computer, heard: c.Now(),
		out: make(chan outgoing, maxWaiting), lost: make(chan struct{}), deaf: make(chan struct{}), done: make(chan struct{}),
	}
}

// start runs the connection until it ends. handle is called for one message after the
// other; its error ends the connection.
func (c *conn) start(handle func(*message) error, binary func([]byte) error) {
	var all sync.WaitGroup
	all.Go(c.write)
	all.Go(c.watch)
	all.Go(func() {
		defer close(c.deaf)
		c.end(c.read(handle, binary), "")
	})
	go func() {
		all.Wait()
		close(c.done)
	}()
}

// read takes what comes. After the end it is thrown away, so that the other end can read
// the last words.
func (c *conn) read(handle func(*message) error, binary func([]byte) error) error {
	for {
		kind, data, err := c.ws.Read(context.Background())
		if err != nil {
			return err
		}
		if c.ended() != nil {
			continue
		}
		c.mu.Lock()
		c.heard = c.clock.Now()
		c.mu.Unlock()
		if kind == websocket.MessageBinary {
			err = binary(data)
		} else {
			err = c.text(data, handle)
		}
		if err != nil {
			c.endFor(err)
		}
	}
}

func (c *conn) text(data []byte, handle func(*message) error) error {
	m, err := parseMessage(data)
	if err != nil {
		return &protocolError{err}
	}
	switch m.Type {
	case typeBye:
		return &ByeError{Code(bounded(m.Code)), m.Text}
	case typePing:
		if c.pings {
			return broken("a ping of a phone")
		}
		c.say(&message{Type: typePong, N: m.N})
		return nil
	case typePong:
		return nil
	}
	m.raw = data
	return handle(m)
}

// endFor ends the connection for an error of its own end, which it tells the other.
func (c *conn) endFor(err error) {
	var bye *ByeError
	var wrong *protocolError
	switch {
	case errors.As(err, &bye):
		c.end(err, "")
	case errors.As(err, &wrong):
		c.end(err, Broken)
	default:
		c.end(err, NotAllowed)
	}
}

func (c *conn) write() {
	defer c.raw.Close()
	for {
		select {
		case o := <-c.out:
			if err := c.put(o, writeLimit); err != nil {
				c.end(err, "")
			}
		case <-c.lost:
			c.lastWords()
			c.raw.Close()
			_ = c.ws.CloseNow()
			return
		}
	}
}

// lastWords sends what is left to say.
func (c *conn) lastWords() {
	c.mu.Lock()
	bye, flush := c.bye, c.flush
	c.mu.Unlock()
	for flush {
		select {
		case o := <-c.out:
			if c.put(o, lastWords) != nil {
				return
			}
		default:
			flush = false
		}
	}
	if bye != nil && c.put(outgoing{websocket.MessageText, bye}, lastWords) == nil {
		c.linger()
	}
}

func (c *conn) put(o outgoing, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return c.ws.Write(ctx, o.kind, o.data)
}

// linger waits until the other end has read the last words and left.
func (c *conn) linger() {
	select {
	case <-c.deaf:
	case <-time.After(lastWords):
	}
}

// watch pings, and ends the connection when nothing is heard.
func (c *conn) watch() {
	var n uint64
	for last := c.clock.Now(); ; {
		select {
		case <-c.lost:
			return
		case <-c.clock.After(beat):
		}
		now := c.clock.Now()
		c.mu.Lock()
		silent := now.Sub(c.heard)
		c.mu.Unlock()
		switch {
		case silent >= deadAfter:
			c.end(ErrSilent, "")
		case c.pings && now.Sub(last) >= pingEvery:
			last = now
			n++
			c.say(&message{Type: typePing, N: n})
		}
	}
}

// say sends a message, if the connection has not ended.
func (c *conn) say(m *message) bool { return c.send(websocket.MessageText, m.encode()) }

// send has a message sent that nobody changes any more. It does not wait: an end that
// takes nothing ends the connection.
func (c *conn) send(kind websocket.MessageType, data []byte) bool {
	if c.ended() != nil {
		return false
	}
	select {
	case c.out <- outgoing{kind, data}:
		return true
	default:
		c.end(errors.New("the other end takes no messages"), "")
		return false
	}
}

// end ends the connection; the first cause stays. code, if any, is told to the other end.
func (c *conn) end(cause error, code Code) { c.endText(cause, code, "") }

func (c *conn) endText(cause error, code Code, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if cause == nil {
		cause = ErrServerClosed
	}
	c.err = cause
	c.flush = code == GoingAway || code == Given // of its own will, not for what the other did
	if code != "" {
		if code == Broken {
			text = bounded(cause.Error())
		}
		c.bye = (&message{Type: typeBye, Code: string(code), Text: text}).encode()
	}
	close(c.lost)
}

// ended is why the connection has ended, nil as long as it has not.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
