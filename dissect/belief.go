package dissect

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// belief is what a reader that saw all messages believes of the card.
type belief struct {
	keyName string // of the session: the name that people know it by
	keyNo   int
	counter uint16 // command counter after the last message
	pending []pending
	types   map[place]wire.FileType
	values  map[place]value
	shown   *place // the value file that was used last
}

// place is a file.
type place struct {
	app  wire.AID
	file wire.FileNo
}

// pending is a change that waits for the commit.
type pending struct {
	words string
	at    place
	delta int64
	is    bool // of a value: delta counts
}

// value is what a value file holds, as far as answers tell.
type value struct {
	amount int64
	known  bool
	doubt  string // why it may be another one
}

func placeOf(t *trace.Message, no wire.FileNo) place {
	p := place{file: no}
	if t.App != nil {
		p.app = *t.App
	} else {
		p.app = wire.MaxAID + 1
	}
	return p
}

// after moves on by a message and says what is believed then.
func (b *belief) after(d *dissector, m *Message, t *trace.Message, o *trace.Opened) []Fact {
	if m.Foreign != "" {
		return nil
	}
	before := b.pendingWords()
	held := b.heldWords()
	b.learn(t, o)
	var facts []Fact
	if t.AfterApp != nil {
		f := Fact{Name: "Selected", Value: appWords(*t.AfterApp)}
		if t.App != nil && *t.App != *t.AfterApp {
			f.Changed, f.Before = true, appWords(*t.App)
		}
		facts = append(facts, f)
	}
	facts = append(facts, b.sessionFacts(t)...)
	if now := b.pendingWords(); now != "" || before != "" {
		f := Fact{Name: "Pending", Value: now, Changed: now != before}
		if now == "" {
			f.Value, f.Before = "nothing", before
		}
		facts = append(facts, f)
	}
	if now := b.heldWords(); now != "" {
		facts = append(facts, Fact{Name: fmt.Sprintf("Value of file %v, as the reader believes", b.shown.file), Value: now, Changed: now != held})
	}
	return facts
}

func appWords(a wire.AID) string {
	if a == wire.PICC {
		return "the card itself"
	}
	return "application " + a.String()
}

// sessionFacts are those of the session after a message.
func (b *belief) sessionFacts(t *trace.Message) []Fact {
	if t.After == nil {
		f := Fact{Name: "Authenticated with", Value: "no key"}
		if t.AfterUnknown != "" {
			f.Value = "a key that is not known"
		}
		f.Changed = t.Session != nil
		if t.Session != nil {
			f.Before = keyWords(t.Session.KeyNo(), b.keyName)
		}
		return []Fact{f}
	}
	s := t.After
	began := t.Session == nil || t.Opening != nil
	facts := []Fact{
		{Name: "Authenticated with", Value: keyWords(s.KeyNo(), b.keyName), Changed: began},
		{Name: "Channel", Value: fmt.Sprintf("%s, %v", schemeWords(s.Scheme()), s.Type()), Changed: began},
	}
	if s.Scheme() == wire.SchemeEV2 || s.Scheme() == wire.SchemeLRP {
		ti := s.TI()
		counter := Fact{Name: "Command counter", Value: fmt.Sprint(s.Counter())}
		if t.Session != nil && t.Session.Counter() != s.Counter() {
			counter.Before, counter.Changed = fmt.Sprint(t.Session.Counter()), true
		}
		facts = append(facts, Fact{Name: "Transaction identifier", Value: fmt.Sprintf("%X", ti[:]), Bytes: true, Changed: began && t.INS != wire.InsAuthenticateEV2NonFirst}, counter)
	}
	if t.Doubtful {
		facts = append(facts, Fact{Name: "In doubt", Value: "the card may have ended this session", Changed: true})
	}
	return facts
}

func keyWords(no int, name string) string {
	words := "a key"
	if no >= 0 {
		words = fmt.Sprintf("key %v", wire.KeyNo(no))
	}
	return joinedBy(words, name, ", ")
}

// keyName is the name of a key; one that the recording taught has none.
const learnedKey = "the key that "

func keyName(note string) string {
	if from, ok := strings.CutPrefix(note, "learned from "); ok {
		return learnedKey + from + " set"
	}
	return note
}

func joinedBy(a, b, sep string) string {
	if b == "" {
		return a
	}
	return a + sep + b
}

