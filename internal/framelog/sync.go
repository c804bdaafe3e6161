package framelog

// failure is an answer that did not come, and why.
type failure struct {
	line   int
	reason string
}

// sync makes exchanges of what the lines have.
func (s *scanner) sync() {
	s.offsets()
	s.letters()
	s.chipFrames()
	s.join()
	s.orient()
	s.unwrapCCID()
	s.unwrapPN53x()
	s.unwrapNCI()
	s.unwrapAir()
	s.unwrapPrefix()
	s.pair()
	s.statusFirst()
	s.appended()
}

// letters takes S: and R: for send and receive only where a log has both.
func (s *scanner) letters() {
	sent, received := false, false
	for i := range s.items {
		sent, received = sent || s.items[i].shape == "s", received || s.items[i].shape == "r"
	}
	if sent == received {
		return
	}
	for i := range s.items {
		if it := &s.items[i]; it.shape == "s" || it.shape == "r" {
			it.dir, it.fam, it.shape, it.worded = Unknown, famUnmarked, "", true
		}
	}
}

// orient turns the labels of a family round where their bytes say so: what goes
// out of a reader is a command, and what goes out of a simulated card an answer.
func (s *scanner) orient() {
	type count struct {
		asSaid, turned, strongSaid, strongTurned int
		misfits, turnedMisfits                   int
		any, answerFirst                         bool
	}
	var of [famUnmarked + 1]count
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || it.dir == Unknown || !it.fam.turns() || it.status || len(it.b) == 0 || it.broken != "" {
			continue
		}
		c := &of[it.fam]
		said, other := evidence(it.b, it.dir), evidence(it.b, it.dir.opposite())
		if said == strong && other != strong {
			c.strongSaid++
		}
		if other == strong && said != strong {
			c.strongTurned++
		}
		if said == no && other > no {
			c.misfits++
		}
		if other == no && said > no {
			c.turnedMisfits++
		}
		if !c.any { // a log begins with a command
			if c.answerFirst = it.dir == ToReader; c.answerFirst {
				c.turned += 2
			} else {
				c.asSaid += 2
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
			surely := c.strongSaid == 0 && (c.strongTurned > 1 || c.strongTurned == 1 && c.answerFirst)
			natively := c.strongSaid+c.strongTurned == 0 && c.answerFirst && c.misfits > 1 && c.turnedMisfits == 0
			turn[f] = turn[f] && (surely || natively)
		}
		if turn[f] && family(f) != famInOut {
			s.note("the labels are those of the card's side, or the other way round: what is marked as sent is the answer")
		}
	}
	for i := range s.items {
		if it := &s.items[i]; it.kind == itemFrame && turn[it.fam] {
			it.dir = it.dir.opposite()
		}
	}
}

// evidence is likely, also for frames off the air.
func evidence(b []byte, d Direction) int {
	n := likely(b, d)
	if n == strong {
		return n
	}
	return max(n, airEvidence(b, d))
}
