// Package keytext reads the text of keys where it lies: the files, and the one
// line in them that counts. What it says in errors and gives out never holds the
// digits of a key.
package keytext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxFile bounds a key file. An encrypted one has a header per recipient.
const MaxFile = 16 << 10

// elsewhere are what texts begin with that say where a key is.
var elsewhere = []string{"@", "env:", "exec:", "pkcs11:", "os:"}

// Elsewhere reports whether s names where a key is instead of being one.
func Elsewhere(s string) bool {
	for _, form := range elsewhere {
		if strings.HasPrefix(s, form) {
			return true
		}
	}
	return s == "prompt"
}

// ReadFile reads a file of at most max bytes, and what the file system says of
// it. The caller overwrites the text. A file that is none, such as a pipe that
// nobody writes to, is waited for until the context ends.
func ReadFile(ctx context.Context, name string, max int) (text []byte, info fs.FileInfo, err error) {
	if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() {
		return readFile(name, max)
	}
	type result struct {
		text []byte
		info fs.FileInfo
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, info, err := readFile(name, max)
		done <- result{text, info, err}
	}()
	select {
	case r := <-done:
		return r.text, r.info, r.err
	case <-ctx.Done():
		go func() { clear((<-done).text) }() // it ends when somebody writes
		return nil, nil, fmt.Errorf("file %s: %w", Harmless(name), ctx.Err())
	}
}

func readFile(name string, max int) (text []byte, info fs.FileInfo, err error) {
	fail := func(err error) ([]byte, fs.FileInfo, error) {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, nil, fmt.Errorf("file %s: %w", Harmless(name), err)
	}
	f, err := os.Open(name)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return fail(err)
	}
	switch text, err = ReadAll(f, max); {
	case errors.Is(err, ErrLong):
		return fail(fmt.Errorf("has more than %d bytes", max))
	case err != nil:
		return fail(err)
	case len(text) == 0:
		return fail(errors.New("empty"))
	}
	return text, info, nil
}

// ErrLong says that there is more than was to be read.
var ErrLong = errors.New("it is too long")

// ReadAll reads at most max bytes, to the end, into one buffer, so that no copy of
// them stays: the caller overwrites it, ReadAll does where there is an error. Any
// error but io.EOF is one, also that something ends too early.
func ReadAll(r io.Reader, max int) ([]byte, error) {
	buf := make([]byte, max+1)
	for n := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		switch n += m; {
		case n == len(buf):
		case err == io.EOF:
			return buf[:n], nil
		case err != nil:
			clear(buf)
			return nil, err
		}
	}
	clear(buf)
	return nil, ErrLong
}

// Env reads a variable of the environment.
func Env(name string) ([]byte, error) {
	v, ok := os.LookupEnv(name)
	if !ok || strings.TrimSpace(v) == "" {
		return nil, fmt.Errorf("environment variable %s is not set", Harmless(name))
	}
	return []byte(v), nil
}

// Line is the one line of text that is neither blank nor a comment, which begins
// with #. It is a part of text.
func Line(text []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xFF\xFE")), bytes.HasPrefix(text, []byte("\xFE\xFF")):
		return nil, errors.New("is text in UTF-16: save it as UTF-8")
	case !printable(text):
		return nil, fmt.Errorf("holds %d bytes that are not text: a key is written in hexadecimal digits, as xxd -p writes them", len(text))
	}
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	var found []byte
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#':
		case found != nil:
			return nil, errors.New("holds more than one line: want one key, and comments after #")
		default:
			found = line
		}
	}
	if found == nil {
		return nil, errors.New("holds no key: every line is blank or a comment")
	}
	return found, nil
}

func printable(text []byte) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		text = text[n:]
	}
	return true
}

// Harmless quotes a name, and hides one that looks like the digits of a key.
func Harmless(name string) string {
	digits := 0
	for _, c := range name {
		if strings.ContainsRune("0123456789abcdefABCDEF", c) {
			digits++
		}
	}
	if digits >= 16 && digits*4 >= len(name)*3 {
		return "(name hidden: it looks like a key)"
	}
	return strconv.Quote(name)
}
