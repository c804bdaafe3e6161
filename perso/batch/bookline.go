package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// bookFormat is in the first line of a book.
const bookFormat = "desfire book/v1"

// State is where a card is.
type State string

// States of a card. Released is that of one that has lost its row.
const (
	Bound    State = "bound"    // to its row: it may have been changed
	Made     State = "done"     // made and verified
	Broken   State = "failed"   // it could not be made what it should be
	Released State = "released" // its row is free
)

// KeyVersion is the version of a key that a card was proved to hold.
type KeyVersion struct {
	Application wire.Place `json:"application"`
	Key         string     `json:"key"` // number or role, as in a keystore.Ref
	Version     byte       `json:"version"`
}

// String is APPLICATION/KEY:VERSION, the version in hexadecimal.
func (k KeyVersion) String() string {
	return fmt.Sprintf("%v/%s:%02X", k.Application, k.Key, k.Version)
}

// line is a line of a book: the first kind of members opens it, or goes on with another
// layout; the second is about a card.
type line struct {
	Book   string `json:"book,omitempty"`
	Layout string `json:"layout,omitempty"`
	Names  string `json:"names,omitempty"` // column that names rows
	UIDs   string `json:"uids,omitempty"`  // column that says which card a row is for
	Salt   string `json:"salt,omitempty"`

	UID     string            `json:"uid,omitempty"`
	Row     *string           `json:"row,omitempty"`
	To      *byte             `json:"to,omitempty"` // version of keys, of a rotation
	State   State             `json:"state,omitempty"`
	Proved  bool              `json:"proved,omitempty"`
	Columns map[string]string `json:"columns,omitempty"` // marks of values
	Keys    []KeyVersion      `json:"keys,omitempty"`
	Open    []string          `json:"unproven,omitempty"`
	Words   string            `json:"words,omitempty"`

	Time time.Time `json:"time"`
}

func (l *line) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(l) // ends in a newline
	return b.Bytes(), err
}

func decodeLine(text []byte) (*line, error) {
	if err := strictjson.Check(text, line{}); err != nil {
		var f *strictjson.Error
		if errors.As(err, &f) {
			return nil, errors.New(strings.TrimPrefix(f.Error(), fmt.Sprintf("line %d: ", f.Line)))
		}
		return nil, err
	}
	l := new(line)
	if err := json.Unmarshal(text, l); err != nil {
		return nil, err
	}
	return l, nil
}

// uid is the card of the line.
func (l *line) uid() (keystore.UID, error) {
	uid, ok := decodeUID(l.UID)
	if !ok {
		return "", errors.New("it names no card")
	}
	return uid, nil
}

// Entry is what a book knows of a card.
type Entry struct {
	UID      keystore.UID
	Row      string // name; empty where cards are made without a table
	State    State
	Proved   bool         // the card has told its identifier in a session with a secret key
	Keys     []KeyVersion // when it was done
	Unproven []string     // what could not be compared or proved when it was done
	Words    string       // why it failed
	Bound    time.Time
	Time     time.Time // of the state

	hasRow  bool
	columns map[string]string
}

// chapter is all cards of one purpose: of making, or of changing keys to one version.
type chapter struct {
	byUID map[keystore.UID]*Entry
	byRow map[string]*Entry
	order []*Entry // by the time of binding
}

func newChapter() *chapter {
	return &chapter{byUID: map[keystore.UID]*Entry{}, byRow: map[string]*Entry{}}
}

// take makes a line that was written part of the chapter, or says what contradicts it.
func (c *chapter) take(l *line) error {
	uid, err := l.uid()
	if err != nil {
		return err
	}
	e := c.byUID[uid]
	if l.State == Bound {
		switch {
		case e != nil:
			return fmt.Errorf("card %v is bound a second time", uid)
		case l.Row != nil && l.To == nil && c.byRow[*l.Row] != nil:
			return fmt.Errorf("row %q is bound a second time", *l.Row)
		}
		e = &Entry{UID: uid, State: Bound, Proved: l.Proved, Bound: l.Time, Time: l.Time, columns: l.Columns}
		if l.Row != nil {
			e.Row, e.hasRow = *l.Row, l.To == nil
		}
		if e.hasRow {
			c.byRow[e.Row] = e
		}
		c.byUID[uid] = e
		c.order = append(c.order, e)
		return nil
	}
	if e == nil {
		return fmt.Errorf("card %v is %s, and was not bound", uid, l.State)
	}
	e.State, e.Time, e.Words = l.State, l.Time, l.Words
	switch l.State {
	case Made:
		e.Proved, e.Keys, e.Unproven = e.Proved || l.Proved, l.Keys, l.Open
	case Broken:
	case Released:
		delete(c.byUID, uid)
		if e.hasRow {
			delete(c.byRow, e.Row)
		}
	default:
		return fmt.Errorf("state %q is not known", l.State)
	}
	return nil
}
