package trace

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/framelog"
	"github.com/go-desfire/desfire/wire"
)

// Skipped is a line of a log that looked like traffic and was not taken.
type Skipped struct {
	Line   int    `json:"line"` // from 1
	Text   string `json:"text"` // the line, shortened: digits that may be of a key are left out
	Reason string `json:"reason"`

	// Control tells that nothing is missing: the line is of the link to the
	// reader, of the anticollision, or says something else than frames.
	Control bool `json:"control"`
}

func (s Skipped) String() string {
	if s.Text == "" {
		return fmt.Sprintf("line %d: %s", s.Line, s.Reason)
	}
	return fmt.Sprintf("line %d: %s: %s", s.Line, s.Reason, s.Text)
}

// Missed are the lines of Skipped that may have been traffic of the card.
func (r *Recording) Missed() []Skipped {
	list := []Skipped{}
	for _, s := range r.Skipped {
		if !s.Control {
			list = append(list, s)
		}
	}
	return list
}

// Errors of files that are no recording.
var (
	// ErrFormat says that nothing in a file can be read as an exchange.
	ErrFormat = errors.New("this is no recording that can be read: want the JSON of a recording, lines of hexadecimal digits that start with > and <, " +
		"or the log of another program: Proxmark, libnfc, pcscd, pcsc-spy, OpenSC, pyscard, scriptor, GlobalPlatformPro, nfc-pcsc, ChameleonMini, Android, " +
		"NCI, or any with labels as TX: and RX:, IN and OUT, command and response")

	// ErrDump says that a file holds what is on a card, and no traffic.
	ErrDump = errors.New("this is a dump of what is on a card, no recording of traffic: desfire dump show reads it")
)

// Parse reads a recording, or the log of another program, and tells its format.
func Parse(data []byte) (*Recording, Format, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))
	if len(text) == 0 {
		return nil, 0, errors.New("the file is empty")
	}
	if text[0] == '{' {
		r, err := decodeJSON(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))
		if err == nil {
			return r, FormatJSON, nil
		}
		if isDump(text) {
			return nil, FormatJSON, ErrDump
		}
		if bytes.Contains(text, []byte(`"exchanges"`)) {
			return nil, FormatJSON, err
		}
		// Another program writes JSON, too.
		if r, f, logErr := parseLog(data); logErr == nil {
			return r, f, nil
		}
		return nil, FormatJSON, err
	}
	if isDump(text) {
		return nil, 0, ErrDump
	}
	return parseLog(data)
}

// parseLog reads the log of another program.
func parseLog(data []byte) (*Recording, Format, error) {
	text, err := framelog.Decode(data)
	if err != nil {
		return nil, 0, fmt.Errorf("%v: %w", err, ErrFormat)
	}
	if isDump([]byte(text[:min(len(text), 4096)])) {
		return nil, 0, ErrDump
	}
	l, err := framelog.Read(text)
	if err != nil {
		return nil, 0, err
	}
	if len(l.Exchanges) == 0 {
		return nil, 0, nothing(l)
	}
	f := formatOf[l.Kinds[0]]
	names := make([]string, len(l.Kinds))
	for i, k := range l.Kinds {
		names[i] = k.String()
	}
	r := &Recording{Format: f, Source: strings.Join(names, ", "), Notes: strings.Join(l.Notes, "; "), Card: Card{Reader: l.Reader}}
	for _, k := range l.Skipped {
		r.Skipped = append(r.Skipped, Skipped(k))
	}
	for i := range l.Exchanges {
		x := &l.Exchanges[i]
		e := Exchange{Command: x.Command.Bytes, Reset: x.Reset, Failed: x.Failed, At: x.Sent, Took: x.Took}
		if e.CutCommand, err = spanOf(x.Command.Comment, e.Command); err != nil {
			return nil, f, fmt.Errorf("%v: line %d: %w", f, x.Command.Line, err)
		}
		if a := x.Answer; a != nil {
			e.Response = a.Bytes
			if e.CutResponse, err = spanOf(a.Comment, e.Response); err != nil {
				return nil, f, fmt.Errorf("%v: line %d: %w", f, a.Line, err)
			}
		}
		r.Exchanges = append(r.Exchanges, e)
	}
	r.Framing = guessFraming(r.Exchanges)
	for i := range r.Exchanges {
		if f := framingName(&r.Exchanges[i]); f != r.Framing {
			r.Exchanges[i].Framing = f
		}
	}
	return r, f, nil
}

// maxNamed is how many lines an error names.
const maxNamed = 5

// nothing is the error of a log without exchanges: what looked like traffic and
// why it was not taken.
func nothing(l *framelog.Log) error {
	if len(l.Skipped) == 0 {
		return ErrFormat
	}
	var named []string
	for _, s := range l.Skipped[:min(len(l.Skipped), maxNamed)] {
		named = append(named, Skipped(s).String())
	}
	if n := len(l.Skipped) - len(named); n > 0 {
		named = append(named, fmt.Sprintf("and %d more", n))
	}
	return fmt.Errorf("what looks like traffic could not be taken (%s): %w", strings.Join(named, "; "), ErrFormat)
}

// isDump reports whether a file is one of those that hold the content of cards.
func isDump(text []byte) bool {
	head := string(text[:min(len(text), 2048)])
	if strings.HasPrefix(head, "Filetype: ") {
		return true
	}
	for _, sign := range [...]string{"<card type=", "<card id=", "com.codebutler.farebot", `"FileType"`, `"scannedAt"`} {
		if strings.Contains(head, sign) && (head[0] == '<' || head[0] == '{') {
			return true
		}
	}
	return false
}

// guessFraming is the framing of the first exchange.
func guessFraming(list []Exchange) string {
	if len(list) > 0 && list[0].framing("") == wire.FramingNative {
		return Native
	}
	return ISO
}
