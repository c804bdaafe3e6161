package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What sdm provision puts on a card, a phone shows, and sdm verify believes once.
func TestSDMProvisionAndVerify(t *testing.T) {
	const zero = "aes:00000000000000000000000000000000"
	const template = "https://example.com/t?p={picc}&e={from}{enc:16}&m={mac}"
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, lrp := range []bool{false, true} {
		image := filepath.Join(t.TempDir(), "tag.json")
		picc, err := sim.New(&sim.Config{Generation: wire.NTAG424, Store: sim.File(image)})
		must(err)
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		must(err)
		if lrp {
			_, err := card.ISOSelectName(ctx, wire.NDEFName[:])
			must(err)
			must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
			must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}))
		}
		must(card.Close())
		must(picc.Close())
		code, out, errs := tool("sdm", "provision", "app", "2", template, "--reader", "sim:"+image, "--key", zero, "--write-key", "0", "--json")
		if code != 0 || !strings.Contains(out, fmt.Sprintf(`"lrp":%v`, lrp)) {
			t.Fatalf("%d: %s%s", code, out, errs)
		}

		picc, err = sim.New(&sim.Config{Store: sim.File(image)})
		must(err)
		phone, err := desfire.Connect(ctx, picc.Present(), nil)
		must(err)
		_, err = phone.ISOSelectName(ctx, wire.NDEFName[:])
		must(err)
		shown, err := phone.ISOReadBinary(ctx, 2, 0, 0)
		must(err)
		url := "https://" + strings.TrimRight(string(shown[7:]), "\x00")

		verify := []string{"sdm", "verify", "--file-key", zero, "--meta-key", zero, "--counters", filepath.Join(t.TempDir(), "seen.json"), template, url, "--json"}
		if lrp {
			verify = append(verify, "--lrp")
		}
		want := fmt.Sprintf(`{"uid":"%X","counter":1,"file":"%s","fresh":true}`, picc.UID(), strings.Repeat("30", 16))
		if code, out, errs := tool(verify...); code != 0 || strings.TrimSpace(out) != want {
			t.Errorf("lrp %v: %d: %s%s\nwant %s", lrp, code, out, errs, want)
		}
		if code, _, errs := tool(verify...); code != exitReplay || !strings.Contains(errs, "seen before") {
			t.Errorf("again: %d, %s", code, errs)
		}
	}
}

// What an SDM file that could not be provisioned holds decides the exit code and the
// advice.
func TestNotProvisioned(t *testing.T) {
	refusal := &desfire.CommandError{Command: "ChangeFileSettings", Status: wire.StatusParameterError}
	unknown := &desfire.OutcomeUnknownError{Command: "ChangeFileSettings", Err: refusal}
	for _, x := range []struct {
		state desfire.ProvisionState
		err   error
		code  int
		next  string
		meant bool
	}{
		{desfire.ProvisionUndone, refusal, exitRefused, "", true},
		{desfire.ProvisionUndone, refusal, exitRefused, "made for messages", false},
		{desfire.ProvisionUndone, unknown, exitRefused, "", true},
		{desfire.ProvisionContent, refusal, exitUnknown, "repeat this", true},
		{desfire.ProvisionSettings, unknown, exitUnknown, "repeat this", false},
		{desfire.ProvisionHalf, &desfire.TransportError{Command: "WriteData", Err: io.EOF}, exitUnknown, "repeat this", true},
	} {
		a := &app{}
		err := a.notProvisioned(&desfire.ProvisionError{File: 2, State: x.state, Err: x.err}, x.meant)
		d := a.detail(exitCode(context.Background(), err), err)
		if code := exitCode(context.Background(), err); code != x.code || !strings.Contains(d.Next, x.next) || (x.next == "") != (d.Next == "") || !strings.Contains(d.What, x.state.String()) {
			t.Errorf("%v, %v: code %d, %+v", x.state, x.err, code, d)
		}
	}
}
