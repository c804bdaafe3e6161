package evidence

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// redaction is a recording made fit for a public place.
type redaction struct {
	rec     *trace.Recording
	done    []string // what was taken out
	remains []string // what is personal, and still there
}

// redact takes out of a recording what need not be known. opened is what Verify
// found in it. With keys, all stays that verifying it needs.
func redact(rec *trace.Recording, opened *trace.Result, withKeys, keepUID bool) *redaction {
	r := &redaction{done: []string{}, remains: []string{}}
	if withKeys {
		r.rec = whole(rec)
		r.rec.Keys = opened.Used
	} else {
		r.rec = rec.Redacted()
		r.without(rec)
	}
	if r.rec.Notes != "" {
		r.rec.Notes = ""
		r.done = append(r.done, "the notes, which may say anything")
	}
	if name := serial.ReplaceAllString(r.rec.Card.Reader, "(serial)"); name != r.rec.Card.Reader {
		r.rec.Card.Reader = name
		r.done = append(r.done, "the serial number in the reader's name")
	}
	for i := range r.rec.Exchanges { // what a transport says may name anything
		if e := &r.rec.Exchanges[i]; e.Failed != "" {
			e.Failed = "no answer"
		}
	}
	r.uids(opened, withKeys, keepUID)
	r.personal(opened)
	return r
}

var serial = regexp.MustCompile(`\([0-9A-Za-z]{6,}\)`)

// whole is a copy of a recording with all that is in it.
func whole(rec *trace.Recording) *trace.Recording {
	c := *rec
	c.Exchanges = slices.Clone(rec.Exchanges)
	for i := range c.Exchanges {
		e := &c.Exchanges[i]
		e.Command, e.Response = slices.Clone(e.Command), slices.Clone(e.Response)
	}
	return &c
}

// without says what a recording lacks that is filed without keys.
func (r *redaction) without(rec *trace.Recording) {
	if len(rec.Keys) > 0 || len(rec.RndA) > 0 {
		r.done = append(r.done, "keys and random numbers that stood in it")
	}
	var cut []int
	presets := false
	for i := range rec.Exchanges {
		before, after := &rec.Exchanges[i], &r.rec.Exchanges[i]
		presets = presets || before.Preset != nil
		if after.CutCommand != before.CutCommand || after.CutResponse != before.CutResponse {
			cut = append(cut, i)
		}
	}
	if presets {
		r.done = append(r.done, "session keys that stood in it")
	}
	if cut != nil {
		r.done = append(r.done, "what would tell a new key, in "+exchanges(cut))
	}
}

