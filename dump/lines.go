package dump

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// lines is a text of lines "name: value", as Flipper Zero writes them.
type lines struct {
	format Format
	byName map[string]*entry
	order  []*entry
	cutOff bool // the file is known to end too early
}

// errNoLine is a line that is missing.
var errNoLine = errors.New("a line is missing")

// cut reports whether an error is that the file ends within the lines whose names
// begin so.
func (l *lines) cut(err error, of string) bool {
	return errors.Is(err, errNoLine) && (l.cutOff || strings.HasPrefix(l.order[len(l.order)-1].name, of))
}

// has reports whether there are lines whose names begin so.
func (l *lines) has(of string) bool {
	return slices.ContainsFunc(l.order, func(e *entry) bool { return strings.HasPrefix(e.name, of) })
}

type entry struct {
	name, value string
	line        int
	used        bool
}

func (e *entry) fault(format Format, text string, args ...any) error {
	return &FormatError{format, e.line, fmt.Sprintf("%.60q: ", e.name) + fmt.Sprintf(text, args...), nil}
}

// readLines reads a file of lines. Where its last line is none, and has no end,
// the file was cut off there, and is read without it.
func readLines(data []byte) (*Dump, error) {
	d, err := readAllLines(data, false)
	var fault *FormatError
	at := bytes.LastIndexByte(data, '\n') + 1
	last := bytes.Count(data[:at], []byte("\n")) + 1
	if at == 0 || at == len(data) || !errors.As(err, &fault) || fault.Line != last && !errors.Is(err, errNoLine) {
		return d, err
	}
	whole, again := readAllLines(data[:at], true)
	if again != nil {
		return d, err
	}
	whole.note("the file ends in the middle of line %d, which is not read", last)
	return whole, nil
}

// readAllLines tells the formats of lines apart.
func readAllLines(data []byte, cutOff bool) (*Dump, error) {
	l := &lines{byName: map[string]*entry{}, cutOff: cutOff}
	n := 0
	for raw := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(raw))
		if text == "" || text[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		name = strings.TrimSpace(name)
		switch first := len(l.order) == 0; {
		case (!ok || name == "") && first:
			return nil, &FormatError{"", n, `it has no "name: value", and the file is no JSON`, nil}
		case !ok || name == "":
			return nil, &FormatError{l.format, n, `it has no "name: value"`, nil} // nothing of it is shown: it may be part of a key
		}
		e := &entry{name: name, value: strings.TrimSpace(value), line: n}
		if other := l.byName[name]; other != nil {
			return nil, e.fault(l.format, "it stands there twice, first in line %d", other.line)
		}
		if len(l.order) == 0 {
			switch {
			case name == "Filetype" && e.value == "Flipper NFC device":
				l.format = FormatFlipper
			case name == "Filetype" && strings.HasSuffix(e.value, "DFC Credential"):
				l.format = FormatDFC
			default:
				return nil, &FormatError{"", n, `want "Filetype: Flipper NFC device" or "Filetype: DFC Credential"`, nil}
			}
			e.used = true
		}
		l.byName[name] = e
		l.order = append(l.order, e)
	}
	if len(l.order) == 0 {
		return nil, &FormatError{Reason: "there is nothing in it but comments"}
	}
	if l.format == FormatFlipper {
		return readFlipper(l)
	}
	return readDFC(l)
}

// get is a line by its name, which counts as read then.
func (l *lines) get(format string, args ...any) (*entry, bool) {
	e := l.byName[fmt.Sprintf(format, args...)]
	if e != nil {
		e.used = true
	}
	return e, e != nil
}

// need is get of a line that must be there.
func (l *lines) need(name string) (*entry, error) {
	e, ok := l.get("%s", name)
	if !ok {
		return nil, &FormatError{l.format, 0, fmt.Sprintf("the line %q is missing", name), errNoLine}
	}
	return e, nil
}

// bytes are pairs of digits with blanks between; n is how many, 0 for any number.
func (l *lines) bytes(e *entry, n int) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(e.value, " ", ""))
	switch {
	case err != nil:
		return nil, e.fault(l.format, "want bytes in hexadecimal")
	case n > 0 && len(b) != n:
		return nil, e.fault(l.format, "%d bytes, want %d", len(b), n)
	}
	return b, nil
}

// oneByte is a byte in hexadecimal.
func (l *lines) oneByte(e *entry) (byte, error) {
	b, err := l.bytes(e, 1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// number is decimal, in a range.
func (l *lines) number(e *entry, least, most int64) (int64, error) {
	v, err := strconv.ParseInt(e.value, 10, 64)
	if err != nil || v < least || v > most {
		return 0, e.fault(l.format, "want a number, %d to %d", least, most)
	}
	return v, nil
}

// boolean is true or false.
func (l *lines) boolean(e *entry) (bool, error) {
	switch e.value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, e.fault(l.format, "want true or false")
}

// left notes what nobody has read. ignored are beginnings of names that say
// nothing of a card's content.
func (l *lines) left(d *Dump, ignored ...string) {
	for _, e := range l.order {
		if !e.used && !slices.ContainsFunc(ignored, func(s string) bool { return strings.HasPrefix(e.name, s) }) {
			d.note("line %d, %.60q, is not read", e.line, e.name)
		}
	}
}
