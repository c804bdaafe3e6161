package yaml

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// Config says how a layout is read. nil reads no files.
type Config struct {
	// Files has the files that contents name, as a rule those of the layout's folder;
	// nil: there are none. A FS of os.Root keeps to the folder whatever links are in
	// it, that of os.DirFS does not.
	Files fs.FS
}

// Document is a layout that was read. Its methods may be called from several
// goroutines.
type Document struct {
	name  string // of the file, for people
	title string
	hash  string
	card  level
	keys  map[string]*keyDef
	names []string // of keys, in their order
	apps  []*application

	refs    map[keystore.Ref]string // which key is where, by its name
	uses    []placed                // in the order of the layout
	columns []string
	layout  perso.Layout // without contents that have columns
}

// level is the card itself.
type level struct {
	at      yamlnode.Position
	master  *use
	keys    []use // with roles
	options map[string]yamlnode.Position
	members map[string]*node
}

// use is a key, by its name, where it is used.
type use struct {
	at   yamlnode.Position
	name string
	no   wire.KeyNo
}

// Open reads a layout from a file. Contents may name files of its folder, and of
// folders in it; links do not lead out of it. Errors in the layout are Errors.
func Open(path string) (*Document, error) {
	text, err := readLayout(path)
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	defer root.Close()
	return Read(path, text, &Config{Files: root.FS()})
}

func readLayout(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, yamlnode.MaxFile+1))
}

// Read reads a layout. name is that of its file, for errors, which are Errors. It
// keeps nothing of text.
func Read(name string, text []byte, conf *Config) (*Document, error) {
	if conf == nil || conf.Files == nil {
		return read(name, text, nil)
	}
	return read(name, text, func(name string, most int) ([]byte, error) { return readFile(conf.Files, name, most) })
}

// read reads a layout; open reads a file that a content names.
func read(name string, text []byte, open func(name string, most int) ([]byte, error)) (*Document, error) {
	d := &Document{name: name, keys: map[string]*keyDef{}, refs: map[keystore.Ref]string{}}
	if len(text) > yamlnode.MaxFile {
		return nil, Errors{{File: name, Text: fmt.Sprintf("the file has more than %d bytes", yamlnode.MaxFile)}}
	}
	r := &reader{doc: d, sum: sha256.New(), open: open}
	r.hash(text)
	root, err := yamlnode.Parse(text, words)
	if r.failed(err) {
		return nil, r.sorted()
	}
	r.root(root)
	if len(r.errs) > 0 {
		return nil, r.sorted()
	}
	d.hash = hex.EncodeToString(r.sum.Sum(nil))
	return d, nil
}

var words = yamlnode.Words{
	Empty: "desfire: " + format + ", card and applications",
	Deep:  "a layout has applications, files in them, and contents in these",
	At:    "text that begins with @ must be in quotes; keys are not named so in layouts: " + elsewhere,
}

// Title is the name that the layout gives itself, empty if none.
func (d *Document) Title() string { return d.title }

// Columns are the names of the columns that contents take of a row, sorted.
func (d *Document) Columns() []string { return slices.Clone(d.columns) }

// Hash is the SHA-256, hexadecimal, of the layout's text and of the files that its
// contents name.
func (d *Document) Hash() string { return d.hash }

// RowHash is the SHA-256, hexadecimal, of Hash and of the row that fills the columns:
// what perso.Plan.Layout of a plan for that row is.
func (d *Document) RowHash(row map[string]string) string {
	h := sha256.New()
	_, _ = io.WriteString(h, d.hash)
	for _, name := range slices.Sorted(maps.Keys(row)) {
		_, _ = fmt.Fprintf(h, "\n%q=%q", name, row[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Masters are the names of the master keys that the layout's keys are made of,
// sorted.
func (d *Document) Masters() []string {
	var list []string
	for _, k := range d.keys {
		for i := range k.versions {
			if rc := k.versions[i].recipe; rc != nil {
				list = append(list, rc.Master)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Versions are the versions that keys of the layout may have, sorted.
func (d *Document) Versions() []byte {
	var list []byte
	for _, k := range d.keys {
		for i := range k.versions {
			if v := &k.versions[i]; v.versioned {
				list = append(list, v.version)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
