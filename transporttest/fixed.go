package transporttest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/internal/frame"
)

func fixedCommand(t *testing.T, tr Transport, command []byte) {
	given := append(bytes.Clone(command), 0xA5, 0xA5)
	want := bytes.Clone(exchange(t, tr, given[:len(command)]))
	if !bytes.Equal(given[:len(command)], command) || given[len(command)] != 0xA5 {
		t.Fatal("Transmit writes to the command or behind it")
	}
	r := exchange(t, tr, given[:len(command)])
	clear(given)
	if !bytes.Equal(r, want) {
		t.Fatal("the response changes with the command")
	}
	if r := exchange(t, tr, command); !bytes.Equal(r, want) {
		t.Fatalf("answer % X, before % X", r, want)
	}
}

func fixedResponse(t *testing.T, tr Transport, command []byte) {
	want := bytes.Clone(exchange(t, tr, command))
	for range 4 {
		r := exchange(t, tr, command)
		if c, ok := frame.Ability[atrHolder](tr); ok {
			clear(c.ATR())
		}
		if !bytes.Equal(r, want) {
			t.Fatalf("answer % X, before % X", r, want)
		}
		_ = append(r[:0], 0xEE, 0xEE)
	}
}

func fixedEndedContext(t *testing.T, tr Transport, command []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := tr.Transmit(ctx, command)
	mustFail(t, "ended context", result{r, err})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v in it", err, context.Canceled)
	}
	if sent(err) {
		t.Error("Sent is true, but nothing was")
	}
}

func fixedUseAfterClose(t *testing.T, tr Transport, command []byte) {
	c := closer(t, tr)
	exchange(t, tr, command)
	c.Close()
	r, err := tr.Transmit(context.Background(), command)
	mustFail(t, "use after Close", result{r, err})
	if sent(err) {
		t.Error("Sent is true, but nothing was")
	}
}

func fixedReconnect(t *testing.T, tr Transport, command []byte) {
	r := reconnector(t, tr)
	want := bytes.Clone(exchange(t, tr, command))
	for range 3 {
		if !reconnect(t, r) {
			t.Skip("this transport says that it cannot reconnect")
		}
		if got := exchange(t, tr, command); !bytes.Equal(got, want) {
			t.Fatalf("answer after Reconnect % X, before % X", got, want)
		}
	}
}
