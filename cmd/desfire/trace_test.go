package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/wire"
)

func TestFieldsHideKeys(t *testing.T) {
	k := bytes.Repeat([]byte{0xA7}, 17)
	secret := wire.NewSecret(k)
	for _, m := range []wire.Message{&wire.ChangeKey{Key: 1, Data: secret}, &wire.ChangeKeyEV2{Set: 2, Key: 1, Data: secret}} {
		got := string(screen.Join(fieldsOf(m), "  "))
		if strings.Contains(got, "A7") || !strings.Contains(got, "17 bytes") || !strings.Contains(got, "=1") {
			t.Errorf("%T: %q", m, got)
		}
	}
	if got := string(screen.Join(fieldsOf(&wire.ChangeKeySettings{KS1: wire.SettDefault}), "  ")); !strings.Contains(got, "{master key changeable") {
		t.Errorf("%q", got)
	}
	if got := string(screen.Join(fieldsOf(&wire.WriteData{File: 2, Offset: 3, Data: k}), "  ")); !strings.Contains(got, "Data=A7A7A7A7A7A7A7A7A7A7A7A7...(17 bytes)") {
		t.Errorf("%q", got)
	}
}

func TestJoinTraceFile(t *testing.T) {
	for in, want := range map[string]string{
		"info --trace a.json":         "info --trace=a.json",
		"--trace a.json info":         "--trace=a.json info",
		"info --trace":                "info --trace",
		"info --trace -v":             "info --trace -v",
		"sim show --trace a.json":     "sim show --trace a.json",
		"trace show a.json":           "trace show a.json",
		"apdu --trace -- a.json":      "apdu --trace -- a.json",
		"write 1 2 -- --trace a.json": "write 1 2 -- --trace a.json",
	} {
		if got := strings.Join(joinTraceFile(strings.Fields(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
