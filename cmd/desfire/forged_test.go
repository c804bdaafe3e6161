package main

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// forger sits between reader and card. Before an authentication it says that
// every file is plain, and it answers what reads a value or data of a plain file
// itself.
type forger struct {
	*sim.Activation
	session bool
	open    bool // it says as well that anybody may do everything
	forged  int
}

func (f *forger) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	ins, plain := byte(0), false
	if len(command) > 5 && command[0] == 0x90 {
		ins = command[1]
		plain = ins == wire.InsGetValue && command[4] == 1 || (ins == wire.InsReadData || ins == wire.InsReadDataISO) && command[4] == 7
	}
	switch {
	case ins == wire.InsAuthenticateAES || ins == wire.InsAuthenticateEV2First:
		f.session = true
	case ins == wire.InsAuthenticate:
		// A D40 session protects no settings, so forging goes on.
	case plain && ins == wire.InsGetValue:
		f.forged++
		return []byte{0xE7, 0x03, 0, 0, 0x91, 0x00}, nil // 999
	case plain:
		f.forged++
		return append([]byte("forged"), 0x91, 0x00), nil
	}
	answer, err := f.Activation.Transmit(ctx, command)
	if err == nil && ins == wire.InsGetFileSettings && !f.session && len(answer) > 4 {
		answer = append([]byte(nil), answer...)
		answer[1] = byte(wire.OptionPlain)
		if f.open {
			answer[2], answer[3] = 0xEE, 0xEE
		}
		f.forged++
	}
	return answer, err
}

// forgedValue is what the relay answers, and no part of a UID or port.
var forgedValue = regexp.MustCompile(`\b999\b`)

// With a key, what a card says of a file before the authentication decides
// nothing: a relay that calls a file plain gets no value accepted.
func TestForgedSettingsAreNotBelieved(t *testing.T) {
	ctx := context.Background()
	const zero = "aes:00000000000000000000000000000000"
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3, wire.Light} {
		t.Run(g.String(), func(t *testing.T) {
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			picc, err := sim.New(&sim.Config{Generation: g, Store: sim.File(filepath.Join(t.TempDir(), "card.json"))})
			must(err)
			app, value, data := "app", "3", "4"
			if g != wire.Light {
				app, value, data = "0000A1", "3", "4"
				card, err := desfire.Connect(ctx, picc.Present(), nil)
				must(err)
				rights := wire.AccessRightsFromUint16(0x1110)
				must(card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xA1, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
				must(card.SelectApplication(ctx, 0xA1))
				must(card.CreateFile(ctx, &wire.CreateValueFile{File: 3, Option: wire.OptionFull, Access: rights, Upper: 1000, Value: 7}))
				must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: 4, Option: wire.OptionMAC, Access: rights, Size: 6}))
				must(card.Close())
			}
			f := &forger{}
			serving, cancel := context.WithCancel(ctx)
			defer cancel()
			l, err := tcp.Listen(serving, ":0")
			must(err)
			go func() {
				_ = tcp.Serve(serving, l, func(context.Context) (tcp.Card, error) {
					f.Activation, f.session = picc.Present(), false
					return f, nil
				})
			}()
			for _, args := range [][]string{
				{"value", "get", app, value},
				{"value", "get", app, value, "--json"},
				{"read", app, value},
				{"read", app, data},
				{"read", app, data, "--raw"},
				{"ls", app},
			} {
				code, out, errs := tool(append(args, "--reader", "tcp:"+l.Addr().String(), "--key", zero, "--auth", "1")...)
				if forgedValue.MatchString(out) || strings.Contains(out, "forged") || strings.Contains(out, "66 6F") {
					t.Errorf("%v: code %d, forged content: %s%s", args, code, out, errs)
				}
				if args[0] == "ls" && (!strings.Contains(out, "full") || g != wire.Light && !strings.Contains(out, "mac")) {
					t.Errorf("%v: code %d, forged settings: %s%s", args, code, out, errs)
				}
			}
			// The relay works: without a key it is believed, as it must be.
			f.open = true
			code, out, errs := tool("value", "get", app, value, "--reader", "tcp:"+l.Addr().String())
			if code != 0 || strings.TrimSpace(out) != "999" || f.forged == 0 {
				t.Errorf("without a key: code %d, %s%s", code, out, errs)
			}
		})
	}
}

// A D40 session cannot protect what a card says of its files, so the result says
// that it may be forged.
func TestUnprotectedResultsSaySo(t *testing.T) {
	ctx := context.Background()
	const zero = "des:0000000000000000"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	picc, err := sim.New(&sim.Config{Generation: wire.D40})
	must(err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(err)
	rights := wire.AccessRightsFromUint16(0x1110)
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xA1, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 2)}))
	must(card.SelectApplication(ctx, 0xA1))
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: 3, Option: wire.OptionFull, Access: rights, Upper: 1000, Value: 7}))
	must(card.Close())
	for _, forging := range []bool{false, true} {
		serving, cancel := context.WithCancel(ctx)
		defer cancel()
		l, err := tcp.Listen(serving, ":0")
		must(err)
		go func() {
			_ = tcp.Serve(serving, l, func(context.Context) (tcp.Card, error) {
				if !forging {
					return picc.Present(), nil
				}
				return &forger{Activation: picc.Present()}, nil
			})
		}()
		run := func(args ...string) (string, string) {
			t.Helper()
			code, out, errs := tool(append(args, "--reader", "tcp:"+l.Addr().String(), "--key", zero, "--auth", "1")...)
			if code != 0 {
				t.Fatalf("%v: code %d, %s%s", args, code, out, errs)
			}
			return out, errs
		}
		for _, args := range [][]string{{"value", "get", "0000A1", "3"}, {"read", "0000A1", "3"}} {
			if out, errs := run(args...); strings.Contains(errs, "may be forged") != forging {
				t.Errorf("forging %v: %v: %s%s", forging, args, out, errs)
			}
			if out, _ := run(append(args, "--json")...); strings.Contains(out, `"unprotected":true`) != forging {
				t.Errorf("forging %v: %v: %s", forging, args, out)
			}
		}
		cancel()
	}
}

// A card that poses as an older one gets no weaker authentication than the user
// accepts, and nothing of the key.
func TestWeakest(t *testing.T) {
	image := filepath.Join(t.TempDir(), "old.json")
	if code, out, errs := tool("sim", "new", image, "--generation", "ev1", "--transit"); code != 0 {
		t.Fatal(out, errs)
	}
	for _, tc := range []struct {
		weakest string
		code    int
	}{{"d40", 0}, {"iso", 0}, {"aes", 6}, {"ev2", 6}, {"lrp", 6}, {"EV2", 6}, {"strong", 2}} {
		code, out, errs := tool("value", "get", "121314", "1", "--reader", "sim:"+image, "--key", "des:0000000000000000", "--weakest", tc.weakest)
		want := map[int]string{0: "", 6: "--weakest iso accepts it", 2: "want d40, iso, aes, ev2, lrp"}[tc.code]
		if code != tc.code || !strings.Contains(errs, want) {
			t.Errorf("%s: code %d, %s%s", tc.weakest, code, out, errs)
		}
	}
}
