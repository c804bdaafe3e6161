package sdm

import (
	"fmt"
	"slices"
	"strings"
)

// Names of parameters in the field, in lower case, the likeliest first.
var fieldNames = map[string][]string{
	"picc": {"picc_data", "piccdata", "picc", "enc_picc_data", "encpiccdata", "enc_picc", "picc_enc_data", "picc_enc", "p", "sdm", "e", "d", "x", "m"},
	"mac":  {"cmac", "mac", "sdmmac", "c", "m", "sig", "signature", "s", "sun", "hash", "h", "t"},
	"enc":  {"enc", "enc_data", "encdata", "enc_file_data", "encfiledata", "sdmenc", "file_data", "filedata", "file", "data", "e", "f", "d"},
	"uid":  {"uid", "u", "id", "tagid", "tag_id", "tag", "serial", "uid_ascii", "i"},
	"ctr":  {"ctr", "n", "counter", "cnt", "count", "read_ctr", "readctr", "sdmreadctr", "rctr", "rc", "r", "c", "x"},
	"bulk": {"e", "d", "data", "sdm", "picc_data", "p", "m", "x"},
}

// trackers are parameters that programs between tag and server add.
var trackers = []string{"fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "twclid", "ttclid", "igshid", "igsh", "mc_cid", "mc_eid", "yclid", "_ga", "_gl", "srsltid", "li_fat_id", "si"}

func isTracker(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "utm_") || slices.Contains(trackers, name)
}

// rank is how likely a name is for a place: 0 for a name that nobody uses.
func rank(kind, name string) int {
	list := fieldNames[kind]
	if i := slices.Index(list, strings.ToLower(name)); i >= 0 {
		return len(list) - i
	}
	return 0
}

// run is a run of hexadecimal digits in a text: in the value of a parameter, in
// the path, or between characters that part values.
type run struct {
	name   string // of the parameter
	at, n  int
	behind bool // another run of the same value stands before it
}

// separators part what tags mirror into one value.
const separators = "xX-_.,:;~!*|"

// Guess takes apart a text that a tag showed, without a template: it goes by the
// names that are usual for parameters and by the lengths of their values, and
// finds out what the MAC covers when the message is verified. Notes say what was
// assumed. useLRP says that the tag uses LRP; PICC data that are long enough say
// so themselves.
func Guess(text string, useLRP bool) (*Reading, error) {
	if len(text) > maxShown {
		return nil, noMessage("%d characters are more than any tag shows", len(text))
	}
	clean, notes := cleanShown(text)
	if parted := strings.Join(strings.Fields(clean), "&"); parted != clean && strings.Contains(clean, "=") {
		clean, notes = parted, append(notes, "blanks in it were read as &")
	}
	s := splitShown(clean)
	if s.mark == "" && len(s.query) == 0 && s.hash == "" && s.scheme == "" && strings.Contains(s.head, " ") {
		return nil, noMessage("want a URL, or its parameters with & between them")
	}
	g := &guesser{lrp: useLRP, notes: notes}
	g.clean(s)
	t, err := g.template(s.join(), runsOf(s))
	odd := g.odd(s, t)
	switch {
	case err != nil && len(odd) > 0:
		return nil, noMessage("%s", strings.Join(odd, "; "))
	case err != nil:
		return nil, err
	}
	g.notes = append(g.notes, odd...)
	m, err := t.Match(t.text)
	if err != nil {
		return nil, err
	}
	r := &Reading{Template: t.zeroed(), Assumed: true, Message: *m, Text: t.text, Notes: g.notes}
	r.Notes = append(r.Notes, "without a template, by names and lengths: "+g.words(t))
	r.more = reordered(t)
	return r, nil
}

type guesser struct {
	lrp   bool
	notes []string
}

