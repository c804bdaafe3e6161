package dump

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Difference is something that two cards do not have alike.
type Difference struct {
	Place  wire.Place   `json:"application"`
	File   *wire.FileNo `json:"file,omitempty"`
	Key    *int         `json:"key,omitempty"`
	Member string       `json:"member"` // as JSON names it
	A      string       `json:"a"`      // in words; empty: not there
	B      string       `json:"b"`

	// Unread: one of the two could not be read, or is not in its file, so that
	// nothing was compared. The other one's words stand there.
	Unread bool `json:"unread,omitempty"`
}

// Words says it in one line.
func (d *Difference) Words() string {
	where := d.Place.Words()
	switch {
	case d.File != nil:
		where = fmt.Sprintf("file %d of %s", *d.File, where)
	case d.Key != nil:
		where = fmt.Sprintf("key %d of %s", *d.Key, where)
	}
	a, b := d.A, d.B
	switch {
	case d.Unread && a == "":
		a = "not read"
	case d.Unread:
		b = "not read"
	}
	for _, s := range []*string{&a, &b} {
		if *s == "" {
			*s = "not there"
		}
	}
	return fmt.Sprintf("%s: %s: %s and %s", where, d.Member, a, b)
}

// Diff compares what is on two cards, a and b: settings, applications, keys by
// version, files, contents. It does not compare how they were reached, nor the
// order of things. What neither of them has read is no difference.
func Diff(a, b *inspect.Card) []Difference {
	var d differ
	d.text("product", a.Product, b.Product)
	d.text("uid", digits(a.UID), digits(b.UID))
	d.text("random_id", yes(a.RandomID), yes(b.RandomID))
	d.known("get_version", digits(withoutUID(a.Version)), digits(withoutUID(b.Version)))
	d.known("signature", digits(a.Signature), digits(b.Signature))
	if a.FreeMemory != nil && b.FreeMemory != nil {
		d.text("free_memory", fmt.Sprint(*a.FreeMemory), fmt.Sprint(*b.FreeMemory))
	}
	d.keySettings(a.KeySettings, b.KeySettings)
	d.keyVersions(a.KeyVersions, b.KeyVersions)
	d.applications(a, b)
	return d.list
}

// withoutUID is what GetVersion answered up to the UID and after it, which has
// a difference of its own.
func withoutUID(version []byte) []byte {
	const uid = 14
	if len(version) < uid+7 {
		return version
	}
	return slices.Concat(version[:uid], version[uid+7:])
}

// differ collects differences at a place and a file.
type differ struct {
	list  []Difference
	place wire.Place
	file  *wire.FileNo
	key   *int
}

func (d *differ) add(member, a, b string, unread bool) {
	d.list = append(d.list, Difference{d.place, d.file, d.key, member, a, b, unread})
}

// text compares words.
func (d *differ) text(member, a, b string) {
	if a != b {
		d.add(member, a, b, false)
	}
}

// known compares words that are empty where nobody has read them.
func (d *differ) known(member, a, b string) {
	if a != b {
		d.add(member, a, b, a == "" || b == "")
	}
}

func (d *differ) keySettings(a, b *inspect.KeySettings) {
	if a == nil || b == nil {
		if a != b {
			d.add("key_settings", settingsWords(a), settingsWords(b), true)
		}
		return
	}
	// Whether a card tells its flags differs, so they are left out.
	if x, y := digits(a.Settings), digits(b.Settings); x != y {
		d.add("key_settings.settings", x, y, false)
	}
	d.text("key_settings.keys", fmt.Sprint(a.Keys), fmt.Sprint(b.Keys))
	d.known("key_settings.key_type", a.KeyType, b.KeyType)
	d.text("key_settings.sets", setsWords(a.Sets), setsWords(b.Sets))
}

func settingsWords(k *inspect.KeySettings) string {
	if k == nil {
		return ""
	}
	return fmt.Sprintf("%s, %d keys", digits(k.Settings), k.Keys)
}

func setsWords(s *inspect.KeySets) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%d sets of %d byte keys, rolled with key %d, version %02X active", s.Sets, s.MaxKeySize, s.RollKey, s.ActiveVersion)
}

