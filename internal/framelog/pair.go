package framelog

import (
	"bytes"
	"slices"
)

// pairing makes exchanges of the frames of one program that speaks to a card.
type pairing struct {
	s       *scanner
	list    []Exchange
	open    bool // the last exchange waits for its answer
	reset   bool
	turns   bool   // others sent commands between its own
	lost    int    // line of a command that could not be read, after the last one
	lastGot string // shape of the last answer
	joined  bool   // the last answer may go on
}

func (p *pairing) last() *Exchange { return &p.list[len(p.list)-1] }

// incomplete names a frame of which the log has a part only.
func (s *scanner) incomplete(it *item) {
	s.skip(it, "incomplete: the program that wrote the log left out bytes")
	s.failed(it, "the answer is incomplete in the log, line %d", it.line)
	if it.dir == ToCard {
		s.lost = append(s.lost, it.line)
	}
}

// maxClients is how many programs are told apart.
const maxClients = 64

// pair finds the direction of what has no label, and pairs.
func (s *scanner) pair() {
	s.alternate()
	slices.SortStableFunc(s.fails, func(a, b failure) int { return a.line - b.line })
	clients := map[string]*pairing{}
	var order []*pairing
	var before *pairing
	fails, lost := s.fails, s.lost
	for i := range s.items {
		it := &s.items[i]
		client := it.client
		if clients[client] == nil && len(clients) >= maxClients {
			client = ""
		}
		p := clients[client]
		if p == nil {
			p = &pairing{s: s}
			clients[client] = p
			order = append(order, p)
		}
		for len(fails) > 0 && fails[0].line <= it.line {
			for _, q := range order {
				q.fail(fails[0])
			}
			fails = fails[1:]
		}
		for len(lost) > 0 && lost[0] <= it.line {
			p.open, p.lost = false, lost[0]
			lost = lost[1:]
		}
		if it.kind == itemReset {
			for _, q := range order {
				q.reset, q.open = true, false
			}
			continue
		}
		n := len(p.list)
		p.item(it)
		if len(p.list) > n {
			p.turns = p.turns || before != nil && before != p && n > 0
			before = p
		}
	}
	for _, f := range fails {
		for _, q := range order {
			q.fail(f)
		}
	}
	s.choose(order)
}

// choose keeps the exchanges of all programs, one after the other, or of the one
// that has most where they took turns.
func (s *scanner) choose(order []*pairing) {
	var best *pairing
	turns := false
	for _, p := range order {
		if best == nil || len(p.list) > len(best.list) {
			best = p
		}
		turns = turns || p.turns
	}
	for _, p := range order {
		if !turns || p == best {
			s.exchanges = append(s.exchanges, p.list...)
			continue
		}
		for i := range p.list {
			f := p.list[i].Command
			s.skip(&item{line: f.Line, text: ""}, "of another program, that took turns with the one whose exchanges these are")
		}
	}
	if turns {
		s.note("several clients took turns; these are the exchanges of the one with most")
	}
}

func (p *pairing) fail(f failure) {
	if p.open && p.last().Command.Line <= f.line {
		p.last().Failed = f.reason
		p.open, p.joined = false, false
	}
}

// item takes the next frame.
func (p *pairing) item(it *item) {
	if k := it.splitAt; k > 0 && it.dir == Unknown && k < len(it.b) && !(p.open && likelyAnswer(it.b) == strong && likelyCommand(it.b[:k]) != strong) {
		command, answer := *it, *it
		command.b, command.at, command.dir = it.b[:k:k], it.at[:k:k], ToCard
		answer.b, answer.at, answer.dir = it.b[k:], it.at[k:], ToReader
		p.item(&command)
		p.item(&answer)
		return
	}
	if it.dir == Unknown && !p.place(it) || !p.readable(it) {
		return
	}
	f := &Frame{Line: it.line, Bytes: it.b, At: it.at, Comment: it.note, StatusFirst: it.behind && len(it.b) > 2, marked: it.marked, shape: it.shape, time: it.time}
	if it.dir == ToCard {
		if p.open && f.shape != p.last().Command.shape && bytes.Equal(f.Bytes, p.last().Command.Bytes) {
			return // the same, seen by another part of the program
		}
		p.repeated(f)
		e := Exchange{Command: f, Reset: p.reset && len(p.list) > 0, Sent: f.time}
		p.list = append(p.list, e)
		p.open, p.reset, p.lost, p.joined = true, false, 0, false
		return
	}
	p.answer(it, f)
}

// repeated mends what the Flipper's log does: where the command AF stands, it
// has the answer before that.
func (p *pairing) repeated(f *Frame) {
	if len(p.list) == 0 || p.last().Answer == nil || len(f.Bytes) < 2 || f.Bytes[0] != 0xAF || !bytes.Equal(f.Bytes, p.last().Answer.Bytes) {
		return
	}
	f.Bytes, f.At = f.Bytes[:1], f.At[:1]
	p.s.note("where a command AF stands, the log repeats the answer before it: its bytes are left out")
}

