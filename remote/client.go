package remote

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"
)

// Client is the reader's end of a fleet.
type Client struct {
	conn    *nats.Conn
	subject Subjects
	holder  string
	pace    pace
}

// ClientConfig adjusts a Client. The zero value, and nil, are sensible.
type ClientConfig struct {
	Fleet  string // "main" if empty
	Holder string // who has the cards, for people; this program and host if empty
}

// NewClient makes a Client of a connection that reconnects for ever. The connection
// stays the caller's.
func NewClient(conn *nats.Conn, c *ClientConfig) (*Client, error) {
	conf := ClientConfig{}
	if c != nil {
		conf = *c
	}
	if conf.Fleet == "" {
		conf.Fleet = "main"
	}
	if err := CheckName(conf.Fleet); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if conn == nil {
		return nil, errors.New("fleet: no connection")
	}
	if conf.Holder == "" {
		conf.Holder = thisProgram()
	}
	if len(conf.Holder) > MaxText {
		return nil, fmt.Errorf("fleet: the name of the holder has %d bytes", len(conf.Holder))
	}
	return &Client{conn: conn, subject: Subjects{conf.Fleet}, holder: conf.Holder, pace: defaultPace()}, nil
}

func thisProgram() string {
	name := "a program"
	if exe, err := os.Executable(); err == nil {
		name = filepath.Base(exe)
	}
	if host, err := os.Hostname(); err == nil {
		name += " on " + host
	}
	return name
}

// request sends a message and waits for the answer. sent is false if it is certain that
// nobody has got it.
func (c *Client) request(ctx context.Context, subject string, message []byte) (answer []byte, sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, context.Cause(ctx)
	}
	if !c.conn.IsConnected() { // or it would wait in a buffer, and leave when it is late
		return nil, false, ErrNotConnected
	}
	m, err := c.conn.RequestWithContext(ctx, subject, message)
	switch {
	case err == nil:
		return m.Data, true, nil
	case errors.Is(err, nats.ErrNoResponders):
		return nil, false, ErrNoAgent
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrInvalidConnection):
		return nil, false, err
	case ctx.Err() != nil:
		return nil, true, context.Cause(ctx)
	}
	return nil, true, err
}

func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