func (d *differ) keyVersions(a, b []inspect.KeyVersion) {
	version := func(list []inspect.KeyVersion, no int) string {
		for _, v := range list {
			if v.Key == no {
				return fmt.Sprintf("%02X", v.Version)
			}
		}
		return ""
	}
	seen := map[int]bool{}
	for _, v := range slices.Concat(a, b) {
		if !seen[v.Key] {
			seen[v.Key] = true
			d.key = &v.Key
			d.known("version", version(a, v.Key), version(b, v.Key))
		}
	}
	d.key = nil
}

func (d *differ) applications(a, b *inspect.Card) {
	if a.Applications == nil || b.Applications == nil {
		if n := len(a.Applications) + len(b.Applications); n > 0 || (a.Applications == nil) != (b.Applications == nil) {
			d.add("applications", countOf(a.Applications, a.Applications == nil), countOf(b.Applications, b.Applications == nil), true)
		}
		return
	}
	find := func(c *inspect.Card, p wire.Place) *inspect.Application {
		i := slices.IndexFunc(c.Applications, func(x inspect.Application) bool { return x.Place == p })
		if i < 0 {
			return nil
		}
		return &c.Applications[i]
	}
	for i := range a.Applications {
		x := &a.Applications[i]
		d.place = x.Place
		if y := find(b, x.Place); y != nil {
			d.application(x, y)
		} else {
			d.add("application", "there", "", false)
		}
	}
	for i := range b.Applications {
		if d.place = b.Applications[i].Place; find(a, d.place) == nil {
			d.add("application", "", "there", false)
		}
	}
	d.place = wire.Place{}
}

// countOf is how many there are, empty if that is not known.
func countOf[T any](list []T, unread bool) string {
	if unread {
		return ""
	}
	return fmt.Sprintf("%d of them", len(list))
}

func (d *differ) application(a, b *inspect.Application) {
	d.known("iso_id", digits(a.ISOID), digits(b.ISOID))
	d.known("df_name", digits(a.DFName), digits(b.DFName))
	d.keySettings(a.KeySettings, b.KeySettings)
	d.keyVersions(a.KeyVersions, b.KeyVersions)
	if !slices.Equal(a.KeySets, b.KeySets) {
		d.known("key_sets", versionsOf(a.KeySets), versionsOf(b.KeySets))
	}
	if a.Files == nil || b.Files == nil {
		if (a.Files == nil) != (b.Files == nil) {
			d.add("files", countOf(a.Files, a.Files == nil), countOf(b.Files, b.Files == nil), true)
		}
		return
	}
	find := func(x *inspect.Application, no wire.FileNo) *inspect.File {
		i := slices.IndexFunc(x.Files, func(f inspect.File) bool { return f.No == no })
		if i < 0 {
			return nil
		}
		return &x.Files[i]
	}
	for i := range a.Files {
		x := &a.Files[i]
		d.file = &x.No
		if y := find(b, x.No); y != nil {
			d.files(x, y)
		} else {
			d.add("file", "there", "", false)
		}
	}
	for i := range b.Files {
		if d.file = &b.Files[i].No; find(a, *d.file) == nil {
			d.add("file", "", "there", false)
		}
	}
	d.file = nil
}

func versionsOf(sets []inspect.KeySet) (s string) {
	for i, k := range sets {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("set %d version %02X", k.Set, k.Version)
	}
	return s
}

