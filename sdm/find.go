package sdm

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Reading is what was found in a text that a tag showed.
type Reading struct {
	// Template is the one that was given, or was assumed: by the names and lengths
	// of what was found.
	Template *Template
	Assumed  bool
	Message  Message
	// Text is the text as the tag shows it by the template: what the MAC may cover.
	Text string
	// Notes say what of the text that was given is not as the tag shows it, and
	// what was assumed.
	Notes []string

	more []layout // other texts that it may have been, where nothing says so
}

// FormatError is a text that is no message of a template.
type FormatError struct{ Reason string }

func (e *FormatError) Error() string { return "message: " + e.Reason }

func noMessage(format string, args ...any) error { return &FormatError{fmt.Sprintf(format, args...)} }

// Find takes apart a text that a tag showed and programs changed on the way: the
// parameters stand in another order, some were added or lost, scheme, host or
// digits in other letters, with percent-encoding or a fragment. Notes name it
// all. It is put back as the template has it, since the MAC covers what the tag
// showed. What contradicts the template is an error: another address, another
// value where the template has one, a parameter that is there twice.
func (t *Template) Find(text string) (*Reading, error) {
	if err := t.tooLong(text); err != nil {
		return nil, err
	}
	if m, err := t.Match(text); err == nil && t.fill(m) == text {
		return &Reading{Template: t, Message: *m, Text: text}, nil
	}
	r, err := t.find(text)
	if err == nil {
		return r, nil
	}
	if other := t.otherPICC(); other != nil {
		if r, e := other.find(text); e == nil {
			r.Notes = append(r.Notes, other.says())
			return r, nil
		}
	}
	return nil, err
}

func (t *Template) find(text string) (*Reading, error) {
	clean, notes := cleanShown(text)
	f := &finder{t: t, have: splitShown(clean), want: splitShown(t.text), values: map[string]string{}, notes: notes}
	if err := f.find(); err != nil {
		if shifted := t.shifted(clean); shifted != nil {
			return nil, shifted
		}
		return nil, err
	}
	m, err := t.message(f.values)
	if err != nil {
		return nil, err
	}
	r := &Reading{Template: t, Message: *m, Text: t.fill(m), Notes: f.notes}
	r.more = asShown(text, r)
	return r, nil
}

// maxShown is more than any tag shows: a text that is longer is not looked at.
const maxShown = 8192

func (t *Template) tooLong(text string) error {
	if len(text) > max(maxShown, 4*len(t.text)) {
		return noMessage("%d characters are more than any tag shows", len(text))
	}
	return nil
}

// fill is the text with a message in its places.
func (t *Template) fill(m *Message) string {
	b := []byte(t.text)
	for name, p := range t.at {
		copy(b[p.offset:p.offset+p.length], m.digits(name))
	}
	return string(b)
}

// digits are what a tag mirrors into a place.
func (m *Message) digits(name string) string {
	n := m.Plain.Counter
	switch name {
	case "picc":
		return upperHex(m.PICCData)
	case "uid":
		return upperHex(m.Plain.UID)
	case "ctr":
		return upperHex([]byte{byte(n >> 16), byte(n >> 8), byte(n)})
	case "mac":
		return upperHex(m.MAC[:])
	case "enc":
		return upperHex(m.File)
	}
	return ""
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// message is what digits in the places say.
func (t *Template) message(values map[string]string) (*Message, error) {
	b := []byte(t.text)
	for name, p := range t.at {
		v := values[name]
		if len(v) != p.length {
			return nil, noMessage("%s: %s", name, WhyNot(v, p.length/2))
		}
		copy(b[p.offset:], strings.ToUpper(v))
	}
	return t.Match(string(b))
}

// finder finds the places of a template in a text.
type finder struct {
	t          *Template
	have, want *shown
	values     map[string]string // digits by place
	notes      []string
	lower      bool
}

func (f *finder) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *finder) find() error {
	if err := f.head(); err != nil {
		return err
	}
	if err := f.items(f.have.query, f.want.query, "?"); err != nil {
		return err
	}
	switch {
	case len(f.want.fragment) > 0:
		if err := f.items(f.have.fragment, f.want.fragment, "#"); err != nil {
			return err
		}
	case f.have.hash != "":
		f.note("the fragment behind # was left out")
	}
	if f.lower {
		f.note("digits in lower case were read as the card shows them, in upper case")
	}
	return nil
}

// head compares scheme, host and path, and takes what places they have.
func (f *finder) head() error {
	have, want := f.have, f.want
	switch {
	case have.scheme == want.scheme:
	case have.scheme == "":
		f.note("the scheme is missing: %s", want.scheme)
	case want.scheme == "":
		f.note("the scheme %s was left out", have.scheme)
	case strings.EqualFold(have.scheme, want.scheme):
		f.note("the scheme is %s in the template", want.scheme)
	case isWeb(have.scheme) && isWeb(want.scheme):
		f.note("the scheme is %s, and %s in the template", have.scheme, want.scheme)
	default:
		return noMessage("the scheme is %s, and %s in the template", have.scheme, want.scheme)
	}
	if f.take(have.head, want.head, len(want.scheme)) {
		return nil
	}
	for _, try := range f.headsLike() {
		if f.take(try.head, want.head, len(want.scheme)) {
			f.note("%s", try.note)
			return nil
		}
	}
	if want.head == "" {
		f.note("the address %s was not compared: the template has none", have.head)
		return nil
	}
	if _, _, placed := f.placesIn(len(want.scheme), len(want.head)); placed {
		_, err := f.t.Match(have.join())
		return err
	}
	return noMessage("the address is %q, and %q in the template", have.head, want.head)
}

func isWeb(scheme string) bool {
	return strings.EqualFold(scheme, "http://") || strings.EqualFold(scheme, "https://")
}

