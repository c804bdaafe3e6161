package purse

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// model is a card in the abstract, and those who use it. It has no frames and no
// cryptography: a transaction MAC is a hash of its number and its input. It is written from
// the data sheet, and shares nothing with package sim.
type model struct {
	*rand.Rand
	world

	values  [2]int64
	slots   map[int]string
	records []string // the oldest first
	tmc     uint32   // low half under LRP
	tmv     TMV
	reader  ID
	keyVer  byte

	key     key.Key // makes real transaction MACs; nil: hashes stand for them
	now     time.Time
	pending *pending
	movable bool       // by others, though OthersNothing
	done    map[ID]int // movements that were committed
	inputs  map[string]ID
	told    [][2]any // TMC and TMV as they ever were
	before  []int64  // values of file 0 as they ever were
	next    uint32   // of ids
}

// world is what does not change in one history.
type world struct {
	relay                     bool // else only accidents happen
	scheme                    wire.Scheme
	tmac, names, slot, record bool
	weak                      bool // the settlement's session has no MACs
	fence                     bool // everybody fences at the begin
	others                    Others
	leased, leaseLost         bool // we came by a lease; others moved values before, or do so again
	clears                    bool // somebody may clear the records
	appends                   bool // a record of a merged transaction stands beside the other's
	capacity                  int
	files                     int
}

type pending struct {
	moves   []movement
	slots   map[int]string
	records []string
	name    *ID
	input   string
}

type movement struct {
	by   ID
	file int
	d    int64
}

func (m *model) one(n int) bool { return m.IntN(n) == 0 }

func newModel(r *rand.Rand) *model {
	m := &model{Rand: r, slots: map[int]string{}, done: map[ID]int{}, inputs: map[string]ID{}, next: 1}
	m.relay = !m.one(4)
	m.scheme = []wire.Scheme{wire.SchemeEV2, wire.SchemeEV2, wire.SchemeLRP, wire.SchemeEV1, wire.SchemeD40, wire.SchemeNone}[m.IntN(6)]
	if m.scheme == wire.SchemeEV2 || m.scheme == wire.SchemeLRP {
		m.tmac = m.one(2)
		m.names = m.tmac && !m.one(3)
	} else if m.scheme == wire.SchemeD40 {
		m.tmac = m.one(3)
		m.names = m.tmac && m.one(2)
	}
	m.slot, m.record, m.fence = m.one(3), m.one(3), m.one(2)
	m.others = []Others{OthersAny, OthersDebit, OthersNothing}[m.IntN(3)]
	m.leased, m.leaseLost, m.clears = m.one(2), m.one(3), m.one(2)
	m.weak = !m.macs() || m.one(6)
	m.appends, m.capacity, m.files = m.one(2), 2+m.IntN(4), 1+m.IntN(2)
	m.values = [2]int64{100, 50}
	m.tmc = []uint32{0, 0, 1, 5, 0xFFFD, 0xFFFE, 0xFFFF}[m.IntN(7)]
	if m.tmc != 0 {
		m.tmv = TMV{1, byte(m.tmc)}
	}
	m.before = append(m.before, 100)
	m.note()
	return m
}

func (m *model) note() { m.told = append(m.told, [2]any{m.tmc, m.tmv}) }

func (m *model) id() ID {
	m.next++
	return NewID(Generation{byte(m.next % 5)}, m.next, [6]byte{byte(m.Uint32())})
}

// number is a counter as the card tells it.
func (m *model) number(tmc uint32) uint32 {
	if m.scheme == wire.SchemeLRP && m.key != nil {
		return tmc&0xFFFF | 1<<16
	}
	if m.scheme == wire.SchemeLRP {
		return tmc&0xFFFF | uint32(1+m.IntN(3))<<16
	}
	return tmc
}

func (m *model) start() *pending {
	if m.pending == nil {
		m.pending = &pending{slots: map[int]string{}}
	}
	return m.pending
}

// mac is the transaction MAC of an input.
func (m *model) mac(tmc uint32, input string) TMV {
	if k := m.keys(tmc); k != nil {
		return k.TMV([]byte(input))
	}
	if m.scheme == wire.SchemeLRP {
		tmc &= 0xFFFF
	}
	h := sha256.Sum256(fmt.Appendf(nil, "%d %s", tmc, input))
	return TMV(h[:8])
}

