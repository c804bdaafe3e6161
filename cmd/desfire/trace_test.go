package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestFieldsHideKeys(t *testing.T) {
	k := bytes.Repeat([]byte{0xA7}, 17)
	for _, m := range []wire.Message{&wire.ChangeKey{Key: 1, Data: k}, &wire.ChangeKeyEV2{Set: 2, Key: 1, Data: k}} {
		got := fields(m)
		if strings.Contains(got, "A7") || !strings.Contains(got, "17 bytes that may hold keys") || !strings.Contains(got, "=1") {
			t.Errorf("%T: %q", m, got)
		}
	}
	if got := fields(&wire.ChangeKeySettings{KS1: wire.SettDefault}); !strings.Contains(got, "master key changeable") {
		t.Errorf("%q", got)
	}
	if got := fields(&wire.WriteData{File: 2, Offset: 3, Data: k}); !strings.Contains(got, "Data=A7A7A7A7A7A7A7A7A7A7A7A7...(17 bytes)") {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	got := wrap("a=1  b=2  c=with words  d=4", 9)
	want := []string{"a=1  b=2", "c=with words", "d=4"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", got, want)
	}
	if wrap("", 10) != nil {
		t.Error("lines of nothing")
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
