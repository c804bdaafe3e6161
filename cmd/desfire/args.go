package main

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// maxFile is the largest file number of any generation.
const maxFile = 31

// parseFile reads a file number, decimal or with 0x.
func parseFile(cmd *cobra.Command, s string) (wire.FileNo, error) {
	n, err := parseUint(s, 8)
	if err != nil || n > maxFile {
		return 0, &usageError{cmd, fmt.Errorf("file number %q: want 0 to %d%s", s, maxFile, zeroed(err))}
	}
	return wire.FileNo(n), nil
}

// parseAmount reads what to credit or debit.
func parseAmount(cmd *cobra.Command, s string) (int32, error) {
	n, err := parseUint(s, 31)
	if err != nil || n == 0 {
		return 0, &usageError{cmd, fmt.Errorf("amount %q: want a whole number from 1 to 2147483647%s", s, zeroed(err))}
	}
	return int32(n), nil
}

// parseHex reads hexadecimal bytes, with or without blanks, colons or 0x.
func parseHex(s string) ([]byte, error) {
	digits := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", ":", "", "0x", "", "0X", "").Replace(s)
	b, err := hex.DecodeString(digits)
	switch {
	case err != nil && len(digits)%2 == 1:
		return nil, fmt.Errorf("%q: an odd number of hexadecimal digits", s)
	case err != nil:
		return nil, fmt.Errorf("%q: not hexadecimal", s)
	case len(b) == 0:
		return nil, fmt.Errorf("%q: no byte in it", s)
	}
	return b, nil
}

// spaced is the usual way to print frames.
func spaced(b []byte) string { return fmt.Sprintf("% X", b) }

// joinTraceFile lets "--trace FILE.json" mean "--trace=FILE.json": the value
// of --trace is optional, and the flag parser takes an optional value with an
// equals sign only. In the verbs of sim a .json file is an argument.
func joinTraceFile(args []string) []string {
	out := make([]string, 0, len(args))
	sim := false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		sim = sim || arg == "sim"
		if arg == "--" || arg == "--exec" || arg == "-x" { // what follows is somebody else's
			return append(out, args[i:]...)
		}
		if arg == "--trace" && !sim && i+1 < len(args) && strings.HasSuffix(args[i+1], ".json") {
			i++
			arg += "=" + args[i]
		}
		out = append(out, arg)
	}
	return out
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// wantsFiles checks arguments that are names of files, and completes them.
func wantsFiles(cmd *cobra.Command, names ...string) *cobra.Command {
	cmd.Args = wants(names...)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) < len(names) {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