// clean takes out what the tag cannot have shown.
func (g *guesser) clean(s *shown) {
	var left []string
	tidy := func(list []item) (kept []item) {
		escaped := false
		for _, x := range list {
			p := plainItem(x)
			if x.named && isTracker(p.name) {
				left = append(left, fmt.Sprintf("%q", p.name))
				continue
			}
			escaped = escaped || p.text != x.text
			kept = append(kept, p)
		}
		if escaped {
			g.notes = append(g.notes, "percent-encoding was undone")
		}
		return kept
	}
	s.query, s.fragment = tidy(s.query), tidy(s.fragment)
	if len(left) > 0 {
		g.notes = append(g.notes, "added on the way, and left out: "+strings.Join(left, ", "))
	}
	if s.hash != "" && len(runsOf(&shown{fragment: s.fragment})) == 0 {
		s.hash, s.fragment = "", nil
		g.notes = append(g.notes, "the fragment behind # was left out")
	}
	if len(s.query) == 0 && s.hash == "" && s.mark != "" {
		s.mark = ""
	}
	// Offsets count from the text that is left.
	again := splitShown(s.join())
	*s = *again
}

// runsOf are the runs of digits that a tag may have mirrored.
func runsOf(s *shown) (list []run) {
	path := len(s.scheme)
	for i, part := range strings.Split(s.head, "/") {
		if i > 0 || s.scheme == "" {
			list = append(list, runsIn("", part, path)...)
		}
		path += len(part) + 1
	}
	for _, x := range append(slices.Clone(s.query), s.fragment...) {
		list = append(list, runsIn(x.name, x.value, x.valueAt())...)
	}
	return list
}

func runsIn(name, value string, at int) (list []run) {
	for i := 0; i < len(value); {
		j := i
		for j < len(value) && hexValue(value[j]) >= 0 {
			j++
		}
		switch {
		case j > i:
			list = append(list, run{name: name, at: at + i, n: j - i, behind: len(list) > 0})
			i = j
		case strings.IndexByte(separators, value[i]) < 0:
			return nil // words
		default:
			i++
		}
	}
	return list
}

// pick takes the run of a length whose name fits a kind best.
func pick(list []run, kind string, fits func(run) bool, needsName bool) (run, int) {
	best, at := -1, -1
	for i, r := range list {
		if n := rank(kind, r.name); fits(r) && n > best && (n > 0 || !needsName) {
			best, at = n, i
		}
	}
	if at < 0 {
		return run{}, -1
	}
	return list[at], at
}

// template makes a template of a text and its runs of digits.
func (g *guesser) template(text string, runs []run) (*Template, error) {
	t := &Template{text: text, lrp: g.lrp, at: map[string]place{}}
	take := func(kind, place_ string, n int, needsName bool) bool {
		r, i := pick(runs, kind, func(r run) bool { return r.n == n }, needsName)
		if i < 0 {
			return false
		}
		t.at[place_] = place{r.at, n}
		runs = slices.Delete(slices.Clone(runs), i, i+1)
		return true
	}
	if !take("mac", "mac", macChars, false) {
		if g.bulk(t, runs) {
			return g.finish(t)
		}
		return nil, noMessage("no MAC is in it: no parameter of %d hexadecimal digits", macChars)
	}
	switch {
	case take("picc", "picc", piccLRPChars, false): // enciphered data have whole blocks
		if !t.lrp {
			t.lrp = true
			g.notes = append(g.notes, t.says())
		}
	case take("picc", "picc", piccChars, false):
		if g.lrp {
			t.lrp = false
			g.notes = append(g.notes, t.says())
		}
	default:
		hasUID := take("uid", "uid", uidChars, false)
		hasCtr := take("ctr", "ctr", ctrChars, true) || hasUID && take("ctr", "ctr", ctrChars, false)
		if !hasUID && !hasCtr {
			return nil, noMessage("neither PICC data are in it (%d hexadecimal digits, with LRP %d) nor UID (%d) or counter (%d)", piccChars, piccLRPChars, uidChars, ctrChars)
		}
	}
	if r, i := pick(runs, "enc", func(r run) bool { return r.n%32 == 0 && r.n >= 32 && r.n <= 2048 }, false); i >= 0 {
		t.at["enc"] = place{r.at, r.n}
	}
	return g.finish(t)
}

