package sim

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestFaultSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "character 1: no fault",
		" ; ;":                            "character 1: no fault",
		"lose-anwser@C7":                  `character 1, "lose-anwser": there is no such fault: did you mean lose-answer?`,
		"xyz":                             `want one of power-before, power-after, tear`,
		"flip; =3":                        `character 7: there is no such fault`,
		"flip=3":                          `character 6, "3": flip has no value`,
		"delay@C7":                        `character 1, "delay": delay needs a value: delay=200ms`,
		"delay=soon":                      `character 7, "soon": want a time`,
		"delay=-1s":                       `want a time from 0 to 1h`,
		"delay=2h":                        `want a time from 0 to 1h`,
		"forge=91":                        "an answer ends with its status",
		"forge=911":                       `character 7, "911": want bytes in hexadecimal`,
		"forge=":                          "want bytes in hexadecimal",
		"tear=between":                    "want before, inside or after",
		"tear=after:cells=3":              "cells and finish go with tear=inside",
		"reader=115":                      "want 106, 212, 424 or 848 kbit/s",
		"flip:byte=2":                     `character 6, "byte=2": flip has no such option: want bit, bits`,
		"lose-answer:once":                `lose-answer has no options; conditions stand after @`,
		"flip:bit=1,bits=2":               "bit and bits do not go together",
		"flip:bit=1,bit=2":                `character 12, "bit=2": bit stands here for the second time`,
		"flip:bit":                        "bit needs a value: bit=5",
		"flip:bits=0":                     "turns no bit",
		"flip:":                           "flip has no such option",
		"cut-answer:drop=0":               "cuts nothing",
		"flip@":                           "no condition behind the @",
		"flip@C7,":                        "no condition behind the @",
		"flip@p=0":                        "want a probability above 0",
		"flip@p=NaN":                      "want a probability above 0",
		"flip@p=1.5":                      `character 6, "p=1.5": want a probability`,
		"flip@54":                         "an INS or a number? Write 0x54 for the INS, #54 for the exchange",
		"flip@#0":                         "want a number from 1",
		"flip@#5..3":                      "this range ends before it begins",
		"flip@#..":                        "a range needs a beginning or an end",
		"flip@Debti":                      "did you mean Debit?",
		"flip@C7#":                        "want a number from 1",
		"flip@C7,DC":                      `character 9, "DC": a condition of this kind stands here for the second time`,
		"flip@once,times=2":               "for the second time",
		"flip@write=2":                    "flip has nothing to do with a write",
		"flip@when=2":                     "there is no such condition",
		"flip@every=0":                    "want a number from 1",
		"flip@every=99999999999999999999": "want a number from 1",
		"seed=1@C7":                       "seed has no condition",
		"seed=1;seed=2":                   "second time",
		"seed=-1":                         "want a number",
		strings.Repeat("flip;", 101):      "more than 100 faults",
		strings.Repeat(" ", 1<<17):        "at most 65536",
		"hold:answer=91":                  "an answer ends with its status",
	} {
		_, err := ParseFaults(text)
		var e *FaultSyntaxError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// The canonical form is short, and the same faults.
func TestFaultsString(t *testing.T) {
	for text, want := range map[string]string{
		" LOSE-answer @ c7 #1 ; flip : bits = 3 , @5":        "",
		"lose-answer@0x54,p=.5,once;;":                       "lose-answer@0x54,p=0.5,once",
		"insert=c7:after@Debit#..4":                          "insert=C7:after@DC#..4",
		"tear=INSIDE:finish,cells=2@times=3,every=2,write=2": "tear=inside:cells=2,finish@write=2,every=2,times=3",
		"late=0.2s@#1..":                                     "late=200ms@#1..",
	} {
		f, err := ParseFaults(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is read as %v", text, f)
		case want != "" && (err != nil || f.String() != want):
			t.Errorf("%q is read as %v, %v", text, f, err)
		}
	}
}

func FuzzFaults(f *testing.F) {
	for _, x := range faultCases {
		f.Add(x.text)
	}
	for _, s := range []string{"flip@54", "seed=18446744073709551615;keep-power", "flip:bits=3@C7#2..4,every=3,p=1e-9,times=7", "tear=inside:cells=3,finish@write=2.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		faults, err := ParseFaults(text)
		if err != nil {
			var e *FaultSyntaxError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) || e.Offset+len(e.Text) > len(text) || text[e.Offset:][:len(e.Text)] != e.Text {
				t.Fatalf("%q: %+v", text, err)
			}
			return
		}
		canonical := faults.String()
		again, err := ParseFaults(canonical)
		if err != nil || again.String() != canonical {
			t.Fatalf("%q is %q, and that is %v, %v", text, canonical, again, err)
		}
		if fmt.Sprintf("%+v", describe(faults)) != fmt.Sprintf("%+v", describe(again)) {
			t.Fatalf("%q means\n%+v, and %q\n%+v", text, describe(faults), canonical, describe(again))
		}
		// Played, it ends, and twice in the same way; not with its times.
		if len(text) > 200 || strings.Contains(canonical, "delay") || strings.Contains(canonical, "late=") || strings.Contains(canonical, "reader") {
			return
		}
		one, two := playFare(t, faults), playFare(t, again)
		if one != two {
			t.Fatalf("%q: %s, then %s", text, one, two)
		}
	})
}

func playFare(t testing.TB, f *Faults) string {
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	a := f.Present(c)
	got := ""
	for _, command := range fare {
		b, err := a.Transmit(t.Context(), unhex(t, command))
		got += hex.EncodeToString(b) + fmt.Sprint(err) + " "
	}
	return got + fmt.Sprint(f.Counts(), c.value())
}

// describe is what faults mean, without where it is kept.
func describe(f *Faults) (all []any) {
	for _, p := range f.parts {
		v := setting{}
		if p.value != nil {
			v = *p.value
		}
		all = append(all, p.kind.name, v, p.options, p.when)
	}
	return all
}