// exchanges names some exchanges.
func exchanges(list []int) string {
	slices.Sort(list)
	list = slices.Compact(list)
	const most = 8
	var s []string
	for _, i := range list[:min(len(list), most)] {
		s = append(s, fmt.Sprint(i))
	}
	text := "exchange " + s[0]
	if len(s) > 1 {
		text = "exchanges " + strings.Join(s, ", ")
	}
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// maxUIDs bounds how many chips a recording is looked through for.
const maxUIDs = 16

// uids puts other identifiers in the place of those of chips, the same for the
// same one, unless something protects one of them.
func (r *redaction) uids(opened *trace.Result, withKeys, keep bool) {
	list := identifiers(r.rec, opened)
	if more := len(list) - maxUIDs; more > 0 {
		r.remains = append(r.remains, fmt.Sprintf("%d UIDs of more than %d cards", more, maxUIDs))
		list = list[:maxUIDs]
	}
	for n, uid := range list {
		var fixed, sealed []int
		for _, m := range opened.Messages {
			if dependsOnUID(&m) {
				fixed = append(fixed, m.First)
			}
		}
		for i := range r.rec.Exchanges {
			e := &r.rec.Exchanges[i]
			if occurrences(e.Command, uid)+occurrences(e.Response, uid) > 0 {
				text := occurrences(e.Command, uid)+occurrences(e.Response, uid) > bytes.Count(e.Command, uid)+bytes.Count(e.Response, uid)
				if text || covered(opened, i) { // a text may be a SUN message, with a MAC
					fixed = append(fixed, i)
				}
			}
		}
		for _, m := range opened.Messages {
			if m.Scheme != wire.SchemeNone && occurrences(m.Plain, uid)+occurrences(m.PlainAnswer, uid) > 0 {
				sealed = append(sealed, m.First)
			}
		}
		stays := fmt.Sprintf("the UID %X", uid)
		switch {
		case keep:
			r.remains = append(r.remains, stays+", as was asked for")
		case len(fixed) > 0:
			r.remains = append(r.remains, stays+": MACs or signatures depend on it in "+exchanges(fixed))
		case len(sealed) > 0 && withKeys:
			r.remains = append(r.remains, stays+": it is enciphered in "+exchanges(sealed)+", with keys that are filed")
		default:
			r.mask(uid, n)
			if len(sealed) > 0 {
				r.remains = append(r.remains, "a UID that is enciphered in "+exchanges(sealed)+", for whoever has the key")
			}
		}
	}
}

// dependsOnUID reports whether an answer was calculated from the chip's UID,
// though it does not hold it: a signature of NXP, or a transaction MAC.
func dependsOnUID(m *trace.Opened) bool {
	switch m.Command.(type) {
	case *wire.ReadSignature:
		return m.OK()
	case *wire.CommitTransaction:
		return m.OK() && len(m.PlainAnswer) > 0
	}
	return false
}

// mask replaces one identifier wherever it stands.
func (r *redaction) mask(uid []byte, n int) {
	put := make([]byte, len(uid))
	put[0], put[len(put)-1] = uid[0], byte(n+1)
	places := 0
	replace := func(b []byte) []byte {
		places += occurrences(b, uid)
		return replaced(b, uid, put)
	}
	for i := range r.rec.Exchanges {
		e := &r.rec.Exchanges[i]
		e.Command, e.Response = replace(e.Command), replace(e.Response)
	}
	for _, s := range []*string{&r.rec.Card.Reader, &r.rec.Card.Note, &r.rec.Card.Generation, &r.rec.Card.GetVersion, &r.rec.Source} {
		*s = string(replace([]byte(*s)))
	}
	if gv, err := hex.DecodeString(strings.ReplaceAll(r.rec.Card.GetVersion, " ", "")); err == nil && bytes.Contains(gv, uid) { // with blanks in it
		r.rec.Card.GetVersion = fmt.Sprintf("%x", replace(gv))
	}
	if places > 0 {
		r.done = append(r.done, fmt.Sprintf("the UID, where it stands in clear: %X stands for it", put))
	}
}

// written are the ways that an identifier stands in bytes: as it is, and as
// digits.
func written(uid []byte) [3][]byte {
	return [3][]byte{uid, []byte(hex.EncodeToString(uid)), []byte(fmt.Sprintf("%X", uid))}
}

func occurrences(b, uid []byte) (n int) {
	for _, w := range written(uid) {
		n += bytes.Count(b, w)
	}
	return n
}

func replaced(b, uid, put []byte) []byte {
	to := written(put)
	for i, w := range written(uid) {
		b = bytes.ReplaceAll(b, w, to[i])
	}
	return b
}

// covered reports whether altering an exchange would break what protects it.
func covered(opened *trace.Result, exchange int) bool {
	m := opened.At(exchange)
	if m == nil {
		return false
	}
	switch m.Scheme {
	case wire.SchemeNone:
		return strings.HasPrefix(m.Note, "not checked")
	case wire.SchemeEV1:
		return true
	}
	return m.Mode != wire.CommPlain
}

// identifiers are the UIDs that a recording tells: those that GetVersion and
// GetCardUID answered, and that a reader was asked for.
func identifiers(rec *trace.Recording, opened *trace.Result) (list [][]byte) {
	seen := map[string]bool{}
	add := func(uid []byte) {
		zero := len(bytes.Trim(uid, "\x00")) == 0
		if (len(uid) == 7 || len(uid) == 10) && !zero && !seen[string(uid)] {
			list, seen[string(uid)] = append(list, uid), true
		}
	}
	for _, m := range opened.Messages {
		switch rsp := m.Response.(type) {
		case *wire.Version:
			add(rsp.UID[:])
		case *wire.CardUID:
			add(rsp.UID)
		}
	}
	if gv, err := hex.DecodeString(strings.ReplaceAll(rec.Card.GetVersion, " ", "")); err == nil && len(gv) >= 21 {
		add(gv[14:21])
	}
	for i := range rec.Exchanges { // PC/SC part 3
		e := &rec.Exchanges[i]
		if n := len(e.Response) - 2; bytes.HasPrefix(e.Command, []byte{0xFF, 0xCA, 0, 0}) && n > 0 && e.Response[n] == 0x90 {
			add(e.Response[:n])
		}
	}
	return list
}

// personal lists what else of a recording may be about somebody.
func (r *redaction) personal(opened *trace.Result) {
	var contents, applications []int
	for _, m := range opened.Messages {
		if m.Spec == nil || !m.OK() {
			continue
		}
		switch m.Spec.Rule {
		case wire.RuleRead, wire.RuleWrite:
			if len(m.Plain)+len(m.PlainAnswer) > 0 {
				contents = append(contents, m.First)
			}
		}
		switch m.Command.(type) {
		case *wire.SelectApplication:
			if len(bytes.Trim(m.Plain, "\x00")) > 0 {
				applications = append(applications, m.First)
			}
		case *wire.GetApplicationIDs, *wire.CreateApplication:
			applications = append(applications, m.First)
		case *wire.GetVersion:
			r.remains = appendOnce(r.remains, "batch, week and year of the chip")
		}
	}
	if contents != nil {
		r.remains = append(r.remains, "contents of files in "+exchanges(contents))
	}
	if applications != nil {
		r.remains = append(r.remains, "which applications are on the card, in "+exchanges(applications))
	}
	if r.rec.Card.Reader != "" {
		r.remains = append(r.remains, "the reader's name")
	}
}

func appendOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
