package desfire

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// A method that does not exist is refused, and nothing is sent.
func TestUnknownMethod(t *testing.T) {
	card, _ := scripted(t, &Config{Generation: wire.EV2})
	var e *ArgumentError
	if err := card.AuthenticateWith(context.Background(), key.Method(99), 0, key.Zero(key.TypeAES)); !errors.As(err, &e) {
		t.Errorf("method 99: %v", err)
	}
}
