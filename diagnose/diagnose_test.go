package diagnose_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var place = wire.Place{AID: 0xF21190}

func TestCard(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name    string
		g       wire.Generation
		trouble diagnose.Trouble
		first   string // what the first cause says
		begins  bool   // authentications may be begun
	}{
		{"wrong type", wire.EV1, diagnose.Trouble{Status: wire.StatusAuthenticationError, Place: place, Type: key.TypeDES, Method: key.MethodISO}, "of type AES", true},
		{"no such app", wire.EV2, diagnose.Trouble{Status: wire.StatusAuthenticationError, Place: wire.Place{AID: 0x112233}, Type: key.TypeAES, Method: key.MethodAES}, "no application 112233", false},
		{"no such key", wire.EV2, diagnose.Trouble{Status: wire.StatusNoSuchKey, Place: place, No: 9, Type: key.TypeAES, Method: key.MethodEV2First}, "no key 9", false},
		{"version", wire.EV2, diagnose.Trouble{Status: wire.StatusAuthenticationError, Place: place, Type: key.TypeAES, Method: key.MethodEV2First, Version: 7, HasVersion: true}, "version 00", true},
		{"wrong key", wire.EV3, diagnose.Trouble{Status: wire.StatusAuthenticationError, Place: place, Type: key.TypeAES, Method: key.MethodEV2First}, "another one", false},
		{"length", wire.EV3, diagnose.Trouble{Status: wire.StatusLengthError, Place: place, Type: key.TypeAES, Method: key.MethodEV2First, Risky: true}, "plain data", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			picc, err := sim.New(&sim.Config{Generation: tc.g})
			if err != nil {
				t.Fatal(err)
			}
			card, err := desfire.Connect(ctx, picc.Present(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: place.AID, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2)}); err != nil {
				t.Fatal(err)
			}
			d, err := diagnose.Card(ctx, card, tc.trouble)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Causes) == 0 || !strings.Contains(d.Causes[0].Text, tc.first) {
				t.Errorf("first cause is not %q: %+v", tc.first, d.Causes)
			}
			for i := 1; i < len(d.Causes); i++ {
				if d.Causes[i].Weight > d.Causes[i-1].Weight {
					t.Errorf("not ranked: %+v", d.Causes)
				}
			}
			begun := false
			for _, p := range d.Probes {
				begun = begun || strings.Contains(p.Answer, "ADDITIONAL_FRAME")
			}
			if begun != tc.begins {
				t.Errorf("began an authentication: %v: %+v", begun, d.Probes)
			}
			// The card is left usable.
			if err := card.SelectApplication(ctx, wire.PICC); err != nil {
				t.Error(err)
			}
		})
	}
}
