package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/reported"
	"github.com/go-desfire/desfire/tcp"
)

// TestReportedCards looks at cards that answer as those of public reports: what
// the tool says of each, and how it ends.
func TestReportedCards(t *testing.T) {
	const speaks = "the card speaks DESFire, yet does not tell its version"
	for name, tc := range map[string]struct {
		code int
		info string // part of what info prints, or of its error
		dump string
	}{
		"refuses GetVersion":                  {exitImpossible, speaks, speaks},
		"disabled":                            {exitRefused, "PICC_DISABLED_ERROR (91CD)", speaks},
		"wants authentication for GetVersion": {exitAuth, "AUTHENTICATION_ERROR (91AE)", speaks},
		"phone":                               {exitNoCard, "this is not a DESFire card", "6800"},
		"payment card":                        {exitNoCard, "this is not a DESFire card", "6E00"},
		"aborts once":                         {0, "MIFARE DESFire EV3", "0 applications"},
		"refuses midway once":                 {0, "MIFARE DESFire EV3", "0 applications"},
		"refuses midway":                      {0, "no version: GetVersion was refused with ILLEGAL_COMMAND_CODE (911C)", "Not read: version"},
		"names kill it":                       {0, "000001", "Not read: signature, names"},
		"transaction MAC":                     {0, "F51CD7", "3 applications, 2 files"},
		"DUOX":                                {0, "MIFARE DUOX", "MIFARE DUOX"},
		"MIFARE 2GO":                          {0, "MIFARE 2GO", "MIFARE 2GO"},
		"P71":                                 {0, "MIFARE DESFire EV3C", "EV3C"},
		"EV2 16K":                             {0, "MIFARE DESFire EV2", "EV2"},
		"EV1 2K":                              {0, "MIFARE DESFire EV1", "EV1"},
		"no calendar":                         {0, "MIFARE DESFire D40", "D40"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l, err := tcp.Listen(ctx, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_ = tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return reported.New(name), nil })
			}()
			for verb, want := range map[string]string{"info": tc.info, "ls": "", "dump": tc.dump} {
				args := []string{verb, "--reader", "tcp:" + l.Addr().String()}
				if verb == "dump" {
					args = append(args, "-o", filepath.Join(t.TempDir(), "dump.json"))
				}
				var out, errs bytes.Buffer
				code := run(args, strings.NewReader(""), &out, &errs)
				said := strings.Join(strings.Fields(out.String()+errs.String()), " ")
				if code != tc.code || !strings.Contains(said, want) || strings.Contains(said, "goroutine") {
					t.Errorf("%s: code %d: %s", verb, code, said)
				}
			}
		})
	}
}
