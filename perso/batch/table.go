package batch

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-desfire/desfire/keystore"
)

// Limits of tables.
const (
	maxTable   = 256 << 20 // bytes
	maxRows    = 1_000_000
	maxColumns = 1000
	maxValue   = 64 << 10 // bytes; no card holds as much
)

// TableConfig says how a table is read. The zero value, and nil, find the separator
// out and name rows by their number.
type TableConfig struct {
	// Separator stands between values; 0: comma, semicolon or tab, whichever the
	// first line has.
	Separator rune
	// Name is the column that names a row, such as a number of a person or card: no two
	// rows may have the same, and rows may move in the file and be added anywhere.
	// Empty: rows are named by their number, from 1; then they may be added at
	// the end only.
	Name string
	// UID is the column with the identifier of the card that a row is for, in
	// hexadecimal, with or without separators. Empty: a row is for any card.
	UID string
}

// Table is what cards are made from: one row a card. The first row of the file names the
// columns.
type Table struct {
	file    string
	columns []string
	name    int // column; -1 for none
	uid     int
	rows    []Row
	byName  map[string]*Row
	byUID   map[keystore.UID]*Row
}

// Row is one row of a table.
type Row struct {
	Name string       // what its column says, or its number from 1
	Line int          // of the file, where it begins
	UID  keystore.UID // of the card that it is for; empty for any

	values []string
}

// TableError is what is wrong with a table.
type TableError struct {
	File   string
	Line   int    // 0 for the file
	Column string // name; may be empty
	Reason string
}

func (e *TableError) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d", e.Line)
	}
	if e.Column != "" {
		s += fmt.Sprintf(", column %q", e.Column)
	}
	return s + ": " + e.Reason
}

// OpenTable reads the table in a file.
func OpenTable(path string, conf *TableConfig) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return ReadTable(path, f, conf)
}