func (p *pairing) answer(it *item, f *Frame) {
	if p.open {
		e := p.last()
		e.Answer, p.open, p.lastGot, p.joined = f, false, f.shape, true
		if f.time > 0 && e.Sent > 0 {
			e.Took = f.time - e.Sent
		}
		return
	}
	if p.joined && p.lost == 0 {
		a := p.last().Answer
		end := a.Bytes[max(0, len(a.Bytes)-len(f.Bytes)):]
		switch {
		case (f.shape != a.shape || it.status) && bytes.Equal(end, f.Bytes):
			return // said twice
		case !statusWord(a.Bytes) && statusWord(f.Bytes) && p.wrapped() && (it.status || f.Line <= a.Line+1) && len(a.Bytes)+len(f.Bytes) < maxFrame:
			a.Bytes, a.At = append(a.Bytes, f.Bytes...), append(a.At, f.At...)
			return
		}
	}
	switch {
	case !it.tight && !it.bare && (it.filler || it.after > 0 || it.spoken || it.worded):
		// running text
	case p.lost > 0:
		p.s.skip(it, "the answer to a command that was not taken, line %d", p.lost)
	default:
		p.s.skip(it, "an answer without a command before it")
	}
}

// wrapped reports whether the last command is one whose answer ends with a
// status word.
func (p *pairing) wrapped() bool {
	b := p.last().Command.Bytes
	return len(b) > 3 && (b[0] == 0x90 || b[0] == 0x00 || b[0] == 0x80 || b[0] == 0xFF)
}

// place finds the direction of a frame that has no label.
func (p *pairing) place(it *item) bool {
	if it.broken != "" || it.cut {
		if it.bare && len(it.b) > 3 {
			p.s.skip(it, "no label says which way it went, and it is not whole")
		}
		return false
	}
	c, a := likelyCommand(it.b), likelyAnswer(it.b)
	if it.worded && (len(it.b) < 4 && c == strong || len(it.b) == 2 && it.b[0] != 0x90 && it.b[0] != 0x91) {
		return false
	}
	switch {
	case p.open && a == strong:
		it.dir = ToReader
	case c == strong, it.bare && a != strong && nearlyCommand(it.b):
		it.dir = ToCard
	case a == strong && !it.worded:
		it.dir = ToReader
	case it.worded || len(it.b) < 2:
		return false
	default:
		p.s.skip(it, "no label says which way it went, and its bytes do not tell")
		return false
	}
	return true
}

// readable reports whether a frame can be taken, and says why not.
func (p *pairing) readable(it *item) bool {
	probable := likely(it.b, it.dir)
	words := it.fam != famArrow && it.fam != famProgram && it.fam != famUnmarked && it.fam != famHexdump
	prose := !it.tight && (it.filler || words && it.after > 2) || it.spoken && len(it.b) < 4 && (it.fam == famArrow || !it.tight) // running text
	reason := ""
	switch {
	case it.inner != "" && probable != strong:
		p.s.control(it, "it is named %q: no frame", it.inner)
		return false
	case it.filler && probable != strong && isATR(it.b):
		p.s.control(it, "an ATR")
		return false
	case prose && probable != strong && !(it.cut && len(it.b) > 3), it.filler && probable == no && !it.boxed && !(it.cut && len(it.b) > 3), words && len(it.b) == 1 && probable == no && it.broken == "":
		if len(it.b) > 3 || !prose && (it.tight || it.fam == famArrow) && len(it.b) > 0 {
			p.s.skip(it, "words stand before the bytes, and they are no frame as far as can be told")
		}
		return false
	case it.params && probable != strong:
		p.s.control(it, "names and values, not the bytes of a frame")
		return false
	case it.broken != "":
		reason = it.broken
	case it.cut:
		reason = "incomplete: the program that wrote the log left out bytes"
	case len(it.b) > maxFrame:
		reason = sprintf("%d bytes: no frame is as long", len(it.b))
	case len(it.b) == 0:
		return false
	}
	if reason == "" {
		if it.params {
			p.s.control(it, "digits behind the frame are left out")
		}
		return true
	}
	p.s.skip(it, "%s", reason)
	if it.dir == ToCard {
		p.open, p.lost = false, it.line
	} else if p.open {
		p.fail(failure{line: it.line, reason: sprintf("the answer cannot be read in the log, line %d: %s", it.line, reason)})
	}
	return false
}

// alternate takes lines without any label, of native frames, as commands and
// answers in turn, if all of them can be that.
func (s *scanner) alternate() {
	n := 0
	for i := range s.items {
		it := &s.items[i]
		switch {
		case it.kind != itemFrame || it.worded:
			continue
		case !it.bare || it.dir != Unknown || it.broken != "" || it.cut, it.splitAt > 0,
			likelyCommand(it.b) == strong, likelyAnswer(it.b) == strong && it.b[0] != 0xAF && it.b[0] != 0:
			return
		}
		d := ToCard
		if n%2 == 1 {
			d = ToReader
		}
		if likely(it.b, d) == no {
			return
		}
		n++
	}
	if n < 2 {
		return
	}
	n = 0
	for i := range s.items {
		if it := &s.items[i]; it.kind == itemFrame && !it.worded {
			it.dir = ToCard
			if n%2 == 1 {
				it.dir = ToReader
			}
			n++
		}
	}
}

// nearlyCommand reports whether b is a wrapped command of a known name, whose
// lengths may be wrong.
func nearlyCommand(b []byte) bool {
	return len(b) > 4 && b[0] == 0x90 && b[2] == 0 && b[3] == 0 && nativeINS(b[1])
}

// isATR reports whether b is what a card says of itself at its start, by PC/SC.
func isATR(b []byte) bool {
	return len(b) > 4 && len(b) < 34 && (b[0] == 0x3B || b[0] == 0x3F) && (xor(b[1:]) == 0 || len(b) == 6)
}
