package remote_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote"
)

// That there is no connection is said in words that people understand, with the cause.
func TestUnsent(t *testing.T) {
	tried := make(chan struct{}, 1)
	nc, err := nats.Connect("nats://127.0.0.1:1", nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1), nats.ReconnectErrHandler(func(*nats.Conn, error) {
		select {
		case tried <- struct{}{}:
		default:
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	<-tried
	err = remote.Unsent(nc, nc.Publish("x", nil))
	if !errors.Is(err, remote.ErrNotConnected) || strings.Contains(err.Error(), "buffer") {
		t.Error(err)
	}
	if other := errors.New("other"); remote.Unsent(nc, other) != other || remote.Unsent(nc, nil) != nil {
		t.Error("another error is changed")
	}
}
