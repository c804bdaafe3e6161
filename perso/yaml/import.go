package yaml

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// ImportConfig says what an imported layout has besides the layout.
type ImportConfig struct {
	Name string // of the layout, for people; may be empty

	// Notes become comments: what perso.FromCard says that the layout does not have.
	Notes []perso.Note

	// MasterType is the type of the PICC master key, which a perso.Layout does not
	// say.
	MasterType key.Type

	// Signed takes files that the text names, by their names: commands that the
	// issuer of the card has signed. nil: applications that have one are left out.
	Signed func(name string, text []byte) error
}

// Import writes a layout as people write them, so that Read makes the same layout of
// it: of a card or a dump, perso.FromCard makes one. Keys have no master keys: the
// key store has them at their places. The notes say what the text does not have, or
// has otherwise; they stand in it as comments, too.
func Import(l *perso.Layout, conf *ImportConfig) ([]byte, []perso.Note, error) {
	if conf == nil {
		conf = new(ImportConfig)
	}
	if err := l.Check(); err != nil {
		return nil, nil, err
	}
	w := &writer{conf: conf, layout: l, files: map[string][]byte{}}
	w.all()
	text := w.text()
	// What is written must be what people can apply.
	open := func(name string, _ int) ([]byte, error) {
		if data, ok := w.files[name]; ok {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
	if _, err := read("import", text, open); err != nil {
		return nil, w.notes, fmt.Errorf("layout: the layout cannot be written: %w", err)
	}
	return text, w.notes, nil
}

// writer writes a layout.
type writer struct {
	conf   *ImportConfig
	layout *perso.Layout
	notes  []perso.Note
	files  map[string][]byte // that the text names

	card, keys, apps strings.Builder
	taken            []string // names of keys
}

func (w *writer) note(p wire.Place, file *wire.FileNo, format string, args ...any) {
	w.notes = append(w.notes, perso.Note{Where: perso.Where{Place: p, File: file}, Text: fmt.Sprintf(format, args...)})
}

func (w *writer) all() {
	w.level()
	for i := range w.layout.Applications {
		w.application(&w.layout.Applications[i])
	}
}

// text puts the parts together.
func (w *writer) text() []byte {
	var b bytes.Buffer
	b.WriteString("desfire: " + format + "\n")
	if name := w.conf.Name; name != "" && printable(name) {
		fmt.Fprintf(&b, "name: %s\n", quote(name))
	}
	b.WriteString("card:\n")
	w.comments(&b, "  ", wire.Place{}, nil)
	b.WriteString(w.card.String())
	if w.keys.Len() > 0 {
		b.WriteString("keys: # cards tell no keys: the key store has them at their places, or add from: MASTER\n")
		b.WriteString(w.keys.String())
	}
	if w.apps.Len() > 0 {
		b.WriteString("applications:\n")
		b.WriteString(w.apps.String())
	}
	return b.Bytes()
}

// comments writes the notes about a place.
func (w *writer) comments(b io.Writer, indent string, p wire.Place, file *wire.FileNo) {
	for _, n := range append(slices.Clone(w.conf.Notes), w.notes...) {
		same := n.File == nil && file == nil || n.File != nil && file != nil && *n.File == *file
		if n.Place == p && same {
			fmt.Fprintf(b, "%s# %s\n", indent, visible.Text(n.Text))
		}
	}
}

// quote is text as YAML reads it back.
func quote(s string) string { return strconv.Quote(s) }

// printable reports whether a name can stand in a layout.
func printable(s string) bool {
	n := &node{Text: s}
	r := &reader{doc: &Document{}}
	_, ok := r.label(n, "")
	return ok
}

// name makes the name of a key, and writes what it is.
func (w *writer) name(label, otherwise string, typ key.Type, version *byte, comment string) string {
	name := otherwise
	if keyName.MatchString(label) && !slices.Contains(reserved, label) && secret(label) == "" && !slices.Contains(w.taken, label) {
		name = label
	}
	for n := 2; slices.Contains(w.taken, name); n++ {
		name = fmt.Sprintf("%s-%d", otherwise, n)
	}
	w.taken = append(w.taken, name)
	fmt.Fprintf(&w.keys, "  %s: {type: %s", name, strings.ToLower(typ.String()))
	if version != nil {
		fmt.Fprintf(&w.keys, ", version: %d", *version)
	}
	w.keys.WriteString("}" + comment + "\n")
	return name
}

func (w *writer) level() {
	b := &w.card
	var generations []string
	for _, g := range w.layout.Generations {
		generations = append(generations, lower(g))
	}
	if generations == nil {
		generations = []string{"d40", "ev1", "ev2", "ev3"}
		if slices.ContainsFunc(w.layout.Applications, func(a perso.Application) bool { return a.Place.Fixed }) {
			generations = []string{"light", "ntag424"}
		}
	}
	fmt.Fprintf(b, "  generations: [%s]\n", strings.Join(generations, ", "))
	c := w.layout.Card
	if c == nil {
		return
	}
	var roles []string
	for _, k := range c.Keys {
		if k.No == 0 {
			fmt.Fprintf(b, "  master: %s\n", w.name(k.Label, "picc-master", w.conf.MasterType, k.Version, ""))
			continue
		}
		role := roleOf(k.No)
		roles = append(roles, role+": "+w.name(k.Label, role, key.TypeAES, k.Version, ""))
	}
	if s := c.KeySettings; s != nil {
		fmt.Fprintf(b, "  settings: {%s}\n", settingsText(*s, true, nil))
	}
	if roles != nil {
		fmt.Fprintf(b, "  keys: {%s}\n", strings.Join(roles, ", "))
	}
	w.options(c.Options)
}

// settingsText is key setting 1 as layouts write it.
func settingsText(s wire.KeySett1, ofCard bool, names map[wire.KeyNo]string) string {
	var parts []string
	for part := range strings.SplitSeq(inspect.SettingWords(s, ofCard), ",") {
		name, value, _ := strings.Cut(part, "=")
		if name == string(inspect.SettingChangeKeys) && s.ChangeKey() != 0 && s.ChangeKey() < wire.Free {
			value = names[wire.KeyNo(s.ChangeKey())]
			if value == "" {
				value = "never"
			}
		}
		parts = append(parts, name+": "+value)
	}
	return strings.Join(parts, ", ")
}

// options writes what SetConfiguration makes.
func (w *writer) options(list []perso.Option) {
	all := perso.Options()
	var undoable, forever []string
	for _, o := range list {
		i := slices.IndexFunc(all, func(x perso.OptionInfo) bool { return x.Name == o.Name })
		switch {
		case i < 0:
		case all[i].Forever:
			forever = append(forever, o.Name)
		case o.Name == perso.OptionDefaultKey:
			undoable = append(undoable, o.Name+": "+w.name("", "default", key.TypeAES, nil, ""))
		default:
			undoable = append(undoable, o.Name+": "+optionText(o.Setting))
		}
	}
	if undoable != nil {
		fmt.Fprintf(&w.card, "  options: {%s}\n", strings.Join(undoable, ", "))
	}
	if forever != nil {
		fmt.Fprintf(&w.card, "  irreversible: [%s]\n", strings.Join(forever, ", "))
	}
}

// optionText is a setting as layouts write it.
func optionText(s wire.Setting) string {
	switch s := s.(type) {
	case *wire.ATS:
		return fmt.Sprintf("%q", fmt.Sprintf("%X", s.ATS))
	case *wire.SAK:
		return fmt.Sprintf(`"%02X%02X"`, s.SAK1, s.SAK2)
	case *wire.ATQA:
		return fmt.Sprintf(`"%04X"`, s.ATQA)
	case *wire.SecureMessagingConfig:
		var words []string
		for _, x := range []struct {
			flag wire.SecureMessagingFlags
			word string
		}{{wire.NoD40, "d40"}, {wire.NoEV1, "ev1"}, {wire.NoChainedWriting, "chained-writing"}} {
			if s.Flags&x.flag != 0 {
				words = append(words, x.word)
			}
		}
		return "[" + strings.Join(words, ", ") + "]"
	case *wire.FailedAuthConfig:
		if !s.Enabled {
			return "off"
		}
		return fmt.Sprintf("{limit: %d, decrement: %d}", s.Limit, s.Decrement)
	case *wire.HardwareConfig:
		return strconv.FormatBool(s.Flags != 0)
	case *wire.PICCConfig:
		return strconv.FormatBool(s.Flags != 0)
	}
	return "true"
}

// roleOf is the role of a key of the card that has a number.
func roleOf(no wire.KeyNo) string {
	for _, r := range cardRoles {
		if _, n, ok := r.ID().Number(); ok && n == no {
			return r.String()
		}
	}
	return fmt.Sprint(no)
}

// signed keeps the command that was signed, by the name of a file.
func (w *writer) signed(p wire.Place, m *wire.CreateDelegatedApplication) (string, bool) {
	if w.conf.Signed == nil {
		return "", false
	}
	text, err := dam.Encode(m)
	if err != nil {
		w.note(p, nil, "what its issuer has signed cannot be written: %v", err)
		return "", false
	}
	name := fmt.Sprintf("signed-%v.json", p.AID)
	if err := w.conf.Signed(name, text); err != nil {
		w.note(p, nil, "what its issuer has signed cannot be kept: %v", err)
		return "", false
	}
	w.files[name] = text
	return name, true
}
