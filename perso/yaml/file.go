package yaml

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// file is one of a layout, with what its Go value does not have.
type file struct {
	at      yamlnode.Position
	members map[string]*node
	content *content // nil: none is said
	initial bool     // content is what a new file begins with
}

// fileTypes are the words of types, and what files of each have besides what all
// have.
var fileTypes = []struct {
	word    string
	typ     wire.FileType
	members []string
}{
	{"standard", wire.FileStandard, []string{"iso-id", "size", "also", "content", "initial", "sdm"}},
	{"backup", wire.FileBackup, []string{"iso-id", "size", "also", "content", "initial"}},
	{"value", wire.FileValue, []string{"lower", "upper", "value", "limited-credit", "free-get", "also"}},
	{"linear", wire.FileLinearRecord, []string{"iso-id", "record-size", "records", "also"}},
	{"cyclic", wire.FileCyclicRecord, []string{"iso-id", "record-size", "records", "also"}},
	{"transaction-mac", wire.FileTransactionMAC, []string{"key", "limit", "exclude-unauthenticated", "also"}},
}

// maxSets of rights a file has besides the first.
const maxSets = 7

// rightWord is a right as layouts call it.
func rightWord(right inspect.Right) string {
	if right == inspect.RightNameReader {
		return "reader-id"
	}
	return string(right)
}

func (r *reader) file(n *node, a *application, app *perso.Application) {
	if !r.members(n, "a file: no, type, rights") {
		return
	}
	var types, all []string
	for _, t := range fileTypes {
		types = append(types, t.word)
		all = append(append(all, t.members...), rightWords(t.typ)...)
	}
	all = append(all, "no", "name", "type", "mode")
	f := map[string]*node{}
	for _, m := range n.Members {
		if _, twice := f[m.Name.Text]; !twice {
			f[m.Name.Text] = m.Value
		}
	}
	t, ok := f["type"]
	if !ok {
		r.fields(n, "a file", compact(all)...)
		r.fault(n.Position, "the member type is missing: want %s", yamlnode.Either(types))
		return
	}
	word, ok := r.word(t, "type", types...)
	if !ok {
		return
	}
	kind := fileTypes[slices.Index(types, word)]
	known := slices.Concat([]string{"no", "name", "type", "mode"}, kind.members, rightWords(kind.typ))
	foreign := false
	for _, m := range n.Members {
		if !slices.Contains(known, m.Name.Text) && slices.Contains(all, m.Name.Text) {
			r.foreign(m.Name, kind.typ, word)
			foreign = true
		}
	}
	if foreign {
		return
	}
	f = r.fields(n, fmt.Sprintf("a %s file", word), known...)
	x := &file{at: n.Position, members: f}
	out := perso.File{Settings: wire.FileSettings{Type: kind.typ}}
	number, ok := f["no"]
	if !ok {
		r.fault(n.Position, "the member no is missing: want the number of the file, 0 to 31")
		return
	}
	no, ok := r.number(number, "no", 0, 31)
	if !ok {
		return
	}
	out.No = wire.FileNo(no)
	for i, other := range app.Files {
		if other.No == out.No {
			r.fault(number.Position, "file %d stands here a second time, after line %d", no, a.files[i].at.Line)
			return
		}
	}
	if v, ok := f["name"]; ok {
		out.Label, _ = r.label(v, "the name of a file")
	}
	if v, ok := f["iso-id"]; ok {
		out.ISOID = r.isoID(v)
	}
	comm := wire.CommFull
	if v, ok := f["mode"]; ok {
		if s, ok := r.word(v, "mode", "plain", "mac", "full"); ok {
			comm, _ = wire.ParseCommMode(s)
		}
	}
	out.Settings.Option = wire.FileOption(comm)
	r.rights(f, a, &out)
	r.sizes(n, f, a, app, &out)
	a.files = append(a.files, x)
	r.contents(f, x, &out)
	if v, ok := f["sdm"]; ok {
		r.sdm(v, a, x, app, &out)
	}
	app.Files = append(app.Files, out)
}