func (d *differ) files(a, b *inspect.File) {
	d.known("iso_id", digits(a.ISOID), digits(b.ISOID))
	x, y := a.Settings, b.Settings
	if x == nil || y == nil {
		if x != y {
			d.add("settings", fileWords(a), fileWords(b), true)
		}
		return
	}
	if x.Type != y.Type {
		d.text("type", fileWords(a), fileWords(b))
		return // nothing else can be alike
	}
	d.text("comm", a.Comm, b.Comm)
	if x.Access != y.Access {
		d.text("access", x.Access.String(), y.Access.String())
	}
	if !slices.Equal(x.Additional, y.Additional) {
		d.text("additional_access", fmt.Sprint(x.Additional), fmt.Sprint(y.Additional))
	}
	for _, n := range [...]struct {
		member string
		a, b   int64
	}{
		{"size", int64(x.Size), int64(y.Size)}, {"lower", int64(x.Lower), int64(y.Lower)}, {"upper", int64(x.Upper), int64(y.Upper)},
		{"record_size", int64(x.RecordSize), int64(y.RecordSize)}, {"max_records", int64(x.MaxRecords), int64(y.MaxRecords)},
		{"records", int64(x.Records), int64(y.Records)}, {"limited_credit", int64(x.LimitedCredit), int64(y.LimitedCredit)},
		{"key_version", int64(x.TMKeyVersion), int64(y.TMKeyVersion)}, {"counter_limit", int64(x.Limit.Limit), int64(y.Limit.Limit)},
	} {
		if n.a != n.b {
			d.text(n.member, fmt.Sprint(n.a), fmt.Sprint(n.b))
		}
	}
	if x.Flags != y.Flags {
		d.text("flags", x.Flags.String(), y.Flags.String())
	}
	if o, p := x.Option&^3, y.Option&^3; o != p {
		d.text("option", o.String(), p.String())
	}
	d.sdm(x.SDM, y.SDM)
	d.content(a, b)
}

// fileWords is what a file is, empty if that is not known.
func fileWords(f *inspect.File) string {
	if f.Settings == nil {
		return ""
	}
	return f.Type + ", " + f.SizeWords()
}

func (d *differ) sdm(a, b *wire.SDM) {
	switch {
	case a == nil && b == nil:
	case a == nil:
		d.add("sdm", "", "there", false)
	case b == nil:
		d.add("sdm", "there", "", false)
	case *a != *b:
		d.add("sdm", fmt.Sprintf("%+v", *a), fmt.Sprintf("%+v", *b), false)
	}
}

func (d *differ) content(a, b *inspect.File) {
	x, y := wasRead(a), wasRead(b)
	switch {
	case !x && !y:
	case x != y:
		d.add("content", contentWords(a, x), contentWords(b, y), true)
	default:
		d.contents(a, b)
	}
	if a.ReadCounter != nil && b.ReadCounter != nil && *a.ReadCounter != *b.ReadCounter {
		d.text("read_counter", fmt.Sprint(*a.ReadCounter), fmt.Sprint(*b.ReadCounter))
	}
}

// wasRead reports whether all that a file holds is known.
func wasRead(f *inspect.File) bool {
	empty := f.RecordCount != nil && *f.RecordCount == 0
	return f.MissingPart(inspect.PartContent) == nil && (f.Value != nil || f.Data != nil || f.Content != nil || empty)
}

// contentWords is what a file holds, empty if that is not known.
func contentWords(f *inspect.File, read bool) string {
	switch {
	case !read:
		return ""
	case f.Value != nil:
		return fmt.Sprint(*f.Value)
	case f.Data != nil:
		return fmt.Sprintf("%d bytes", len(f.Data))
	}
	return fmt.Sprintf("%d records", len(f.Content))
}

func (d *differ) contents(a, b *inspect.File) {
	if a.Value != nil && b.Value != nil {
		d.text("value", fmt.Sprint(*a.Value), fmt.Sprint(*b.Value))
	}
	if a.Data != nil && b.Data != nil && !bytes.Equal(a.Data, b.Data) {
		d.data("data", a.Data, b.Data)
	}
	for i := range max(len(a.Content), len(b.Content)) {
		switch member := fmt.Sprintf("content[%d]", i); {
		case i >= len(a.Content):
			d.add(member, "", "there", false)
		case i >= len(b.Content):
			d.add(member, "there", "", false)
		case !bytes.Equal(a.Content[i], b.Content[i]):
			d.data(member, a.Content[i], b.Content[i])
		}
	}
}

// data shows the first bytes that differ, up to 16.
func (d *differ) data(member string, a, b inspect.Hex) {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	shown := func(h inspect.Hex) string {
		if at >= len(h) {
			return fmt.Sprintf("ends at byte %d", len(h))
		}
		part, more := h[at:], ""
		if len(part) > 16 {
			part, more = part[:16], "..."
		}
		return fmt.Sprintf("from byte %d %X%s", at, []byte(part), more)
	}
	d.add(member, shown(a), shown(b), false)
}

func digits(h inspect.Hex) string { return fmt.Sprintf("%X", []byte(h)) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
