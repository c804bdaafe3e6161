package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestParseUint(t *testing.T) {
	for s, want := range map[string]uint64{"0": 0, "7": 7, "10": 10, "0x10": 16, "0XfF": 255} {
		if n, err := parseUint(s, 8); err != nil || n != want {
			t.Errorf("%q: %d, %v, want %d", s, n, err, want)
		}
	}
	for _, s := range []string{"", "010", "00", "01", "0o10", "0b11", "1_0", "0x", "-1", "+1", "256", "0x100", "ten", " 1"} {
		if n, err := parseUint(s, 8); err == nil {
			t.Errorf("%q is taken for %d", s, n)
		}
	}
}

// No number on the command line is read as octal: neither an argument nor a flag
// of any verb.
func TestNoOctal(t *testing.T) {
	for _, args := range []string{
		"value get 121314 010", "value get 121314/010", "read /121314/010", "value debit 121314 1 010", "drain 121314 1 --amount 010",
		"record update 121314 2 010 --text a", "key version 121314 010", "auth check 121314 010 --key aes:00000000000000000000000000000000",
		"info --auth 010 --key aes:00000000000000000000000000000000", "info --key 010=aes:@k",
		"write 121314 0 --int 010", "write 121314 0 --int 10:02", "delegated info 010", "sim new x.json --size 010k",
		"sdm url https://a.example/?p={picc}&m={mac} --file-read 010", "sdm provision app 2 https://a.example/?p={picc}&m={mac} --write-key 010",
		"sdm verify --mac 0000000000000000 --uid 04112233445566 --ctr 010", "file create 121314 1 standard --size 8 --read 010",
		"tmac verify --uid 04112233445566 --input 00 --tmac-key aes:00000000000000000000000000000000 --tmc 010", "tmac verify --uid 04112233445566 --input 00 --tmac-key aes:00000000000000000000000000000000 --tmac-file 010", "tmac verify --uid 04112233445566 --input 00 --tmac-key aes:00000000000000000000000000000000 --record-size 2=010",
		"trace verify x -k 121314:010=aes:00000000000000000000000000000000",
	} {
		var errs strings.Builder
		args := append(strings.Fields(args), "--no-input")
		if code := run(args, strings.NewReader(""), io.Discard, &errs); code != exitUsage || !regexp.MustCompile("without a zero in front|want the number of a key").MatchString(errs.String()) {
			t.Errorf("%q: code %d: %s", args, code, &errs)
		}
	}
	flags := 0
	var every func(cmd *cobra.Command)
	every = func(cmd *cobra.Command) {
		check := func(f *pflag.Flag) {
			kind := f.Value.Type()
			if !strings.HasPrefix(kind, "int") && !strings.HasPrefix(kind, "uint") {
				return
			}
			flags++
			for _, s := range []string{"010", "0o10", "0b1", "1_0"} {
				if err := f.Value.Set(s); err == nil {
					t.Errorf("%s --%s %s is taken for %v", cmd.CommandPath(), f.Name, s, f.Value)
				}
			}
			if err := f.Value.Set("0x1f"); err != nil || f.Value.String() != "31" {
				t.Errorf("%s --%s 0x1f: %v, %v", cmd.CommandPath(), f.Name, f.Value, err)
			}
		}
		cmd.Flags().VisitAll(check)
		cmd.PersistentFlags().VisitAll(check)
		for _, sub := range cmd.Commands() {
			every(sub)
		}
	}
	every(newApp(nil, io.Discard, io.Discard).rootCommand())
	if flags < 10 {
		t.Errorf("only %d flags are numbers", flags)
	}
}
