package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/internal/visible"
)

// maxSize is more than any card takes: 32 KiB of memory, in digits and with all
// that is said about them.
const maxSize = 8 << 20

// FormatError says that a file is no dump, or a damaged one, and where.
type FormatError struct {
	Format Format // empty: none that Read knows
	Line   int    // from 1; 0: the file as a whole
	Reason string
	Err    error
}

func (e *FormatError) Error() string {
	what := "not a file that can be read as a dump"
	if e.Format != "" {
		what = e.Format.Words()
	}
	reason := visible.Text(e.Reason)
	if e.Line > 0 {
		return fmt.Sprintf("%s: line %d: %s", what, e.Line, reason)
	}
	return what + ": " + reason
}

func (e *FormatError) Unwrap() error { return e.Err }

// Read reads a file of any of the formats. The error is a *FormatError.
func Read(data []byte) (*Dump, error) {
	d, err := read(data)
	if err == nil {
		return d, nil
	}
	var known *FormatError
	if errors.As(err, &known) {
		return nil, err
	}
	return nil, &FormatError{Reason: err.Error(), Err: err}
}

func read(data []byte) (*Dump, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	text := bytes.TrimSpace(data)
	switch {
	case len(data) > maxSize:
		return nil, &FormatError{Reason: fmt.Sprintf("it has more than %d MiB", maxSize>>20)}
	case len(text) == 0:
		return nil, &FormatError{Reason: "it is empty"}
	case text[0] == '{':
		return readJSON(data)
	case text[0] == '<':
		return readFarebot(data)
	case data[0] == derCredential:
		return readDFCB(data)
	}
	return readLines(data)
}

// readJSON tells the JSON formats apart by the members that name them.
func readJSON(data []byte) (*Dump, error) {
	var names map[string]json.RawMessage
	if err := strictjson.Check(data, map[string]any{}); err != nil {
		return nil, located("", err)
	}
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, &FormatError{Reason: "this is no JSON object"}
	}
	said := func(name string) (s string) {
		_ = json.Unmarshal(names[name], &s) // another kind of value is no name
		return s
	}
	switch format, typ := said("format"), said("FileType"); {
	case format == string(FormatOwn):
		return readOwn(data)
	case format == string(FormatImage):
		return readImage(data)
	case strings.HasPrefix(typ, "mfdes"):
		return readProxmark(data, typ)
	case names["apps"] != nil && names["version"] != nil:
		return readCollected(data)
	case format != "":
		return nil, &FormatError{Reason: fmt.Sprintf(`"format" is %.40q, want %q`, format, FormatOwn)}
	case typ != "":
		return nil, &FormatError{Reason: fmt.Sprintf(`"FileType" is %.40q, want "mfdes v1"`, typ)}
	}
	return nil, &FormatError{Reason: fmt.Sprintf(`it is JSON without "format": %q`, FormatOwn)}
}

// ownFile is all that a dump may hold.
type ownFile struct {
	header
	members
}

func readOwn(data []byte) (*Dump, error) {
	var v struct {
		Version json.Number `json:"version"`
	}
	if err := json.Unmarshal(data, &v); err == nil {
		// A newer version may have members of which this one knows nothing.
		if n, err := v.Version.Int64(); err == nil && n > version {
			return nil, &FormatError{FormatOwn, 0, fmt.Sprintf("it has version %d, this program knows up to %d: update the program", n, version), nil}
		}
	}
	if err := strictjson.Check(data, ownFile{}); err != nil {
		return nil, located(FormatOwn, err)
	}
	var h header
	c := new(inspect.Card)
	if err := errors.Join(json.Unmarshal(data, &h), json.Unmarshal(data, c)); err != nil {
		return nil, &FormatError{FormatOwn, 0, err.Error(), err}
	}
	if err := bounded(c); err != nil {
		return nil, &FormatError{FormatOwn, 0, err.Error(), err}
	}
	if h.Version < 1 {
		return nil, &FormatError{FormatOwn, 0, fmt.Sprintf("version is %d, want 1 to %d", h.Version, version), nil}
	}
	d := &Dump{Format: FormatOwn, Version: h.Version, By: h.By, Card: c}
	if h.Written != "" {
		at, err := time.Parse(time.RFC3339, h.Written)
		if err != nil {
			return nil, &FormatError{FormatOwn, 0, fmt.Sprintf("written is %.40q, want a time as 2026-03-01T10:00:00Z", h.Written), nil}
		}
		d.Written = at
	}
	return d, nil
}

// bounded refuses lists that are longer than any card's: comparing cards takes
// time by the square of them.
func bounded(c *inspect.Card) error {
	if n := len(c.Applications); n > maxApplications {
		return fmt.Errorf("there are %d applications, a card has up to %d", n, maxApplications)
	}
	keys := len(c.KeyVersions)
	for i := range c.Applications {
		a := &c.Applications[i]
		keys = max(keys, len(a.KeyVersions), len(a.KeySets))
	}
	if keys > maxKeys {
		return fmt.Errorf("there is a list of %d keys, want up to %d", keys, maxKeys)
	}
	return nil
}

// located is a fault of a JSON text as a FormatError.
func located(f Format, err error) error {
	var e *strictjson.Error
	if !errors.As(err, &e) {
		return &FormatError{f, 0, err.Error(), err}
	}
	reason := e.Reason
	if e.Member != "" {
		reason = e.Member + ": " + reason
	}
	return &FormatError{f, e.Line, reason, e.Err}
}
