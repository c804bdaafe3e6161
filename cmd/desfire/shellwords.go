package main

import (
	"errors"
	"strings"
	"unicode"
)

// shellWords takes a command line apart as a shell does: words are parted by
// blanks, '...' is taken as it is, "..." too but for \ before " and \, and a \
// outside of both takes the next character as it is. Nothing is expanded.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote rune
	in := []rune(line)
	for i := 0; i < len(in); i++ {
		c := in[i]
		switch {
		case c == '\\' && quote != '\'':
			if i+1 == len(in) {
				return nil, errors.New(`it ends with \`)
			}
			if next := in[i+1]; quote == 0 || next == '"' || next == '\\' {
				c = next
				i++
			}
			word.WriteRune(c)
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case unicode.IsSpace(c):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("the quote " + string(quote) + " is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// uncommented is a line without the comment that # begins where a word could.
func uncommented(line string) string {
	var quote rune
	escaped, blank := false, true
	for i, c := range line {
		switch {
		case escaped:
			escaped = false
		case c == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '#' && blank:
			return line[:i]
		}
		blank = quote == 0 && !escaped && unicode.IsSpace(c)
	}
	return line
}

// quoted is a word as a line may have it: shellWords reads it back.
func quoted(word string) string {
	plain := func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("'\"\\$&;()<>|*?#`", r)
	}
	if word != "" && strings.IndexFunc(word, plain) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
