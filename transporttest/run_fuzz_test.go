package transporttest

import (
	"context"
	"errors"
	"testing"
)

// FuzzRun runs the suite against a transport that is right, through wrappers, with
// the limits that the input says: it passes whatever they are.
func FuzzRun(f *testing.F) {
	f.Add(uint16(0), uint16(0), byte(0))
	f.Add(uint16(60), uint16(256), byte(0x0F))
	f.Add(uint16(300), uint16(60), byte(0x12))
	f.Fuzz(func(t *testing.T, command, response uint16, how byte) {
		cfg := &Config{MaxCommand: int(command), MaxResponse: int(response), NoEmpty: how&1 != 0, KeepsField: how&2 != 0}
		if command < 64 && command != 0 || response < 64 && response != 0 {
			cfg.MaxCommand, cfg.MaxResponse = 64, 64 // what the tests need
		}
		if how&4 != 0 {
			cfg.Reserved = func(command []byte) bool { return len(command) == 1 && command[0] == how }
		}
		Run(t, func(t *testing.T, present func(context.Context) (Card, error)) Transport {
			m := &memory{present: present}
			if err := m.connect(context.Background()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.finish(errors.New("the test is over")) })
			switch how >> 3 % 3 {
			case 1:
				return wrapped{m}
			case 2:
				return fixed{wrapped{m}}
			}
			return m
		}, cfg)
	})
}
