package framelog

// failure is an answer that did not come, and why.
type failure struct {
	line   int
	reason string
}

// sync makes exchanges of what the lines have.
func (s *scanner) sync() {
	s.join()
	s.orient()
	s.unwrapCCID()
	s.unwrapPN53x()
	s.unwrapNCI()
	s.unwrapAir()
	s.unwrapPrefix()
	s.pair()
}

// join puts together what lines have of one frame: a heading and the bytes
// under it, and lines that were continued.
func (s *scanner) join() {
	pn := false
	both := [3]int{}
	for i := range s.items {
		it := &s.items[i]
		pn = pn || it.kind == itemFrame && it.dir != Unknown && pn53xFrame(it.b, it.dir)
		if it.kind == itemFrame && !it.bare {
			both[it.dir]++
		}
	}
	var out []item
	var heading item
	open := false // a heading waits
	prev := -1
	width := 0 // of the line before
	for _, it := range s.items {
		if it.kind == itemHeading {
			heading, open, prev = it, true, -1
			continue
		}
		if it.kind != itemFrame {
			out = append(out, it)
			open, prev = false, -1
			continue
		}
		if it.bare && open && it.line <= heading.line+2 {
			it.dir, it.fam, it.shape, it.bare = heading.dir, heading.fam, heading.shape, false
			if it.count == 0 {
				it.count = heading.count
			}
			if it.client = heading.client; it.time == 0 {
				it.time = heading.time
			}
		} else if it.bare && prev >= 0 && len(it.b) > 0 && it.line == out[prev].last+1 && s.continues(&out[prev], &it, width, pn) {
			p := &out[prev]
			p.b, p.at, p.last = append(p.b, it.b...), append(p.at, it.at...), it.line
			p.cut = p.cut || it.cut
			if p.broken == "" {
				p.broken = it.broken
			}
			if p.count > 0 && len(p.b) >= p.count && p.broken == "" {
				p.cut = false
			}
			width = len(it.b)
			continue
		}
		open = false
		out = append(out, it)
		prev, width = len(out)-1, len(it.b)
	}
	for i := range out {
		it := &out[i]
		if n := len(it.b); it.count > n && it.broken == "" {
			it.broken = sprintf("incomplete: the line says %d bytes and has %d", it.count, n)
		}
	}
	s.items = out
}

// maxGuessed is how long a frame may get of lines that nothing but their place
// puts together.
const maxGuessed = 4096

// continues reports whether the bytes of a line without a label go on with the
// frame before.
func (s *scanner) continues(p, it *item, width int, pn bool) bool {
	total := len(p.b) + len(it.b)
	if p.cut || total > maxFrame {
		return false
	}
	if p.count > 0 {
		return total <= p.count || total == p.count+2 && len(p.b) < p.count
	}
	if n := wanted(p); n > 0 && len(p.b) < n {
		return total <= n+1 || linkOf(p.b, p.dir) != linkNone
	}
	if pn && p.dir != Unknown {
		return true
	}
	dir := p.dir
	if dir == Unknown {
		switch {
		case likelyCommand(p.b) == strong:
			dir = ToCard
		case likelyAnswer(p.b) == strong:
			dir = ToReader
		default:
			return false
		}
	}
	if it.broken != "" || total > maxGuessed {
		return false
	}
	if likely(it.b, dir.opposite()) == strong || dir == ToCard && likelyCommand(it.b) == strong {
		return false
	}
	whole := append(append(make([]byte, 0, total), p.b...), it.b...)
	if likely(p.b, dir) == strong {
		return len(p.b) >= 8 && len(it.b) <= width && likely(whole, dir) == strong && (dir == ToReader || apduFits(whole))
	}
	return p.fam != famUnmarked && (len(p.b) >= 8 || likely(whole, dir) == strong) && len(it.b) <= max(width, 16)
}

// wanted is how long a frame will be by what its beginning says, or 0.
func wanted(it *item) int {
	switch {
	case len(it.b) >= 5 && it.dir != Unknown && (it.b[0] == ccidXfr || it.b[0] == ccidData) && it.b[3] == 0 && it.b[4] == 0:
		return ccidHeader + int(it.b[1]) + int(it.b[2])<<8
	case it.dir != Unknown && pn53xFrame(it.b, it.dir):
		return pnWant(it.b, it.dir)
	case it.dir != ToReader:
		return apduLength(it.b)
	}
	return 0
}

// orient turns the labels of a family round where their bytes say so: what goes
// out of a reader is a command, and what goes out of a simulated card an answer.
func (s *scanner) orient() {
	type count struct {
		asSaid, turned, strongSaid, strongTurned int
		any                                      bool
	}
	var of [famUnmarked + 1]count
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || it.dir == Unknown || !it.fam.turns() || it.status || len(it.b) == 0 {
			continue
		}
		c := &of[it.fam]
		said, other := likely(it.b, it.dir), likely(it.b, it.dir.opposite())
		if said == strong {
			c.strongSaid++
		}
		if other == strong {
			c.strongTurned++
		}
		if !c.any { // a log begins with a command
			if it.dir == ToCard {
				c.asSaid += 2
			} else {
				c.turned += 2
			}
			c.any = true
		}
		c.asSaid += said * said
		c.turned += other * other
	}
	var turn [famUnmarked + 1]bool
	for f := range of {
		c := &of[f]
		turn[f] = c.turned > c.asSaid
		if family(f) != famInOut {
			turn[f] = turn[f] && c.strongSaid == 0 && c.strongTurned > 1
		}
		if turn[f] && family(f) != famInOut {
			s.note("the labels are those of the card's side: what is marked as sent is the answer")
		}
	}
	for i := range s.items {
		if it := &s.items[i]; it.kind == itemFrame && turn[it.fam] {
			it.dir = it.dir.opposite()
		}
	}
}
