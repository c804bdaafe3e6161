package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/pn532"
)

// Completion names lines on which a PN532 may be, and asks none of them, for its card
// neither.
func TestCompletesPorts(t *testing.T) {
	complete := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		a := newApp(strings.NewReader(""), &out, io.Discard)
		a.ports = func() ([]pn532.Candidate, error) {
			return []pn532.Candidate{
				{Address: "i2c1", Line: "I2C", What: "bcm2835 (i2c@7e804000)"}, {Address: "spi0.0", Line: "SPI"},
				{Address: "/dev/ttyUSB0", Line: "HSU", What: "CH340 1A86:7523", Holders: []string{"minicom (812)"}},
			}, errors.New("and one that cannot be listed")
		}
		root := a.rootCommand()
		root.SetOut(&out)
		root.SetErr(io.Discard)
		root.SetArgs(append([]string{"__complete"}, args...))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, _, _ := strings.Cut(out.String(), "\n:")
		return list
	}
	const all = "pn532:\ta PN532 on a line, pn532:/dev/ttyUSB0, pn532:i2c1 or pn532:spi0.0\npn532:i2c1\tI2C, bcm2835 (i2c@7e804000)\n" +
		"pn532:spi0.0\tSPI\npn532:/dev/ttyUSB0\tHSU, CH340 1A86:7523, in use by minicom (812)"
	if got := complete("info", "--reader", "pn532:"); got != all {
		t.Errorf("pn532: is completed as\n%s", got)
	}
	if got := complete("info", "--reader", "pn532:/dev"); got != "pn532:/dev/ttyUSB0\tHSU, CH340 1A86:7523, in use by minicom (812)" {
		t.Errorf("pn532:/dev is completed as\n%s", got)
	}
	if got := complete("info", "-r", "pn5"); !strings.HasPrefix(got, "pn532\t") || !strings.HasSuffix(got, all) {
		t.Errorf("pn5 is completed as\n%s", got)
	}
	if got := complete("info", "--reader", "tcp"); strings.Contains(got, "pn532") {
		t.Errorf("tcp is completed as\n%s", got)
	}
	if got := complete("info", "--reader", "pn532:/dev/null", "--uid", ""); strings.Contains(got, "\t") {
		t.Errorf("--uid is completed as\n%s", got)
	}
}