// bulk is one value that has all in it, one after the other.
func (g *guesser) bulk(t *Template, runs []run) bool {
	picc := piccChars
	if g.lrp {
		picc = piccLRPChars
	}
	for _, n := range []int{picc, piccLRPChars} {
		r, i := pick(runs, "bulk", func(r run) bool { return r.n >= n+macChars && (r.n-n-macChars)%32 == 0 }, false)
		if i < 0 {
			continue
		}
		t.at["picc"], t.at["mac"] = place{r.at, n}, place{r.at + r.n - macChars, macChars}
		if enc := r.n - n - macChars; enc > 0 {
			t.at["enc"] = place{r.at + n, enc}
		}
		if n == piccLRPChars && !t.lrp {
			t.lrp = true
			g.notes = append(g.notes, t.says())
		}
		return true
	}
	return false
}

// finish puts digits in upper case, as cards show them. Enciphered data must be
// covered.
func (g *guesser) finish(t *Template) (*Template, error) {
	b := []byte(t.text)
	lower := false
	for _, p := range t.at {
		v := t.text[p.offset : p.offset+p.length]
		lower = lower || strings.ToUpper(v) != v
		copy(b[p.offset:], strings.ToUpper(v))
	}
	t.text = string(b)
	if lower {
		g.notes = append(g.notes, "digits in lower case were read as the card shows them, in upper case")
	}
	if enc, ok := t.at["enc"]; ok && enc.offset < t.at["mac"].offset {
		t.at["from"] = place{enc.offset, 0}
	}
	return t, nil
}

// zeroed is the template with zeros in its places.
func (t *Template) zeroed() *Template {
	b := []byte(t.text)
	for _, p := range t.at {
		copy(b[p.offset:p.offset+p.length], strings.Repeat("0", p.length))
	}
	z := *t
	z.text = string(b)
	return &z
}

// words say what is taken for what.
func (g *guesser) words(t *Template) string {
	names := map[string]string{"picc": "PICC data", "uid": "UID", "ctr": "counter", "mac": "MAC", "enc": "enciphered file data"}
	var list []string
	for _, name := range t.names() {
		list = append(list, fmt.Sprintf("%s of %d digits", names[name], t.at[name].length))
	}
	return strings.Join(list, ", ")
}

// surely are names that say by themselves what the value should be.
var surely = []struct {
	kind, words string
	n           int
	names       []string
}{
	{"mac", "MAC", macChars, []string{"cmac", "mac", "sdmmac", "c", "sig"}},
	{"picc", "PICC data", piccChars, []string{"picc_data", "piccdata", "picc", "enc_picc_data", "p"}},
	{"uid", "UID", uidChars, []string{"uid", "u"}},
	{"ctr", "counter", ctrChars, []string{"ctr", "counter", "n"}},
}

// odd are parameters whose names say what they should be, and that are not: those
// of places that were not found. t is nil if nothing was.
func (g *guesser) odd(s *shown, t *Template) (found []string) {
	for _, x := range append(slices.Clone(s.query), s.fragment...) {
		for _, k := range surely {
			n := k.n
			if k.kind == "picc" && (g.lrp || isHex(x.value) && len(x.value) == piccLRPChars) {
				n = piccLRPChars
			}
			if !slices.Contains(k.names, strings.ToLower(x.name)) || isHex(x.value) && len(x.value) == n || t.has(k.kind) || len(found) > 4 {
				continue
			}
			if _, plain := t.found("uid", "ctr"); k.kind == "picc" && plain || k.kind != "mac" && t.has("picc") {
				continue
			}
			found = append(found, fmt.Sprintf("%q should be the %s: %s", x.name, k.words, WhyNot(x.value, n/2)))
		}
	}
	return found
}

// has reports whether a place was found.
func (t *Template) has(name string) bool {
	_, ok := t.found(name)
	return ok
}

func (t *Template) found(names ...string) (place, bool) {
	for _, name := range names {
		if t == nil {
			break
		}
		if p, ok := t.at[name]; ok {
			return p, true
		}
	}
	return place{}, false
}