// learn takes what a message tells.
func (b *belief) learn(t *trace.Message, o *trace.Opened) {
	if b.types == nil {
		b.types, b.values = make(map[place]wire.FileType), make(map[place]value)
	}
	if t.Reset || t.Preset && (t.Session == nil || t.Session.Counter() != b.counter) {
		b.pending = nil
	}
	if b.counter = 0; t.After != nil {
		b.counter = t.After.Counter()
	}
	if t.Opening != nil && t.After != nil {
		b.keyName, b.keyNo = keyName(t.Opening.Note), t.After.KeyNo()
	}
	if t.After == nil {
		b.keyName = ""
	}
	cmd := commandOf(t, o)
	if cmd == nil || t.Garbled {
		return
	}
	ok := o.OK()
	var at place
	no, onFile := wire.FileOf(cmd)
	if onFile {
		at = placeOf(t, no)
	}
	switch c := cmd.(type) {
	case *wire.SelectApplication:
		if ok {
			b.pending = nil
		}
	case *wire.ISOSelect:
		if ok && c.SelectsDF() {
			b.pending = nil
		}
	case *wire.CommitTransaction:
		b.commit(ok, t)
	case *wire.AbortTransaction, *wire.FormatPICC:
		if ok {
			b.pending = nil
		}
	case *wire.GetFileSettings:
		if s, is := o.Response.(*wire.FileSettings); is && ok {
			b.types[at] = s.Type
		}
	case *wire.CreateValueFile:
		if ok {
			b.types[at] = wire.FileValue
			b.hold(at, value{amount: int64(c.Value), known: true})
		}
	case *wire.CreateBackupDataFile:
		if ok {
			b.types[at] = wire.FileBackup
		}
	case *wire.CreateStdDataFile:
		if ok {
			b.types[at] = wire.FileStandard
		}
	case *wire.GetValue:
		if v, is := o.Response.(*wire.Value); is && ok {
			b.hold(at, value{amount: int64(v.Value), known: true})
		}
	}
	b.pend(cmd, at, onFile, ok, t)
}

// pend notes what waits for the commit.
func (b *belief) pend(cmd wire.Command, at place, onFile, ok bool, t *trace.Message) {
	spec := cmd.Spec()
	kind, known := b.types[at]
	if !known {
		kind = wire.FileStandard
	}
	if spec.EffectOn(kind) != wire.EffectPending || !ok {
		if t.Answered && !ok && len(b.pending) > 0 && !opens(t) && spec.Effect != wire.EffectCommit {
			b.pending = nil // a card that refuses drops it
		}
		return
	}
	p := pending{words: shortWords(cmd), at: at}
	switch c := cmd.(type) {
	case *wire.Credit:
		p.delta, p.is = int64(c.Amount), b.opened(t)
	case *wire.LimitedCredit:
		p.delta, p.is = int64(c.Amount), b.opened(t)
	case *wire.Debit:
		p.delta, p.is = -int64(c.Amount), b.opened(t)
	}
	if onFile && !p.is {
		p.words = strings.TrimSpace(p.words)
	}
	b.pending = append(b.pending, p)
}

// opened reports whether the whole command could be read.
func (b *belief) opened(t *trace.Message) bool {
	return t.Sent.Sealed.Len() == 0 || t.Sent.Plain != nil
}

// commit lets happen what is pending, or leaves it in doubt.
func (b *belief) commit(ok bool, t *trace.Message) {
	if t.Answered && !ok {
		b.pending = nil
		return
	}
	for _, p := range b.pending {
		v, have := b.values[p.at]
		switch {
		case !have:
			continue
		case !t.Answered:
			v.doubt = "or what the commit makes of it"
		case p.is && v.known:
			v.amount += p.delta
		default:
			v.known = false
		}
		b.values[p.at] = v
	}
	if ok {
		b.pending = nil
	}
}

func (b *belief) hold(at place, v value) {
	b.values[at] = v
	b.shown = &at
}

func (b *belief) heldWords() string {
	if b.shown == nil {
		return ""
	}
	v := b.values[*b.shown]
	if !v.known {
		return "not known"
	}
	return joinedBy(fmt.Sprint(v.amount), v.doubt, ", ")
}

func (b *belief) pendingWords() string {
	var words []string
	for i, p := range b.pending {
		if i == 3 && len(b.pending) > 4 {
			words = append(words, fmt.Sprintf("and %d more", len(b.pending)-3))
			break
		}
		words = append(words, p.words)
	}
	return strings.Join(words, ", ")
}
