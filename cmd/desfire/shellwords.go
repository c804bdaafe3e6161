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

// quoting follows what quotes and backslashes do to the characters of a line.
type quoting struct {
	quote   rune // that is open, 0 if none is
	escaped bool // the next character
}

// plain takes the next character and reports whether it stands for what it is
// outside of quotes: it is not escaped, and neither a quote nor a backslash.
func (q *quoting) plain(c rune) bool {
	switch {
	case q.escaped:
		q.escaped = false
	case c == '\\' && q.quote != '\'':
		q.escaped = true
	case q.quote != 0:
		if c == q.quote {
			q.quote = 0
		}
	case c == '\'' || c == '"':
		q.quote = c
	default:
		return true
	}
	return false
}

// uncommented is a line without the comment that # begins where a word could.
func uncommented(line string) string {
	var q quoting
	blank := true
	for i, c := range line {
		if q.plain(c) && c == '#' && blank {
			return line[:i]
		}
		blank = q == quoting{} && unicode.IsSpace(c)
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