func compact(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func rightWords(t wire.FileType) (words []string) {
	for _, right := range inspect.WrittenRights(t) {
		words = append(words, rightWord(right))
	}
	return words
}

// foreign notes a member that files of other types have.
func (r *reader) foreign(name *node, t wire.FileType, word string) {
	right := inspect.Right(name.Text)
	if name.Text == "reader-id" {
		right = inspect.RightNameReader
	}
	var e *inspect.ForeignRightError
	err := inspect.WrittenAccess{right: wire.Never}.Apply(t, &wire.AccessRights{})
	if _, isRight := rightOf(name.Text); isRight && errors.As(err, &e) {
		if e.Same != "" {
			r.fault(name.Position, "a %s file has no right called %s: say %s, for %s", word, name.Text, rightWord(e.Same), e.Same.Meaning(t))
			return
		}
		r.fault(name.Position, "a %s file has no right called %s: it has %s", word, name.Text, yamlnode.Either(rightWords(t)))
		return
	}
	r.fault(name.Position, "a %s file has no %s: leave it out, or take another type", word, name.Text)
}

// rightOf is the right of a word, of files of any type.
func rightOf(word string) (inspect.Right, bool) {
	for _, t := range fileTypes {
		for _, right := range inspect.WrittenRights(t.typ) {
			if rightWord(right) == word {
				return right, true
			}
		}
	}
	return "", false
}

// rights reads who may do what. What is not said nobody may, but for the master key,
// which changes the settings.
func (r *reader) rights(f map[string]*node, a *application, out *perso.File) {
	s := &out.Settings
	s.Access = inspect.NoAccess
	s.Access.Change = 0
	r.set(f, a, out.Settings.Type, &s.Access, inspect.WrittenRights(s.Type))
	also, ok := f["also"]
	if !ok || !r.list(also, "a list of further sets of rights, such as [{read: KEYNAME}]") {
		return
	}
	if len(also.Items) > maxSets {
		r.fault(also.Position, "also has %d sets: %d at most", len(also.Items), maxSets)
		return
	}
	for _, item := range also.Items {
		if !r.members(item, "rights, such as {read: KEYNAME}") {
			continue
		}
		words := slices.DeleteFunc(inspect.WrittenRights(s.Type), func(x inspect.Right) bool { return x == inspect.RightChange })
		var names []string
		for _, w := range words {
			names = append(names, rightWord(w))
		}
		set := inspect.NoAccess
		r.set(r.fields(item, "a further set of rights", names...), a, s.Type, &set, words)
		s.Additional = append(s.Additional, set)
	}
}

func (r *reader) set(f map[string]*node, a *application, t wire.FileType, access *wire.AccessRights, rights []inspect.Right) {
	for _, right := range rights {
		v, ok := f[rightWord(right)]
		if !ok {
			continue
		}
		who, ok := r.access(v, a, rightWord(right), "free", "never")
		if !ok {
			continue
		}
		if err := (inspect.WrittenAccess{right: who}).Apply(t, access); err != nil {
			r.fault(v.Position, "%v", err)
		}
	}
}

// sizes reads how large a file is, and what else belongs to its type.
func (r *reader) sizes(n *node, f map[string]*node, a *application, app *perso.Application, out *perso.File) {
	s := &out.Settings
	need := func(name string, low, high int64) int64 {
		v, ok := f[name]
		if !ok {
			r.fault(n.Position, "the member %s is missing: want a number from %d to %d", name, low, high)
			return low
		}
		x, ok := r.number(v, name, low, high)
		if !ok {
			return low
		}
		return x
	}
	const most = 0xFFFFFF
	switch s.Type {
	case wire.FileStandard, wire.FileBackup:
		s.Size = uint32(need("size", 1, most))
	case wire.FileLinearRecord:
		s.RecordSize, s.MaxRecords = uint32(need("record-size", 1, most)), uint32(need("records", 1, most))
	case wire.FileCyclicRecord:
		s.RecordSize, s.MaxRecords = uint32(need("record-size", 1, most)), uint32(need("records", 2, most))
	case wire.FileValue:
		before := len(r.errs)
		s.Lower, s.Upper = int32(need("lower", math.MinInt32, math.MaxInt32)), int32(need("upper", math.MinInt32, math.MaxInt32))
		if len(r.errs) == before {
			r.value(f, out)
		}
	case wire.FileTransactionMAC:
		r.transactionMAC(n, f, a, app, out)
	}
}

func (r *reader) value(f map[string]*node, out *perso.File) {
	s := &out.Settings
	if s.Lower > s.Upper {
		r.fault(f["upper"].Position, "upper is %d, and lower is %d", s.Upper, s.Lower)
		return
	}
	if v, ok := f["value"]; ok {
		if x, ok := r.number(v, "value", int64(s.Lower), int64(s.Upper)); ok {
			first := int32(x)
			out.First = &first
		}
	}
	for name, flag := range map[string]wire.ValueFlags{"limited-credit": wire.ValueLimitedCredit, "free-get": wire.ValueFreeGet} {
		if v, ok := f[name]; ok && r.bool(v, name) {
			s.Flags |= flag
		}
	}
}

// transactionMAC reads what belongs to a file of transaction MACs.
func (r *reader) transactionMAC(n *node, f map[string]*node, a *application, app *perso.Application, out *perso.File) {
	s := &out.Settings
	s.TMKeyOption = wire.TMKeyAES
	if v, ok := f["limit"]; ok {
		if x, ok := r.number(v, "limit", 0, math.MaxUint32); ok {
			s.Option |= wire.OptionTMCLimit
			s.Limit.Limit = uint32(x)
		}
	}
	if v, ok := f["exclude-unauthenticated"]; ok && r.bool(v, "exclude-unauthenticated") {
		s.Option |= wire.OptionTMIExclude
	}
	if a.tmac != nil {
		r.fault(n.Position, "an application has at most one transaction MAC file, and another stands in line %d", a.tmac.at.Line)
		return
	}
	v, ok := f["key"]
	if !ok {
		r.fault(n.Position, "the member key is missing: want the name of the key that makes the MACs")
		return
	}
	k, ok := r.key(v, "key")
	if !ok {
		return
	}
	a.tmac = &use{v.Position, k.name, 0}
	r.sameType(v, k, wire.KeyAES, "a transaction MAC file")
	r.place(v, k, keystore.Ref{Place: app.Place, Key: keystore.RoleTransactionMAC.ID()})
	if w := k.version(); w != nil {
		s.TMKeyVersion = wire.KeyVersion(*w)
	}
}
