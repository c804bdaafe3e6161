package trace

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// modeUnknown is the mode of a file of which nothing is known.
const modeUnknown wire.CommMode = 0xFF

// files is what is known of files, by application and number.
type files map[fileKeyOf]fileFacts

type fileKeyOf struct {
	app  [3]byte
	file byte
}

// fileFacts are the settings of a file or, where nothing states them, the mode
// that was observed when it was used.
type fileFacts struct {
	mode       wire.CommMode
	observed   bool // with this key; the rights are not known
	keyNo      int
	access     wire.AccessRights
	additional []wire.AccessRights
}

// knowledge is what the plain parts of a recording tell.
type knowledge struct {
	app     *[3]byte // selected, as on the wire; nil unknown
	files   files    // as known so far
	later   files    // as known at the end; may be nil
	guessed bool     // a file was used of which nothing was known yet
	coder   wire.Coder
}

func (v *knowledge) fileKey(no byte) fileKeyOf {
	k := fileKeyOf{file: no}
	if v.app != nil {
		k.app = *v.app
	} else {
		k.app = [3]byte{0xFF, 0xFF, 0xFF}
	}
	return k
}

// fileOf is the file that a message names in its clear part.
func (v *knowledge) fileOf(m *message) (fileKeyOf, bool) {
	spec := m.spec()
	if spec == nil {
		return fileKeyOf{}, false
	}
	c := spec.New()
	if _, err := v.coder.DecodeHead(m.body, c); err != nil {
		return fileKeyOf{}, false
	}
	no, ok := wire.FileOf(c)
	return v.fileKey(byte(no)), ok
}

// learnFiles takes the settings of files from commands that state them. cmd
// and rsp are plain.
func (v *knowledge) learnFiles(m *message, cmd, rsp []byte) {
	spec := m.spec()
	if spec == nil || !m.ok() {
		return
	}
	switch {
	case m.cut >= 0 && m.ins == insCreateTMAC:
		cmd = emptied(m.ins, m.body)
	case m.isCut():
		return
	}
	c := spec.New()
	if v.coder.Decode(cmd, nil, c) != nil {
		return
	}
	set := func(file wire.FileNo, o wire.FileOption, a wire.AccessRights, more []wire.AccessRights) {
		v.files[v.fileKey(byte(file))] = fileFacts{mode: o.Comm(), access: a, additional: slices.Clone(more)}
	}
	switch c := c.(type) {
	case *wire.CreateStdDataFile:
		set(c.File, c.Option, c.Access, nil)
	case *wire.CreateBackupDataFile:
		set(c.File, c.Option, c.Access, nil)
	case *wire.CreateValueFile:
		set(c.File, c.Option, c.Access, nil)
	case *wire.CreateLinearRecordFile:
		set(c.File, c.Option, c.Access, nil)
	case *wire.CreateCyclicRecordFile:
		set(c.File, c.Option, c.Access, nil)
	case *wire.CreateTransactionMACFile:
		set(c.File, c.Option, c.Access, nil)
	case *wire.ChangeFileSettings:
		set(c.File, c.Option, c.Access, c.Additional)
	case *wire.GetFileSettings:
		var s wire.FileSettings
		if v.coder.Decode(rsp, nil, &s) == nil {
			set(c.File, s.Option, s.Access, s.Additional)
		}
	case *wire.DeleteFile:
		delete(v.files, v.fileKey(byte(c.File)))
	}
}

// observe remembers the mode that a file of unknown settings was used with.
func (v *verifier) observe(m *message, best *attempt) {
	if best.rule != wire.RuleRead && best.rule != wire.RuleWrite || !best.good() {
		return
	}
	k, ok := v.fileOf(m)
	if !ok {
		return
	}
	if f, ok := v.files[k]; ok && !f.observed {
		return
	}
	v.files[k] = fileFacts{mode: best.file, observed: true, keyNo: best.session.keyNo}
}

