package web

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"strings"
)

// filter is what a page wants to see of the traffic.
type filter struct {
	text  string // lower case
	hex   []byte // text as bytes, nil if it is none
	which string // "errors", "sessions", else all
}

func filterOf(q url.Values) filter {
	f := filter{text: strings.ToLower(strings.TrimSpace(q.Get("q"))), which: q.Get("show")}
	if b, err := hex.DecodeString(strings.Join(strings.Fields(f.text), "")); err == nil && len(b) > 0 {
		f.hex = b
	}
	return f
}

// places are where in lines those are that the filter passes; nil with all set if
// that is all of them.
func (f *filter) places(lines []*line) (at []int, all bool) {
	if f.text == "" && f.which != "errors" && f.which != "sessions" {
		return nil, true
	}
	for i, l := range lines {
		if f.passes(l) {
			at = append(at, i)
		}
	}
	return at, false
}

func (f *filter) passes(l *line) bool {
	switch {
	case f.which == "errors" && l.bad == "":
		return false
	case f.which == "sessions" && !l.session:
		return false
	case f.text == "", strings.Contains(strings.ToLower(l.name+" "+l.about), f.text), strings.Contains(strings.ToLower(l.bad), f.text):
		return true
	case f.hex == nil:
		return false
	}
	for i := range l.exchanges {
		if bytes.Contains(l.exchanges[i].Command, f.hex) || bytes.Contains(l.exchanges[i].Response, f.hex) {
			return true
		}
	}
	return false
}
