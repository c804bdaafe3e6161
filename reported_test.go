package desfire_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/reported"
	"github.com/go-desfire/desfire/wire"
)

// Cards that answer as those of public reports: what Connect makes of them.
func TestReportedCards(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name    string
		product string // empty: the version is not known
		gen     wire.Generation
		err     string // part of the error, empty for none
		no      bool   // no DESFire card
	}{
		{"refuses GetVersion", "", 0, "ILLEGAL_COMMAND_CODE (911C)", false},
		{"disabled", "", 0, "PICC_DISABLED_ERROR (91CD)", false},
		{"wants authentication for GetVersion", "", 0, "AUTHENTICATION_ERROR (91AE)", false},
		{"aborts once", "MIFARE DESFire EV3", wire.EV3, "", false},
		{"refuses midway once", "MIFARE DESFire EV3", wire.EV3, "", false},
		{"refuses midway", "", wire.EV3, "", false},
		{"names kill it", "MIFARE DESFire EV3", wire.EV3, "", false},
		{"transaction MAC", "MIFARE DESFire EV3", wire.EV3, "", false},
		{"phone", "", 0, "CLA_FUNCTION_NOT_SUPPORTED (6800)", true},
		{"payment card", "", 0, "CLASS_NOT_SUPPORTED (6E00)", true},
		{"DUOX", "MIFARE DUOX", wire.EV3, "", false},
		{"MIFARE 2GO", "MIFARE 2GO", wire.EV3, "", false},
		{"P71", "MIFARE DESFire EV3C", wire.EV3, "", false},
		{"EV2 16K", "MIFARE DESFire EV2", wire.EV2, "", false},
		{"EV1 2K", "MIFARE DESFire EV1", wire.EV1, "", false},
		{"no calendar", "MIFARE DESFire D40", wire.D40, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script := reported.New(tc.name)
			card, err := desfire.Connect(ctx, script, nil)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || errors.As(err, new(*desfire.NotDESFireError)) != tc.no {
					t.Fatalf("connected: %v", err)
				}
				if !tc.no && strings.Contains(err.Error(), "not a DESFire") {
					t.Errorf("a status of DESFire, and yet: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if card.Generation() != tc.gen || card.Framing() != desfire.FramingWrapped {
				t.Errorf("%v, %v frames", card.Generation(), card.Framing())
			}
			v := card.KnownVersion()
			if (v == nil) != (tc.product == "") || v != nil && v.Product() != tc.product {
				t.Errorf("version %+v", v)
			}
			if slices.ContainsFunc(script.Sent, func(f string) bool { return len(f) == 2 }) {
				t.Errorf("native frames were sent: %v", script.Sent)
			}
			if err := card.SelectApplication(ctx, wire.PICC); err != nil {
				t.Error(err)
			}
		})
	}
}
