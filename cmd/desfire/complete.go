package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What is completed follows from the usage line of a verb, and from what its
// flags call their values. File names are offered where files are wanted, and
// nowhere else.

// completions completes the arguments and flags of a command and those in it,
// where it does not do so itself.
func (a *app) completions(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && !topicOf(cmd) {
		cmd.ValidArgsFunction = a.completeArg
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, there := cmd.GetFlagCompletionFunc(f.Name); !there && f.Annotations[cobra.BashCompFilenameExt] == nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, a.completeFlag(f))
		}
	})
	for _, c := range cmd.Commands() {
		a.completions(c)
	}
}

// argNames are the arguments of a verb as its usage line has them; one that ends
// with ... may be repeated.
func argNames(cmd *cobra.Command) (names []string) {
	words := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(cmd.Use))
	for i, w := range words[min(1, len(words)):] {
		switch {
		case w == "flags" || strings.HasPrefix(w, "-") || strings.HasPrefix(words[i], "--"):
		case w == "APP/FILE":
			names = append(names, "APP", "FILE")
		default:
			names = append(names, w)
		}
	}
	return names
}

// completeArg completes an argument by what the usage line calls it.
func (a *app) completeArg(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := argNames(cmd)
	file := len(names) > 1 && names[0] == "APP" && names[1] == "FILE"
	if file {
		args = splitTarget(args)
	}
	at := len(args)
	if last := len(names) - 1; at > last && last >= 0 && strings.HasSuffix(names[last], "...") {
		at = last
	}
	if at >= len(names) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	switch name := strings.TrimSuffix(names[at], "..."); {
	case name == "TYPE":
		return beginningWith(typed, fileTypes...), cobra.ShellCompDirectiveNoFileComp
	case name == "FILE" && verbOf(cmd) == "file create":
		return nil, cobra.ShellCompDirectiveNoFileComp // a number that is not there yet
	case name == "FILE" && file:
		return a.completeFile(cmd, args[0], "", typed)
	case name == "APP" && file:
		return a.completeTarget(cmd, typed)
	case name == "APP":
		return a.completePlace(cmd, typed, worksOnCard(cmd))
	case name == "AID" && strings.HasSuffix(verbOf(cmd), " delete"):
		return a.completePlace(cmd, typed, false)
	case name == "KEYNO":
		return a.completeKeyNo(cmd, args[0], typed)
	case name == "IMAGE" || verbOf(cmd) == "delegated create" || verbOf(cmd) == "sim new":
		return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
	case name == "FILE" || name == "DUMP":
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// flagChoices are values of flags that have few.
var flagChoices = map[string][]string{
	"to":       {"json", "lines"},
	"auth":     {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"},
	"key-type": {"2k3des", "3k3des", "aes"},
	"master":   {"changeable"},
}

// completeFlag completes the value of a flag by what it calls it.
func (a *app) completeFlag(f *pflag.Flag) cobra.CompletionFunc {
	value, _ := pflag.UnquoteUsage(f)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case f.Name == "trace":
			return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
		case f.Name == "uid" && cmd.Flags().Lookup("uid") == cmd.Root().PersistentFlags().Lookup("uid"):
			return a.completeUID(cmd, typed)
		case f.Name == "key-file" || value == "FILE" || f.Name == "file" && value == "string":
			return nil, cobra.ShellCompDirectiveDefault
		case value == "KEY" || value == "SPEC" || f.Name == "key":
			return completeKey(typed)
		case value == "AID" || f.Name == "aid":
			return a.completePlace(cmd, typed, false)
		case value == "KEYNO" && len(args) > 0:
			return a.completeKeyNo(cmd, args[0], typed)
		}
		return beginningWith(typed, flagChoices[f.Name]...), cobra.ShellCompDirectiveNoFileComp
	}
}

// beginningWith are those of the choices that typed is the beginning of.
func beginningWith(typed string, choices ...string) []cobra.Completion {
	return slices.DeleteFunc(slices.Clone(choices), func(s string) bool { return !strings.HasPrefix(s, typed) })
}

// keyWays are the ways to give a key.
var keyWays = []struct{ form, what string }{
	{"@", "a file that holds it"},
	{"env:", "a variable of the environment that holds it"},
	{"exec:", "a program that prints it"},
	{"os:", "the keyring of the operating system"},
	{"pkcs11:", "a token, by the URI of the key"},
	{"prompt", "typed at the terminal"},
}

// holdsKey reports whether a text is a key, of the type if one stands in kind. It
// reads nothing elsewhere, whatever the text says.
func holdsKey(kind, text string) bool {
	t, err := key.ParseType(strings.TrimSuffix(kind, ":"))
	if err == nil {
		_, err = key.ParseTextAs(t, []byte(text))
	} else {
		_, err = key.ParseText([]byte(text))
	}
	return err == nil
}

// completeKey completes [N=]KEY: the ways to give one, files, and variables of
// the environment that hold one.
func completeKey(typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before, spec := "", typed
	if no, rest, ok := numbered(typed); ok && no <= maxKey {
		before, spec = typed[:len(typed)-len(rest)], rest
	}
	for _, kind := range []string{"", "des:", "2k3des:", "3k3des:", "aes:"} {
		rest, ok := strings.CutPrefix(spec, kind)
		file, isFile := strings.CutPrefix(rest, "@")
		switch {
		case !ok:
		case isFile:
			found, _ := filepath.Glob(escapeGlob(file) + "*")
			var out []cobra.Completion
			directive := cobra.ShellCompDirectiveNoFileComp
			for _, f := range found {
				if info, err := os.Stat(f); err == nil && info.IsDir() {
					f += string(filepath.Separator)
					directive |= cobra.ShellCompDirectiveNoSpace
				}
				out = append(out, before+kind+"@"+f)
			}
			return out, directive
		case strings.HasPrefix(rest, "env:"):
			var out []cobra.Completion
			for _, pair := range os.Environ() {
				name, text, _ := strings.Cut(pair, "=")
				if c := before + kind + "env:" + name; strings.HasPrefix(c, typed) && holdsKey(kind, text) {
					out = append(out, c)
				}
			}
			slices.Sort(out)
			return out, cobra.ShellCompDirectiveNoFileComp
		}
	}
	var found []cobra.Completion
	for _, way := range keyWays {
		if w := before + way.form; strings.HasPrefix(w, typed) {
			found = append(found, w+"\t"+way.what)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// escapeGlob is a pattern that matches s and nothing else.
func escapeGlob(s string) string {
	if filepath.Separator == '\\' {
		return s
	}
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(s)
}
