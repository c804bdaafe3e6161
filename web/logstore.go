package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
)

const (
	mostLogs      = 3      // that are kept open
	mostLogged    = 20_000 // exchanges of one
	mostGivenKeys = 64
)

// logs are the recordings that people gave the page to look at.
type logs struct {
	mu   sync.Mutex
	list []*openLog // the newest last
	next int
}

// openLog is one of them. It does not change: other keys make another one of the
// same id.
type openLog struct {
	ID       string
	Name     string
	rec      *trace.Recording
	given    []trace.Key // by a person, for this one
	Own      bool        // keys of the process are tried as well
	Defaults bool        // and those of zeros
	Result   *dissect.Result
}

// Given is how many keys a person gave for the log.
func (o *openLog) Given() int { return len(o.given) }

func (l *logs) put(o *openLog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.list, func(x *openLog) bool { return x.ID == o.ID }); i >= 0 {
		l.list[i] = o
		return
	}
	l.next++
	o.ID = fmt.Sprintf("l%d", l.next)
	if l.list = append(l.list, o); len(l.list) > mostLogs {
		l.list = slices.Delete(l.list, 0, 1)
	}
}

// get is a log by its id, the newest if that is empty, nil if there is none.
func (l *logs) get(id string) *openLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.list) - 1; i >= 0; i-- {
		if id == "" || l.list[i].ID == id {
			return l.list[i]
		}
	}
	return nil
}

func (l *logs) close(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(o *openLog) bool { return o.ID == id })
}

// others are the logs that are open besides one.
func (l *logs) others(id string) (list []*openLog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.list {
		if o.ID != id {
			list = append(list, o)
		}
	}
	return list
}

// readLog reads what somebody dropped.
func readLog(name string, data []byte) (*openLog, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the file is empty: choose one with exchanges in it")
	}
	rec, format, err := trace.Parse(data)
	switch {
	case errors.Is(err, trace.ErrDump):
		return nil, errors.New("this file holds what is on a card, not what was said: desfire dump show reads it")
	case err != nil:
		return nil, fmt.Errorf("%w; copy the lines with the frames into a file of their own if it is a log of another kind", err)
	case len(rec.Exchanges) == 0:
		return nil, errors.New("there is no exchange in it: look whether the program that wrote it logs frames at all")
	case len(rec.Exchanges) > mostLogged:
		return nil, fmt.Errorf("it has %d exchanges, at most %d are shown here: cut it into parts, or use desfire trace verify", len(rec.Exchanges), mostLogged)
	}
	rec.Format = format
	return &openLog{Name: name, rec: rec, Own: true, Defaults: true}, nil
}

// look verifies a log with the keys that it has.
func (o *openLog) look(ctx context.Context, s *Server) {
	conf := o.config(ctx, s, nil)
	o.Result = dissect.Recording(o.rec, conf)
	if !o.Own || len(o.Result.Cards) == 0 {
		return
	}
	// Keys may be made for a card: now it is known which.
	var uids [][]byte
	for _, c := range o.Result.Cards {
		uids = append(uids, c.UID)
	}
	if more := o.config(ctx, s, uids); len(more.Keys) > len(conf.Keys) {
		o.Result = dissect.Recording(o.rec, more)
	}
}

// config are the keys of a log, with those of the process for cards.
func (o *openLog) config(ctx context.Context, s *Server, uids [][]byte) *dissect.Config {
	c := &dissect.Config{Keys: slices.Clone(o.given), DefaultKeys: o.Defaults}
	if !o.Own {
		return c
	}
	for _, uid := range append([][]byte{nil}, uids...) {
		for _, k := range s.traceKeys(ctx, uid) {
			if !slices.ContainsFunc(c.Keys, func(x trace.Key) bool { return sameKey(x, k) }) {
				c.Keys = append(c.Keys, k)
			}
		}
	}
	return c
}

func sameKey(a, b trace.Key) bool {
	if a.Value == nil || b.Value == nil || a.No != b.No || (a.App == nil) != (b.App == nil) || a.App != nil && *a.App != *b.App {
		return false
	}
	return a.Note == b.Note && key.String(a.Value) == key.String(b.Value)
}

// add reads keys that a person typed, one a line or between spaces. No error
// shows a digit of them.
func (o *openLog) add(typed string) error {
	words := strings.FieldsFunc(typed, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' || r == ' ' || r == ',' || r == ';' })
	if len(words) == 0 {
		return errors.New("no key was typed: want for example aes:00112233445566778899AABBCCDDEEFF, or 123456:1=aes:… for key 1 of application 123456")
	}
	for i, w := range words {
		if strings.Contains(w, "@") || strings.Contains(w, "env:") {
			return errors.New("keys in files and variables are not read from here: put them into the keyring that desfire web was started with")
		}
		k, err := trace.ParseKey(w)
		if err != nil {
			return fmt.Errorf("key %d of %d: %s", i+1, len(words), strings.ReplaceAll(err.Error(), ", or @FILE, or env:NAME", ""))
		}
		if len(o.given) == mostGivenKeys {
			return fmt.Errorf("at most %d keys can be given here", mostGivenKeys)
		}
		k.Note = fmt.Sprintf("given here, %d", len(o.given)+1)
		o.given = append(o.given, k)
	}
	return nil
}
