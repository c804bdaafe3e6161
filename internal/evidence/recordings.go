package evidence

import (
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// Session is a recording, and what Verify says of it.
type Session struct {
	Recording *trace.Recording
	Result    *trace.Result
}

// Evidence is all that a source tree has.
type Evidence struct {
	Table    Table
	Sessions []Session // recorded from cards, or printed by NXP
	Foreign  []Session // of foreign programs with the simulated card
	Reports  []*FiledReport
}

// Load reads the evidence below the root of a source tree.
func Load(root string) (*Evidence, error) {
	e := &Evidence{Table: Table{}}
	var err error
	if e.Sessions, err = e.Table.recordings(filepath.Join(root, "testdata/traces"), Captured); err != nil {
		return nil, err
	}
	if e.Foreign, err = e.Table.recordings(filepath.Join(root, "testdata/foreign"), Foreign); err != nil {
		return nil, err
	}
	if err := e.Table.layouts(filepath.Join(root, "wire/testdata/vectors.txt")); err != nil {
		return nil, err
	}
	if err := e.Table.crypto(filepath.Join(root, "testdata/vectors/crypto.json")); err != nil {
		return nil, err
	}
	if e.Reports, err = reports(filepath.Join(root, "testdata/reports")); err != nil {
		return nil, err
	}
	return e, nil
}

// recordings takes in every recording below dir. kind is what its messages
// are: examples printed by NXP are published.
func (t Table) recordings(dir string, kind Rank) ([]Session, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var list []Session
	for _, name := range files {
		rec, err := trace.ReadFile(name)
		if err != nil {
			return nil, err
		}
		res := trace.Verify(rec, nil)
		list = append(list, Session{rec, res})
		t.take(rec, res, kind)
	}
	return list, nil
}

// published begins the names of recordings that are examples printed by NXP.
const published = "an1"

// take takes in one recording of a kind. One of a simulated card is nothing where
// cards are meant.
func (t Table) take(rec *trace.Recording, res *trace.Result, r Rank) {
	switch {
	case r == Captured && Simulated(rec) != "":
		return
	case strings.HasPrefix(rec.ID, published):
		r = Published
	case strings.Contains(rec.Source, "(secure messaging only)"):
		r = Channel
	}
	for _, m := range res.Messages {
		t.message(rec, res, m, r)
	}
}

func (t Table) message(rec *trace.Recording, res *trace.Result, m trace.Opened, r Rank) {
	c := rec.Exchanges[m.First].Command
	spec := specOf(c, m.Name)
	if spec == nil || !m.Answered {
		return
	}
	if ok := m.Status == spec.Success || m.Status == wire.StatusOK; !ok {
		return
	}
	if m.Scheme != wire.SchemeNone && res.Verdict != trace.Verified && !res.Mistakes() {
		return
	}
	for i := m.First; i <= m.Last; i++ {
		if rec.Exchanges[i].Computed != "" {
			return
		}
	}
	if r == Channel && m.Mode == wire.CommPlain && m.Scheme != wire.SchemeEV1 && spec.Success != wire.StatusAdditionalFrame {
		return // neither secure messaging nor an authentication; in EV1 sessions the IV moves
	}
	t.note(spec.Name, m.Scheme, false, r)
	t.note(spec.Name, m.Scheme, true, r)
	if r == Foreign {
		t.note(spec.Name, Layout, false, r) // its answer may have been passed over unread
	}
	t.second(spec, rec, m, r)
}

// second notes the second frame of a handshake, which is a command of its own.
func (t Table) second(spec *wire.Spec, rec *trace.Recording, m trace.Opened, r Rank) {
	if m.Last == m.First || spec.Success != wire.StatusAdditionalFrame {
		return
	}
	for s := range wire.Commands() {
		if s.Name == spec.Name+"Part2" {
			t.note(s.Name, wire.SchemeNone, false, r)
			t.note(s.Name, wire.SchemeNone, true, r)
		}
	}
}

// specOf is the declaration of a recorded command. name tells variants apart.
func specOf(frame []byte, name string) *wire.Spec {
	class, ins := wire.ClassNative, byte(0)
	switch {
	case len(frame) == 0:
		return nil
	case frame[0] == 0x00 && len(frame) >= 4:
		class, ins = wire.ClassISO, frame[1]
	case frame[0] == 0x90 && len(frame) >= 4:
		ins = frame[1]
	default:
		ins = frame[0]
	}
	first := wire.Find(class, ins, "")
	for s := range wire.Commands() {
		if s.Class == class && s.INS == ins && s.Name == name {
			return s
		}
	}
	return first
}
