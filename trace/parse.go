package trace

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-desfire/desfire/wire"
)

// Format is a way to write a recording down.
type Format uint8

// Formats.
const (
	FormatJSON     Format = iota // our own, that of testdata/traces
	FormatLines                  // "> 9060000000" and "< 04010133001805 91AF"
	FormatPyscard                // what ConsoleCardConnectionObserver prints
	FormatPcscd                  // pcscd --apdu
	FormatPM3                    // the APDU log of Proxmark's hf mfdes
	FormatPM3Trace               // Proxmark's trace list
)

func (f Format) String() string {
	names := [...]string{"JSON recording", "hex lines", "pyscard log", "pcscd log", "Proxmark APDU log", "Proxmark trace list"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("trace.Format(%d)", uint8(f))
}

// ErrFormat says that the format of a file is none of those known.
var ErrFormat = errors.New("this is no recording that can be read: want the JSON of a recording, lines of hexadecimal digits that start with > and <, " +
	"or the log of pcscd --apdu, of pyscard's console observer, or of Proxmark (APDU log or trace list)")

// Parse reads a recording and tells its format.
func Parse(data []byte) (*Recording, Format, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	text := bytes.TrimSpace(data)
	if len(text) == 0 {
		return nil, 0, errors.New("the file is empty")
	}
	if text[0] == '{' {
		r, err := decodeJSON(data)
		return r, FormatJSON, err
	}
	if !utf8.Valid(data) && bytes.IndexByte(data, 0) >= 0 {
		return nil, 0, fmt.Errorf("a binary file: %w", ErrFormat)
	}
	lines := splitLines(string(data))
	f, ok := detect(lines)
	if !ok {
		return nil, 0, ErrFormat
	}
	var p pairs
	var err error
	switch f {
	case FormatPcscd:
		err = readPcscd(&p, lines)
	case FormatPM3Trace:
		err = readPM3Trace(&p, lines)
	default:
		err = readLines(&p, lines, f)
	}
	if err == nil && len(p.list) == 0 {
		err = ErrEmpty
	}
	if err != nil {
		return nil, f, fmt.Errorf("%v: %w", f, err)
	}
	r := &Recording{Source: f.String(), Exchanges: p.list, Notes: p.note, Card: Card{Reader: p.reader}}
	r.Framing = guessFraming(r.Exchanges)
	for i := range r.Exchanges {
		if f := framingName(&r.Exchanges[i]); f != r.Framing {
			r.Exchanges[i].Framing = f
		}
	}
	return r, f, nil
}

// guessFraming is the framing of the first exchange.
func guessFraming(list []Exchange) string {
	if len(list) > 0 && list[0].framing("") == wire.FramingNative {
		return Native
	}
	return ISO
}

// detect looks for lines that only one format has.
func detect(lines []string) (f Format, ok bool) {
	plain := false
	pyscard := false
	for _, l := range lines {
		if _, _, ok := pcscdLine(l); ok {
			return FormatPcscd, true
		}
		if src, _, ok := pm3Row(l); ok && src != "" {
			return FormatPM3Trace, true
		}
		dir, rest, ok := marked(l)
		if !ok {
			t := strings.TrimSpace(l)
			pyscard = pyscard || strings.HasPrefix(t, "connecting to ") || strings.HasPrefix(t, "reconnecting to ")
			continue
		}
		if strings.Contains(l, ">>>>") || strings.Contains(l, "<<<<") {
			return FormatPM3, true
		}
		plain = true
		pyscard = pyscard || !dir && strings.HasPrefix(rest, "[]")
	}
	if pyscard && plain {
		return FormatPyscard, true
	}
	return FormatLines, plain
}

// pairs joins commands and answers as they are read.
type pairs struct {
	list   []Exchange
	open   bool // the last exchange has no answer yet
	reset  bool
	reader string
	note   string
}

func (p *pairs) command(b []byte) {
	p.list = append(p.list, Exchange{Command: b, Reset: p.reset && len(p.list) > 0})
	p.open, p.reset = true, false
}

// answer reports whether there was a command for it.
func (p *pairs) answer(b []byte) bool {
	if !p.open {
		return false
	}
	p.list[len(p.list)-1].Response = b
	p.open = false
	return true
}

func splitLines(s string) []string {
	lines := strings.Split(strings.ReplaceAll(s, "\r", "\n"), "\n")
	for i, l := range lines {
		lines[i] = stripANSI(l)
	}
	return lines
}

// stripANSI removes the escape sequences of terminals.
func stripANSI(s string) string {
	if !strings.Contains(s, "\x1b[") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i+2:]
		for len(s) > 0 {
			c := s[0]
			s = s[1:]
			if c >= '@' && c <= '~' {
				break
			}
		}
	}
}
