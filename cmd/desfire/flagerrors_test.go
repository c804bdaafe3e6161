package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// parserWords are words of the flag parser and of Go, which tell users nothing.
var parserWords = []string{"strconv", "invalid argument", "invalid syntax", "parsing", "pflag", "unknown shorthand", "value out of range", "flag:", "time:", "needs an argument", "bad flag syntax"}

// complaint runs the tool, and gives what it says of a command line.
func complaint(args ...string) (code int, said string) {
	var out, err strings.Builder
	code = run(args, strings.NewReader(""), &out, &err)
	return code, err.String()
}

// Each flag of each verb says what is wanted of it, when it gets what is not.
func TestFlagErrors(t *testing.T) {
	t.Setenv("DESFIRE_READER", "sim:")
	for _, cmd := range everyCommand(verbTree()) {
		if !verb(cmd) {
			continue
		}
		path := strings.Fields(verbOf(cmd))
		cmd.InitDefaultHelpFlag()
		flags := []*pflag.Flag{}
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f) })
		cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
			if acts(cmd, f.Name) && cmd.Flags().Lookup(f.Name) == nil {
				flags = append(flags, f)
			}
		})
		for _, f := range flags {
			switch f.Value.Type() {
			case "string", "stringArray", "stringSlice":
				continue // any text is one; what it means is for the verb
			}
			for _, bad := range []string{"??", ""} {
				code, said := complaint(append(slices.Clone(path), "--"+f.Name+"="+bad)...)
				if code != exitUsage || !strings.Contains(said, "--"+f.Name+" \""+bad+"\": want ") && !strings.Contains(said, "--"+f.Name+" \"(hidden)\": want ") || strings.Contains(said, "another value") {
					t.Errorf("desfire %s --%s=%s: code %d: %s", verbOf(cmd), f.Name, bad, code, said)
				}
				for _, word := range parserWords {
					if strings.Contains(said, word) {
						t.Errorf("desfire %s --%s=%s: %q in: %s", verbOf(cmd), f.Name, bad, word, said)
					}
				}
			}
		}
		for _, args := range [][]string{{"--nonsense"}, {"-Z"}, {"-5"}, {"--" + "=x"}, {"---"}} {
			code, said := complaint(append(slices.Clone(path), args...)...)
			if code != exitUsage || !strings.Contains(said, args[0]) {
				t.Errorf("desfire %s %q: code %d: %s", verbOf(cmd), args, code, said)
			}
			for _, word := range parserWords {
				if strings.Contains(said, word) {
					t.Errorf("desfire %s %q: %q in: %s", verbOf(cmd), args, word, said)
				}
			}
		}
		for _, f := range flags {
			if f.NoOptDefVal == "" {
				code, said := complaint(append(slices.Clone(path), "--"+f.Name)...)
				if code != exitUsage || !strings.Contains(said, "--"+f.Name) || slices.ContainsFunc(parserWords, func(w string) bool { return strings.Contains(said, w) }) {
					t.Errorf("desfire %s --%s: code %d: %s", verbOf(cmd), f.Name, code, said)
				}
			}
		}
	}
}

// exampleArgs are arguments as usage lines call them.
var exampleArgs = map[string]string{
	"APP": "121314", "FILE": "1", "AID": "F48121", "KEYNO": "0", "AMOUNT": "1", "RECORD": "0", "TYPE": "standard", "SLOT": "0", "HEX=SW": "6A",
	"TEMPLATE": "https://example.com/?u={uid}&n={ctr}&m={mac}", "IMAGE": "none.json", "A": "none.json", "B": "none.json",
}

// What flags take as text is not passed on to people in the words of Go either.
func TestTextFlagErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("DESFIRE_READER", "sim:")
	t.Setenv("HOME", t.TempDir())
	for _, cmd := range everyCommand(verbTree()) {
		if _, endless := longest(unrun, cmd.CommandPath()); !verb(cmd) || endless {
			continue
		}
		args := strings.Fields(verbOf(cmd))
		for _, name := range argNames(cmd) {
			if arg := exampleArgs[strings.TrimSuffix(name, "...")]; arg != "" && !strings.HasSuffix(cmd.Use, "["+name+"]") {
				args = append(args, arg)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.HasPrefix(f.Value.Type(), "string") {
				return
			}
			for _, bad := range []string{"??", "", "99999999999999999999"} {
				code, said := complaint(append(slices.Clone(args), "--"+f.Name+"="+bad)...)
				if bad != "" && strings.Contains(said, `"`+bad+`"`) && !strings.Contains(said, "--"+f.Name) && !strings.Contains(said, "no step is named") {
					t.Errorf("desfire %s --%s=%s does not name the flag: %s", strings.Join(args, " "), f.Name, bad, said)
				}
				if slices.ContainsFunc(parserWords, func(w string) bool { return strings.Contains(said, w) }) {
					t.Errorf("desfire %s --%s=%s: code %d: %s", strings.Join(args, " "), f.Name, bad, code, said)
				}
			}
		})
	}
}
