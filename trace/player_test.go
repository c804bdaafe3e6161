package trace

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func replay() *Player {
	return NewPlayer(&Recording{ID: "x", Framing: ISO, Exchanges: []Exchange{
		{Command: []byte{0x90, 0x60, 0, 0, 0}, Response: []byte{1, 0x91, 0xAF}},
		{Command: []byte{0x90, 0xAF, 0, 0, 0}, Response: []byte{2, 0x91, 0x00}},
		{Command: []byte{0x90, 0x6A, 0, 0, 0}, Failed: "gone", Reset: true},
	}})
}

func TestPlayer(t *testing.T) {
	ctx := context.Background()
	p := replay()
	for i := range 2 {
		rsp, err := p.Transmit(ctx, p.rec.Exchanges[i].Command)
		if err != nil || rsp[0] != byte(i+1) {
			t.Fatal(rsp, err)
		}
		if err := p.Close(); err == nil || !strings.Contains(err.Error(), "not used, the next is") {
			t.Error(err)
		}
	}
	if err := p.Reconnect(ctx); err != nil {
		t.Error(err)
	}
	if _, err := p.Transmit(ctx, []byte{0x90, 0x6A, 0, 0, 0}); err == nil || err.Error() != "gone" {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	var m *MismatchError
	if _, err := p.Transmit(ctx, []byte{0x60}); !errors.As(err, &m) || m.Want != nil || m.Sent() {
		t.Error(err)
	}
}

func TestPlayerExplainsMismatches(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		cmd  []byte
		want string
	}{
		{[]byte{0x90, 0x5A, 0, 0, 3, 1, 2, 3, 0}, "exchange 0: recorded is GetVersion, command sent was SelectApplication"},
		{[]byte{0x90, 0x60, 0, 0, 1}, "exchange 0 (GetVersion): byte 4 of 5 is 01, recorded is 00"},
		{[]byte{0x90, 0x60, 0, 0}, "exchange 0 (GetVersion): recorded are 5 bytes, sent were 4"},
		{nil, "recorded is GetVersion, command sent was nothing"},
	} {
		p := replay()
		_, err := p.Transmit(ctx, tc.cmd)
		var m *MismatchError
		if !errors.As(err, &m) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("% X: %v", tc.cmd, err)
		}
		if _, again := p.Transmit(ctx, []byte{0x90, 0x60, 0, 0, 0}); !errors.Is(again, err) {
			t.Errorf("after a mismatch: %v", again)
		}
		if !errors.Is(p.Close(), err) {
			t.Errorf("Close: %v", p.Close())
		}
	}
	p := replay()
	_, _ = p.Transmit(ctx, []byte{0x90, 0x60, 0, 0, 0})
	if p.Reconnect(ctx) == nil {
		t.Error("a reconnect that was not recorded passes")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Transmit(ended, []byte{0x90, 0xAF, 0, 0, 0}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
