package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/tcp"
)

// badCard gives the same answer to every frame, or breaks off.
type badCard []byte

func (c badCard) Transmit(context.Context, []byte) ([]byte, error) {
	if c == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return c, nil
}

func (badCard) ATR() []byte { return []byte{0x3B, 0x80, 0x80, 0x01, 0x01} }

// TestBadCards works with cards that talk nonsense, never stop, or leave: one
// clear line each, and an end.
func TestBadCards(t *testing.T) {
	for name, tc := range map[string]struct {
		card badCard
		want string
	}{
		"endless":       {badCard{0x04, 0x91, 0xAF}, "does not end"},
		"short":         {badCard{0x91}, "too short for a status"},
		"empty":         {badCard{}, "too short for a status"},
		"long":          {append(make(badCard, 30000), 0x91, 0x00), "at most"},
		"unknown":       {badCard{0x12, 0x34}, "unknown status 1234"},
		"not a DESFire": {badCard{0x6D, 0x00}, "not a DESFire card (ATR 3B80800101)"},
		"leaves":        {nil, "no answer from the card"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l, err := tcp.Listen(ctx, ":0")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_ = tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return tc.card, nil })
			}()
			wait := "1m"
			if tc.card == nil {
				wait = "200ms"
			}
			for _, args := range [][]string{
				{"info"}, {"ls"}, {"value", "get", "121314", "1"}, {"read", "121314", "1"}, {"info", "--trace"},
				{"write", "121314", "1", "--hex", "00"}, {"format", "--yes"}, {"uid"}, {"free"},
				{"app", "info", "121314"}, {"app", "create", "121314"}, {"app", "delete", "121314", "--yes"}, {"delegated", "info", "0"},
				{"file", "info", "121314", "1"}, {"file", "create", "121314/1", "standard", "--size", "1", "--read", "0"},
				{"file", "settings", "121314/1", "--read", "0", "--yes"}, {"file", "delete", "121314/1", "--yes"}, {"file", "clear", "121314/1", "--yes"},
				{"drain", "121314", "1"}, {"value", "debit", "121314", "1", "1", "--wait", wait},
			} {
				if tc.card == nil && args[0] == "drain" {
					continue // it waits for the card to be back
				}
				var out, errs bytes.Buffer
				code := run(append(args, "--reader", "tcp:"+l.Addr().String()), strings.NewReader(""), &out, &errs)
				last := errs.String()[strings.LastIndex(strings.TrimRight(errs.String(), "\n"), "\n")+1:]
				if len(args) == 2 && args[1] == "--trace" {
					last = errs.String() // the total comes before the error, the rest is checked below
				}
				if (code != exitNoCard && code != exitNotGenuine) || out.Len() > 0 {
					t.Errorf("%v: code %d, stdout %q", args, code, &out)
				}
				if !strings.Contains(last, tc.want) && !(tc.card == nil && strings.Contains(last, "no card")) {
					t.Errorf("%v: %q, want %q", args, last, tc.want)
				}
				if strings.Contains(errs.String(), "goroutine") {
					t.Errorf("%v: a stack:\n%s", args, &errs)
				}
			}
		})
	}
}