func (m *model) keys(tmc uint32) *tmac.Keys {
	if m.key == nil {
		return nil
	}
	k, err := tmac.NewKeys(context.Background(), m.key, m.scheme == wire.SchemeLRP, m.number(tmc), modelUID)
	if err != nil {
		panic(err)
	}
	return k
}

var modelUID = []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}

// commit makes what pends happen.
func (m *model) commit() bool {
	p := m.pending
	m.pending = nil
	if p == nil || m.names && p.name == nil {
		return false
	}
	for _, x := range p.moves {
		m.values[x.file] += x.d
		// A movement that replaced an equal one of another transaction, all else being
		// that one's, is that one's: the card knows no other.
		if id, ok := m.inputs[p.input]; ok {
			x.by = id
		}
		m.done[x.by]++
	}
	for k, v := range p.slots {
		m.slots[k] = v
	}
	m.records = append(m.records, p.records...)
	m.records = m.records[max(0, len(m.records)-m.capacity):]
	if m.tmac {
		m.tmc++
		m.tmv = m.mac(m.tmc, p.input)
		if p.name != nil {
			m.reader = *p.name
		}
		m.note()
	}
	m.before = append(m.before, m.values[0])
	return true
}

// open opens a session: a real selection drops what pends.
func (m *model) open() {
	if !m.relay || m.one(2) {
		m.pending = nil
	}
}

// name is CommitReaderID, a second time where the first one is refused. It returns the answer and
// what goes into the input.
func (m *model) name(id ID) (answer ID, input string) {
	if p := m.pending; p != nil && p.name != nil {
		m.pending = nil
	}
	answer = m.reader
	if k := m.keys(m.tmc + 1); k != nil {
		answer = k.EncipherReader(m.reader)
	}
	input = block(wire.InsCommitReaderID, id[:], answer[:])
	p := m.start()
	p.name = &id
	p.input += input
	return answer, input
}

// block is a command in the input of a transaction MAC.
func block(ins byte, parts ...[]byte) string {
	b := append([]byte{ins}, slices.Concat(parts...)...)
	return string(append(b, make([]byte, -len(b)&15)...))
}

func (m *model) macs() bool { return m.scheme != wire.SchemeD40 && m.scheme != wire.SchemeNone }

// job is a transaction of a terminal, broken off anywhere. It returns the entry, nil
// if it did not come so far.
func (m *model) job(id ID, terminal int, moves []movement) *Entry {
	m.open()
	e := m.entry(id, terminal, moves)
	input := ""
	switch {
	case m.names:
		if m.one(20) {
			if m.one(2) {
				m.name(id)
			}
			return nil
		}
		answer, named := m.name(id)
		input += named
		e.EncTMRI, e.BeginFence = answer[:], true
	case m.fence:
		if m.macs() || !m.relay || m.one(2) {
			m.pending = nil
		}
		e.BeginFence = true
	}
	var steps []func()
	step := func(what string, f func()) {
		input += what
		steps = append(steps, func() { f(); m.pending.input += what })
	}
	if m.slot {
		head := block(wire.InsWriteData, []byte{9, byte(16 * terminal), 0, 0, 16, 0, 0})
		step(head+string(id.Slot(16)), func() { m.start().slots[terminal] = string(id.Slot(16)) })
	}
	if m.record {
		r := string(recordOf(id, moves[0].d, e.RecordNo, 24))
		step(block(wire.InsWriteRecord, []byte{8, 0, 0, 0, 24, 0, 0})+r+"\x00\x00\x00\x00\x00\x00\x00\x00", func() {
			p := m.start()
			if !m.appends && len(p.records) > 0 {
				p.records = p.records[:len(p.records)-1]
			}
			p.records = append(p.records, r)
		})
	}
	for i, x := range moves {
		ins := []byte{Debit: wire.InsDebit, Credit: wire.InsCredit}[e.Moves[i].Kind]
		amount := binary.LittleEndian.AppendUint32(nil, uint32(e.Moves[i].Amount))
		step(block(ins, []byte{byte(x.file)}, amount), func() { p := m.start(); p.moves = append(p.moves, x) })
	}
	if e.marked() {
		m.inputs[input] = id
	}
	if e.TMI = Hex(input); m.one(6) { // something that was read is missing
		e.TMI = Hex(block(wire.InsGetValue, []byte{1}) + input)
	}
	if !m.send(e, steps) || m.one(8) {
		return e
	}
	// The commit: its answer is lost, or it is held back, or all is well.
	e.Progress.CommitSent = true
	if m.one(4) {
		return e
	}
	ok := m.commit()
	if ok && m.one(2) {
		e.Meta = map[string]string{"acked": ""}
	}
	return e
}