type like struct{ head, note string }

// headsLike are other ways to write the head, which mean the same address.
func (f *finder) headsLike() (list []like) {
	have, want := f.have.head, f.want.head
	host, path := cutHost(have)
	wantHost, _ := cutHost(want)
	_, _, placed := f.placesIn(len(f.want.scheme), len(want))
	plain := unescape(path)
	for _, h := range []like{{host, ""}, {strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80"), "without its usual port"}, {strings.TrimSuffix(host, "."), "without the dot at its end"}} {
		if !strings.EqualFold(h.head, wantHost) {
			continue
		}
		for _, p := range []like{{path, ""}, {plain, "without percent-encoding"}, {strings.TrimSuffix(plain, "/"), "without the / at the end"}, {plain + "/", "with a / at the end"}} {
			list = append(list, like{wantHost + p.head, "the address was read as the template has it" + listed("", h.note, p.note)})
		}
	}
	if host == "" && wantHost != "" {
		if have == "" && !placed {
			list = append(list, like{want, "the address is missing, and was put in as the template has it: " + want})
		} else if have != "" {
			list = append(list, like{wantHost + path, "the host is missing, and was put in as the template has it: " + wantHost})
		}
	}
	return list
}

func listed(first string, words ...string) string {
	s := first
	for _, w := range words {
		if w != "" {
			s += ", " + w
		}
	}
	return s
}

// cutHost cuts a head before its path.
func cutHost(head string) (host, path string) {
	if i := strings.IndexByte(head, '/'); i >= 0 {
		return head[:i], head[i:]
	}
	return head, ""
}

// placesIn are the places that begin in a part of the template's text.
func (f *finder) placesIn(at, n int) (names []string, spots []place, any bool) {
	for name, p := range f.t.at {
		if name != "from" && p.offset >= at && p.offset < at+n {
			names, spots = append(names, name), append(spots, p)
		}
	}
	return names, spots, len(names) > 0
}

// take compares a part of the text with a part of the template that begins at an
// offset, and takes the digits in its places.
func (f *finder) take(have, want string, at int) bool {
	if len(have) != len(want) {
		return false
	}
	names, spots, _ := f.placesIn(at, len(want))
	inPlace := make([]bool, len(want))
	for _, p := range spots {
		from := p.offset - at
		if !isHex(have[from : from+p.length]) {
			return false
		}
		for i := range p.length {
			inPlace[from+i] = true
		}
	}
	for i := range inPlace {
		if !inPlace[i] && have[i] != want[i] {
			return false
		}
	}
	for i, p := range spots {
		v := have[p.offset-at:][:p.length]
		f.values[names[i]] = strings.ToUpper(v)
		f.lower = f.lower || v != strings.ToUpper(v)
	}
	return true
}

// items finds the template's items among those of the text.
func (f *finder) items(have, want []item, mark string) error {
	used := make([]bool, len(have))
	last, reordered := -1, false
	for _, w := range want {
		_, _, placed := f.placesIn(w.at, len(w.text))
		i, err := f.item(have, used, w, placed)
		if err != nil {
			return err
		}
		if i < 0 {
			f.note("%s is missing, and was put in as the template has it", quoteItem(w))
			continue
		}
		used[i] = true
		reordered = reordered || i < last
		last = i
	}
	if reordered {
		f.note("the parameters behind %s stand in another order, and were put back as the template has them", mark)
	}
	var added []string
	for i, x := range have {
		if !used[i] && x.text != "" {
			added = append(added, quoteItem(plainItem(x)))
		}
	}
	if len(added) > 0 {
		f.note("added on the way, and left out: %s", strings.Join(added, ", "))
	}
	return nil
}

func quoteItem(x item) string {
	if x.named {
		return fmt.Sprintf("%q", x.name)
	}
	return fmt.Sprintf("%q", x.text)
}

// item is the number of the one that is the template's, -1 if there is none and
// none is needed.
func (f *finder) item(have []item, used []bool, w item, placed bool) (int, error) {
	var same []int
	fold := false
	for _, equal := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for i, x := range have {
			if p := plainItem(x); !used[i] && x.named == w.named && (w.named && equal(p.name, w.name) || !w.named && (!placed && equal(p.text, w.text) || placed && len(p.text) == len(w.text))) {
				same = append(same, i)
			}
		}
		if len(same) > 0 {
			break
		}
		fold = true
	}
	switch {
	case len(same) > 1:
		return 0, noMessage("%s is there twice: nobody knows which is the tag's", quoteItem(w))
	case len(same) == 0 && placed:
		return 0, noMessage("%s is missing", quoteItem(w))
	case len(same) == 0:
		return -1, nil
	}
	x := plainItem(have[same[0]])
	if fold {
		f.note("%s is written %s", quoteItem(w), quoteItem(x))
	}
	if !f.take(x.value, w.value, w.valueAt()) {
		return 0, f.differs(x, w)
	}
	if x.text != have[same[0]].text {
		f.note("%s was read without percent-encoding", quoteItem(w))
	}
	return same[0], nil
}

// differs says how a parameter is not as the template has it.
func (f *finder) differs(x, w item) error {
	names, spots, placed := f.placesIn(w.valueAt(), len(w.value))
	if placed && len(spots) == 1 && spots[0].length == len(w.value) {
		return noMessage("%s should be {%s}: %s", quoteItem(x), names[0], WhyNot(x.value, len(w.value)/2))
	}
	if placed {
		return noMessage("%s has %d characters or letters that do not fit the template, which has %d", quoteItem(x), len(x.value), len(w.value))
	}
	return noMessage("%s is %q, and %q in the template", quoteItem(x), x.value, w.value)
}
