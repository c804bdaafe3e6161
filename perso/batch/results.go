package batch

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire/internal/wholefile"
)

// ResultLine is a card in the file of results: one line a card, its last outcome.
type ResultLine struct {
	UID      string       `json:"uid"`
	Row      string       `json:"row,omitempty"`
	Outcome  State        `json:"outcome"` // done or failed
	Proved   bool         `json:"proved"`  // the card told its identifier in a session with a secret key
	Keys     []KeyVersion `json:"keys,omitempty"`
	Unproven []string     `json:"unproven,omitempty"`
	Words    string       `json:"words,omitempty"`
	Time     time.Time    `json:"time"`
}

var resultColumns = []string{"uid", "row", "outcome", "proved", "keys", "unproven", "words", "time"}

func lineOf(e *Entry) *ResultLine {
	return &ResultLine{e.UID.String(), e.Row, e.State, e.Proved, e.Keys, e.Unproven, e.Words, e.Time}
}

func (l *ResultLine) values() []string {
	keys := make([]string, len(l.Keys))
	for i, k := range l.Keys {
		keys[i] = k.String()
	}
	return []string{
		l.UID, noFormula(l.Row), string(l.Outcome), strconv.FormatBool(l.Proved), strings.Join(keys, " "), noFormula(strings.Join(l.Unproven, "; ")), noFormula(l.Words),
		l.Time.Format(time.RFC3339),
	}
}

var number = regexp.MustCompile(`^[+-][0-9 .,]*$`)

// noFormula is a value that a spreadsheet does not take for a formula: names of rows come
// from whoever wrote the table, and results are looked at in spreadsheets.
func noFormula(value string) string {
	if value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) && !number.MatchString(value) {
		return "'" + value
	}
	return value
}

// Format is how results are written.
type Format uint8

// Formats. FormatOf is one by the ending of a name: .csv is CSV, others are JSON lines. In
// CSV an apostrophe stands before a value that a spreadsheet would take for a formula:
// one that begins with = + - or @ and is no number.
const (
	JSONLines Format = iota
	CSV
)

// FormatOf is the format of a file by the ending of its name.
func FormatOf(path string) Format {
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		return CSV
	}
	return JSONLines
}

// WriteResults writes the results of a book from its beginning: a line for each card that
// is done or has failed; of a rotation, if to is not nil.
func (b *Book) WriteResults(w io.Writer, f Format, to *byte) error {
	out := bufio.NewWriter(w)
	if f == CSV {
		if err := writeCSV(out, resultColumns); err != nil {
			return err
		}
	}
	for _, e := range b.in(to).order {
		if e.State == Made || e.State == Broken {
			if err := lineOf(e).write(out, f); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

func (l *ResultLine) write(w io.Writer, f Format) error {
	if f == CSV {
		return writeCSV(w, l.values())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeCSV(w io.Writer, values []string) error {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	_ = c.Write(values)
	c.Flush()
	_, err := w.Write(b.Bytes())
	return err
}

// results is the file of results. It says what the book says, which has it first: what is
// missing after a crash is written when the file is opened again.
type results struct {
	path  string
	f     *os.File
	to    *byte
	stale bool // it must be written from the beginning
}

// ResultsError means that the file of results could not be written. What it should say is in the
// book, and in the file when that can be written again.
type ResultsError struct {
	Results string
	Err     error
}

func (e *ResultsError) Error() string {
	return fmt.Sprintf("%s: %v; the book has the result", e.Results, e.Err)
}

// Unwrap returns what is wrong.
func (e *ResultsError) Unwrap() error { return e.Err }

// openResults writes the file anew.
func openResults(path string, b *Book, to *byte) (*results, error) {
	if err := mayReplace(path); err != nil {
		return nil, err
	}
	r := &results{path: path, to: to}
	return r, r.renew(b)
}

// mayReplace refuses files that hold something else.
func mayReplace(path string) error {
	if st, err := os.Stat(path); err == nil {
		switch mode := st.Mode(); {
		case mode&fs.ModeNamedPipe != 0:
			return fmt.Errorf("%s is a pipe, which would be waited for: results want a file", path)
		case mode&fs.ModeDevice != 0:
			return nil // it holds nothing
		}
	}
	f, err := os.Open(path) //nolint:gosec // the caller's own
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	first, err := bufio.NewReader(io.LimitReader(f, 1<<20)).ReadBytes('\n')
	if len(first) == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if FormatOf(path) == CSV {
		var head bytes.Buffer
		_ = writeCSV(&head, resultColumns)
		if bytes.Equal(first, head.Bytes()) {
			return nil
		}
	} else if bytes.HasPrefix(first, []byte(`{"uid":`)) && bytes.Contains(first, []byte(`"outcome":`)) {
		return nil
	}
	return fmt.Errorf("%s is there, and holds no results: take another name", path)
}

// renew writes the file from the beginning.
func (r *results) renew(b *Book) error {
	r.stale = true
	r.close()
	err := wholefile.Write(r.path, ".desfire-results-", func(w io.Writer) error { return b.WriteResults(w, FormatOf(r.path), r.to) })
	if err != nil {
		return &ResultsError{r.path, err}
	}
	if r.f, err = os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND, 0); err != nil { //nolint:gosec // the caller's own
		return &ResultsError{r.path, err}
	}
	r.stale = false
	return nil
}

// add writes what became of a card. again says that the file has a line about it already.
func (r *results) add(b *Book, e *Entry, again bool) error {
	if r.stale || again {
		return r.renew(b)
	}
	if err := lineOf(e).write(r.f, FormatOf(r.path)); err != nil {
		r.stale = true
		return &ResultsError{r.path, err}
	}
	return nil
}

func (r *results) close() {
	if r.f != nil {
		_ = r.f.Close()
		r.f = nil
	}
}