// send sends commands until something goes wrong.
func (m *model) send(e *Entry, steps []func()) bool {
	for i, f := range steps {
		switch {
		case m.relay && m.one(12): // another's commit in between ends the session
			m.commit()
			return false
		case m.relay && !m.macs() && m.one(6): // swallowed, and its answer forged
			continue
		case m.one(12):
			return false
		case m.one(12):
			f()
			return false
		}
		f()
		if m.macs() {
			e.Progress.Acked = i + 1
		}
	}
	return true
}

// entry is what a terminal writes down before it begins. What a relay can forge it
// may have forged.
func (m *model) entry(id ID, terminal int, moves []movement) *Entry {
	no, file := wire.KeyNo(1), wire.FileNo(9)
	e := &Entry{
		ID: id, Policy: Hostile, Others: m.others, UIDProof: UIDByKey, Scheme: m.scheme.String(), KeyNo: &no,
		LRP: m.scheme == wire.SchemeLRP, HasTMAC: m.tmac, NamesReader: m.names, TMKeyVer: m.keyVer,
	}
	if !m.relay {
		e.Policy = Accidents
	}
	if m.leased {
		e.Lease = "1"
	}
	if m.scheme == wire.SchemeNone {
		e.KeyNo, e.UIDProof = nil, UIDClear
	}
	source := FromSession
	if !m.macs() {
		source = FromClear
	}
	for _, x := range moves {
		kind := Debit
		if x.d > 0 {
			kind = Credit
		}
		e.Moves = append(e.Moves, Move{wire.FileNo(x.file), kind, int32(max(x.d, -x.d))})
		e.Values = append(e.Values, ValueBefore{wire.FileNo(x.file), int32(m.values[x.file]), source})
	}
	if m.tmac {
		e.TMC0, e.TMV0 = m.number(m.tmc), m.tmv
		if m.relay && !m.macs() && m.one(4) {
			old := m.told[m.IntN(len(m.told))]
			e.TMC0, e.TMV0 = old[0].(uint32), old[1].(TMV)
		}
	}
	if m.slot {
		e.SlotFile, e.SlotNo, e.Slot0 = &file, terminal, m.slotOf(terminal)
	}
	if m.record {
		e.RecordFile, e.Records, e.Capacity, e.Cyclic = &file, len(m.records), m.capacity, true
		e.NeverCleared, e.RecordNo = !m.clears, m.Uint32()
		if n := len(m.records); n > 0 {
			e.Marker = Hex(m.records[n-1])
			_, _, last, _ := ParseRecord(e.Marker)
			e.RecordNo = last + 1
		}
	}
	return e
}

func (m *model) slotOf(terminal int) Hex {
	if s := m.slots[terminal]; s != "" {
		return Hex(s)
	}
	return make(Hex, 16)
}

// other is something that others do.
func (m *model) other() {
	switch k := m.IntN(12); {
	case k == 0 && m.relay:
		m.commit()
	case k == 1:
		m.pending = nil // loss of power
	case k == 2 && m.record && m.clears:
		m.records = nil
	case k == 3 && m.one(6):
		m.tmc, m.tmv, m.reader, m.keyVer = 0, TMV{}, ID{}, m.keyVer+1 // a file made anew
		m.pending = nil
	default:
		d := int64([]int{-30, -30, -30, -5, 30, 30, 5}[m.IntN(7)])
		if m.others == OthersDebit && d > 0 {
			d = -d
		}
		x := movement{m.id(), m.IntN(m.files), d}
		if m.others == OthersNothing && !m.movable {
			x.d = 0
		}
		m.job(x.by, 1+m.IntN(2), []movement{x})
	}
}