// ReadTable reads a table: CSV in UTF-8, with or without a byte order mark, lines that
// end in LF or CR LF, values in quotation marks where they need them. Rows without any
// value are left out. Errors are of *TableError, with file as the name.
func ReadTable(file string, in io.Reader, conf *TableConfig) (*Table, error) {
	if conf == nil {
		conf = new(TableConfig)
	}
	t := &Table{file: file, name: -1, uid: -1, byName: map[string]*Row{}, byUID: map[keystore.UID]*Row{}}
	text, err := io.ReadAll(io.LimitReader(in, maxTable+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := t.checkText(text); err != nil {
		return nil, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	separator := conf.Separator
	if separator == 0 {
		if separator, err = t.separator(text); err != nil {
			return nil, err
		}
	}
	switch separator {
	case '"', '\r', '\n', utf8.RuneError:
		return nil, t.wrong(0, "", "%q cannot separate values", separator)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = separator
	if err := t.readColumns(r, conf); err != nil {
		return nil, err
	}
	for {
		err := t.readRow(r)
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (t *Table) wrong(line int, column, format string, args ...any) error {
	return &TableError{t.file, line, column, fmt.Sprintf(format, args...)}
}

// checkText refuses what is no text in UTF-8.
func (t *Table) checkText(text []byte) error {
	switch {
	case len(text) > maxTable:
		return t.wrong(0, "", "it has more than %d MiB", maxTable>>20)
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		return t.wrong(0, "", "it is UTF-16: save it as CSV in UTF-8")
	case len(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))) == 0:
		return t.wrong(0, "", "it is empty: the first line names the columns")
	}
	for line, rest := 1, text; len(rest) > 0; line++ {
		part, after, _ := bytes.Cut(rest, []byte{'\n'})
		rest = after
		part = bytes.TrimSuffix(part, []byte{'\r'})
		switch {
		case !utf8.Valid(part):
			return t.wrong(line, "", "it is no UTF-8: save it as CSV in UTF-8")
		case bytes.IndexByte(part, 0) >= 0:
			return t.wrong(line, "", "it has a byte 0: it is no text")
		case bytes.IndexByte(part, '\r') >= 0:
			return t.wrong(line, "", "it has a carriage return in the middle: lines end in LF or CR LF")
		}
	}
	return nil
}

// separator is what separates the names of columns.
func (t *Table) separator(text []byte) (rune, error) {
	counts := map[rune]int{}
	quoted := false
	for _, c := range string(text) {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' {
			break
		}
		if strings.ContainsRune(",;\t", c) {
			counts[c]++
		}
	}
	switch len(counts) {
	case 0:
		return ',', nil // one column
	case 1:
		for c := range counts {
			return c, nil
		}
	}
	return 0, t.wrong(1, "", "comma, semicolon and tab may all separate its values: say which does")
}

// readColumns reads the first row.
func (t *Table) readColumns(r *csv.Reader, conf *TableConfig) error {
	names, err := r.Read()
	if err != nil {
		return t.csvError(err)
	}
	if len(names) > maxColumns {
		return t.wrong(1, "", "it has %d columns; at most %d are possible", len(names), maxColumns)
	}
	seen := map[string]int{}
	for i, name := range names {
		name = strings.TrimSpace(name)
		line, _ := r.FieldPos(i)
		if name == "" {
			return t.wrong(line, "", "column %d has no name", i+1)
		}
		if before, twice := seen[name]; twice {
			return t.wrong(line, name, "columns %d and %d have the same name", before+1, i+1)
		}
		seen[name] = i
		t.columns = append(t.columns, name)
	}
	for _, c := range []struct {
		name string
		at   *int
		what string
	}{{conf.Name, &t.name, "names the rows"}, {conf.UID, &t.uid, "says which card a row is for"}} {
		if c.name == "" {
			continue
		}
		at, ok := seen[c.name]
		if !ok {
			return t.wrong(1, c.name, "there is no such column, which %s; there are %s", c.what, t.names())
		}
		*c.at = at
	}
	return nil
}

// names are the columns in a sentence.
func (t *Table) names() string {
	list := t.columns
	more := ""
	if len(list) > 20 {
		list, more = list[:20], " and others"
	}
	return quoted(list) + more
}

func (t *Table) csvError(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	switch {
	case errors.Is(p.Err, csv.ErrFieldCount):
		return t.wrong(p.StartLine, "", "it has more or fewer values than there are columns (%d)", len(t.columns))
	case errors.Is(p.Err, csv.ErrQuote), errors.Is(p.Err, csv.ErrBareQuote):
		return t.wrong(p.StartLine, "", "a quotation mark in a value is written twice, and the whole value in quotation marks")
	}
	return t.wrong(p.Line, "", "%v", p.Err)
}

// readRow reads one more row; io.EOF at the end.
func (t *Table) readRow(r *csv.Reader) error {
	values, err := r.Read()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return t.csvError(err)
	}
	line, _ := r.FieldPos(0)
	if empty(values) {
		return nil
	}
	if len(t.rows) == maxRows {
		return t.wrong(line, "", "it has more than %d rows", maxRows)
	}
	for i, v := range values {
		if len(v) > maxValue {
			return t.wrong(line, t.columns[i], "a value of %d bytes: no card holds as much", len(v))
		}
	}
	row := Row{Name: strconv.Itoa(len(t.rows) + 1), Line: line, values: values}
	if t.name >= 0 {
		if row.Name = strings.TrimSpace(values[t.name]); row.Name == "" {
			return t.wrong(line, t.columns[t.name], "it is empty, and names the row")
		}
	}
	if before, ok := t.byName[row.Name]; ok {
		return t.wrong(line, t.columns[t.name], "%q stands in line %d already", row.Name, before.Line)
	}
	if t.uid >= 0 {
		if row.UID, err = parseUID(values[t.uid]); err != nil {
			return t.wrong(line, t.columns[t.uid], "%v", err)
		}
		if before, ok := t.byUID[row.UID]; ok {
			return t.wrong(line, t.columns[t.uid], "card %v stands in line %d already", row.UID, before.Line)
		}
	}
	t.rows = append(t.rows, row)
	kept := &row
	t.byName[row.Name] = kept
	if t.uid >= 0 {
		t.byUID[row.UID] = kept
	}
	return nil
}

func empty(values []string) bool {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return false
		}
	}
	return true
}

// Columns are the names of the columns, in the order of the file.
func (t *Table) Columns() []string { return append([]string(nil), t.columns...) }

// Rows is how many rows there are.
func (t *Table) Rows() int { return len(t.rows) }

// Row is one of the rows, in the order of the file from 0.
func (t *Table) Row(i int) Row { return t.rows[i] }

// Values are the values of a row by the names of their columns; the map is the caller's.
func (t *Table) Values(r Row) map[string]string {
	m := make(map[string]string, len(t.columns))
	for i, v := range r.values {
		m[t.columns[i]] = v
	}
	return m
}

// columnOf finds a column; -1 if there is none.
func (t *Table) columnOf(name string) int {
	for i, c := range t.columns {
		if c == name {
			return i
		}
	}
	return -1
}