// effective is the mode that the access to a file has, as far as that is
// known: its own if a key grants it, plain if it is free.
func (v *knowledge) effective(m *message, rule wire.Rule, no int) wire.CommMode {
	if rule != wire.RuleRead && rule != wire.RuleWrite {
		return modeUnknown
	}
	k, ok := v.fileOf(m)
	if !ok {
		return modeUnknown
	}
	f, ok := v.files[k]
	if !ok {
		if f, ok = v.later[k]; !ok {
			v.guessed = true
			return modeUnknown
		}
	}
	if f.observed && f.keyNo != no {
		return modeUnknown
	}
	if f.observed {
		return f.mode
	}
	free := false
	for _, a := range append([]wire.AccessRights{f.access}, f.additional...) {
		for _, right := range granting(m.ins, a) {
			if no >= 0 && int(right) == no&0x3F {
				return f.mode
			}
			free = free || right == wire.Free
		}
	}
	switch {
	case no < 0 && !free:
		return f.mode
	case no >= 0 && free:
		return wire.CommPlain
	}
	return modeUnknown // the key is not known, or nobody should have been let in
}

// granting are the rights of a file that grant a command (command reference 9).
func granting(ins byte, a wire.AccessRights) []wire.Access {
	switch ins {
	case 0xBD, 0xAD, 0xBB, 0xAB:
		return []wire.Access{a.Read, a.ReadWrite}
	case 0x6C, 0xDC:
		return []wire.Access{a.Read, a.Write, a.ReadWrite}
	case 0x0C, 0xDB, 0xBA:
		return []wire.Access{a.ReadWrite}
	}
	return []wire.Access{a.Write, a.ReadWrite}
}

// view prepares a message for checking.
func (v *knowledge) view(m *message, spec *wire.Spec) view {
	w := view{ins: m.ins, body: m.body, head: len(m.body), want: -1, rsp: m.rsp, rspWant: -1, answered: true}
	w.answered = m.ok() || len(m.rsp) > 0
	if spec == nil {
		return w
	}
	cmd := spec.New()
	n, _ := v.coder.DecodeHead(m.body, cmd)
	if n <= len(m.body) {
		w.head = n
	}
	switch spec.Rule {
	case wire.RuleRead:
		w.want = 0
	case wire.RuleWrite:
		if w.want = v.coder.Announced(); w.want < 0 {
			w.want = 4 // Credit, Debit, LimitedCredit
		}
	}
	if l, ok := cmd.(interface{ AnswerLen() int }); ok {
		w.rspWant = l.AnswerLen()
	} else if _, ok := responseOf(spec).(*wire.Empty); ok {
		w.rspWant = 0
	}
	return w
}

// maxHidden bounds the answers that hidden looks at, and maxEffort what it does
// for all of them together: its time grows with the square of their length.
const (
	maxHidden = 512
	maxEffort = 1 << 24 // a second or two
)

// hidden reports whether a D40 answer that looks plain is a protected one with
// one wrong bit. It asks only where neither settings nor lengths tell the mode.
func (t *attempt) hidden(v *verifier, m *message) bool {
	if t.rule != wire.RuleRead || t.view.rspWant >= 0 || len(m.rsp) == 0 || len(m.rsp) > maxHidden || v.effective(m, t.rule, t.session.keyNo) != modeUnknown {
		return false
	}
	effort := 16 * len(m.rsp) * len(m.rsp) // bits in two modes, times bytes
	if v.effort+effort > maxEffort {
		return false
	}
	v.effort += effort
	for _, mode := range [...]wire.CommMode{wire.CommMAC, wire.CommFull} {
		w := t.view
		w.rspMode = mode
		w.rsp = slices.Clone(w.rsp)
		if o := t.session.check(w); !o.fits {
			continue
		}
		for bit := range 8 * len(w.rsp) {
			w.rsp[bit/8] ^= 1 << (bit % 8)
			// A CRC16 alone is too weak a reason: the padding has to begin with 80.
			if o := t.session.check(w); o.good() && (mode == wire.CommMAC || o.padded) {
				return true
			}
			w.rsp[bit/8] ^= 1 << (bit % 8)
		}
	}
	return false
}
