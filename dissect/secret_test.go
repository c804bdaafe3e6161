package dissect_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
)

// everything is all that a person can see of a result.
func everything(t *testing.T, rec *trace.Recording, r *dissect.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := markup.File(&b, "x", nil, rec, r); err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Messages {
		fmt.Fprintf(&b, "%+v\n", *m)
		for _, f := range m.Fields() {
			fmt.Fprintf(&b, "%+v %X\n", f, f.Bytes)
		}
	}
	s := strings.NewReplacer(" ", "", "\u00a0", "", "\n", "", "&#34;", "").Replace(b.String())
	return strings.ToUpper(s)
}

// Keys that travel in clear, as they never should, are not shown: whole or in
// frames whose lengths do not fit, for the card, a reader or a SAM.
func TestKeysInClear(t *testing.T) {
	const secret = "3A7F19C2D45E6B80912347AFBC5D60E1"
	frames := map[string]string{
		"load key":              "FF82000010" + secret,
		"load key, long Lc":     "FF82000011" + secret,
		"change key":            "90C400001100" + secret + "00",
		"change key, native":    "C400" + secret + "00",
		"change key, no Lc":     "90C4000000" + secret,
		"change key EV2":        "90C60000120001" + secret + "00",
		"default key":           "905C00001201" + secret + "0000",
		"transaction MAC file":  "90CE0000170F00FF0E02" + secret + "0100",
		"transaction MAC, bare": "CE0F00FF0E02" + secret + "01",
		"SAM change key":        "80C1010010" + secret + "00",
		"in a reader's frame":   "FF00000016D44001C400" + secret + "00",
		"unknown in a reader's": "FF00000014D44001B7" + secret,
	}
	for name, frame := range frames {
		command, err := hex.DecodeString(frame)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, answer := range []string{"", "9100", "00", "917E", "9000"} {
			response, _ := hex.DecodeString(answer)
			rec := &trace.Recording{Exchanges: []trace.Exchange{{Command: command, Response: response}}}
			for _, cut := range []bool{false, true} {
				r := dissect.Recording(rec, &dissect.Config{DefaultKeys: true, Cut: cut})
				if s := everything(t, rec, r); strings.Contains(s, secret) || strings.Contains(s, secret[4:20]) {
					t.Errorf("%s, answered %q, cut %v: the key is shown", name, answer, cut)
				}
				if err := whole(rec, r.Messages, cut); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// Keys and randoms of real sessions are nowhere in what is shown of them.
func TestKeysOfSessions(t *testing.T) {
	n := 0
	for name, rec := range recordings(t) {
		s := everything(t, rec, dissect.Recording(rec, &dissect.Config{DefaultKeys: true}))
		var raw strings.Builder
		for _, e := range rec.Exchanges {
			fmt.Fprintf(&raw, "%X %X ", e.Command, e.Response)
		}
		hidden := map[string]string{}
		for _, k := range rec.Keys {
			if k.Value.Type() != key.TypeDES {
				hidden["key"] = fmt.Sprintf("%X", k.Value.Export())
			}
		}
		for _, rnd := range rec.RndA {
			hidden["random"] = fmt.Sprintf("%X", rnd)
		}
		for what, h := range hidden {
			if strings.Count(h, "00") > 4 || strings.Contains(raw.String(), h) {
				continue // a default, or in clear on the air
			}
			n++
			if strings.Contains(s, h) {
				t.Errorf("%s: a %s is shown", name, what)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d secrets were looked for", n)
	}
}
