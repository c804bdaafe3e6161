package main

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/keystore"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// hiddenKey stands in the history where a key was.
const hiddenKey = "HIDDEN"

// between parts words; nobody types it.
const between = "\x00"

// withoutKeys is a line as the history keeps it: what may be a key is hidden.
// It is empty if nothing of it is to be kept, as of a line that begins with a
// blank.
func (s *shell) withoutKeys(line string) string {
	words, err := shellWords(uncommented(line))
	if err != nil || len(words) == 0 || strings.Contains(line, between) || line[0] == ' ' || line[0] == '\t' {
		return ""
	}
	cmd, _, err := s.cmd.Root().Find(words)
	if err != nil {
		cmd = s.cmd.Root()
	}
	key := false // what follows the word before is one
	for i, word := range words {
		flag, value, takes := s.keyFlag(cmd, word)
		was := key
		key = takes && value == "" && !strings.HasSuffix(word, "=") && !was
		switch {
		case was:
			words[i] = shownKey(word)
		case key:
		case takes:
			words[i] = flag + shownKey(value)
		case looksTyped(word):
			words[i] = hiddenKey
		}
	}
	// A row of digits may go over several words, which become one then.
	words = strings.Split(hideDigits(strings.Join(words, between)), between)
	for i, word := range words {
		words[i] = quoted(word)
	}
	return strings.Join(words, " ")
}

// shownKey is the value of a flag that takes a key, if it only says where that
// is.
func shownKey(value string) string {
	before, spec := "", value
	if _, rest, ok := numbered(value); ok {
		before, spec = value[:len(value)-len(rest)], rest
	}
	if keystore.SourceOf(spec) == "" {
		return before + hiddenKey
	}
	return value
}

// looksTyped reports whether a word is a key in its written form.
func looksTyped(word string) bool {
	_, spec, ok := numbered(word)
	if !ok {
		spec = word
	}
	kind, rest, ok := strings.Cut(strings.ToLower(spec), ":")
	return ok && slices.Contains([]string{"des", "2k3des", "3k3des", "aes"}, kind) && keystore.SourceOf(rest) == ""
}

// keyFlag parts a word that is a flag for a key from the key, if that is in the
// same word: --key=KEY, -k=KEY, -kKEY, and behind other letters -qkKEY. For some
// verbs -k is another flag.
func (s *shell) keyFlag(cmd *cobra.Command, word string) (flag, value string, ok bool) {
	flags := s.keyFlags()
	if name, value, _ := strings.Cut(word, "="); slices.Contains(flags, name) && strings.HasPrefix(name, "--") {
		return word[:len(word)-len(value)], value, true
	}
	if len(word) < 2 || word[0] != '-' || word[1] == '-' {
		return "", "", false
	}
	letters := strings.TrimLeft(word[1:], switches)
	if letters == "" || !slices.Contains(flags, "-"+letters[:1]) {
		return "", "", false
	}
	if f := cmd.Flags().ShorthandLookup(letters[:1]); f != nil && f.NoOptDefVal != "" {
		return "", "", false
	}
	value = strings.TrimPrefix(letters[1:], "=")
	return word[:len(word)-len(value)], value, true
}

// switches are the flags of one letter that take nothing, and may stand in one
// word with another.
const switches = "nqvy"

// keyFlags are the flags that take keys, with their dashes.
func (s *shell) keyFlags() []string {
	if s.takeKeys == nil {
		found := map[string]bool{}
		add := func(f *pflag.Flag) {
			if value, _ := pflag.UnquoteUsage(f); value == "KEY" || value == "SPEC" || strings.HasSuffix(f.Name, "key") {
				found["--"+f.Name] = true
				if f.Shorthand != "" {
					found["-"+f.Shorthand] = true
				}
			}
		}
		var walk func(cmd *cobra.Command)
		walk = func(cmd *cobra.Command) {
			cmd.LocalFlags().VisitAll(add)
			for _, c := range cmd.Commands() {
				walk(c)
			}
		}
		walk(s.cmd.Root())
		for name := range found {
			s.takeKeys = append(s.takeKeys, name)
		}
	}
	return s.takeKeys
}

// fewDigits is how many hexadecimal digits in a row are no key: those of seven
// bytes. An identifier has so many.
const fewDigits = 14

// hideDigits hides rows of hexadecimal digits that could be a key, however they
// are parted: anything but another letter does not end a row. A wrapped frame
// that selects or asks for something is none.
func hideDigits(line string) string {
	var out strings.Builder
	digits, from := 0, 0 // of the row that goes on
	flush := func(to int) {
		part := line[from:to]
		if digits > fewDigits && !harmlessFrame(part) {
			first := strings.IndexFunc(part, isHexDigit)
			last := strings.LastIndexFunc(part, isHexDigit)
			part = part[:first] + hiddenKey + part[last+1:]
		}
		out.WriteString(part)
		digits, from = 0, to
	}
	for at := 0; at < len(line); {
		end := at + wordLength(line[at:])
		switch word := line[at:end]; {
		case word == "":
			_, n := utf8.DecodeRuneInString(line[at:])
			end = at + n
		case strings.IndexFunc(word, unicode.IsDigit) < 0 && strings.IndexFunc(word, notHex) >= 0:
			flush(at) // a word of a language
			flush(end)
		default:
			for i, r := range word {
				switch {
				case isHexDigit(r):
					digits++
				case (r == 'x' || r == 'X') && i > 0 && word[i-1] == '0': // 0x
					digits--
				default:
					flush(at + i)
				}
			}
		}
		at = end
	}
	flush(len(line))
	return out.String()
}

// wordLength is how long the letters and digits are that a text begins with.
func wordLength(s string) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }); n >= 0 {
		return n
	}
	return len(s)
}

func isHexDigit(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}

func notHex(r rune) bool { return !isHexDigit(r) }

// harmlessFrame reports whether digits are a wrapped frame with fewer data than
// the shortest key has.
func harmlessFrame(digits string) bool {
	b, err := parseHex(strings.ReplaceAll(strings.Trim(digits, between), between, " "))
	if err != nil || len(b) < 5 {
		return false
	}
	data := len(b) - 5
	return (b[0] == 0x90 || b[0] == 0x00) && data <= fewDigits/2+1 && (data == int(b[4]) || data == int(b[4])+1) && int(b[4]) <= fewDigits/2
}
