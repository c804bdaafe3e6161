package purse

import "bytes"

func (j *judge) slotIsOurs() bool {
	s := j.ev.Slot
	return j.e.SlotFile != nil && len(s) > 0 && bytes.Equal(s, j.e.ID.Slot(len(s)))
}

// slot is rule 8.
func (j *judge) slot() {
	e, ev := j.e, j.ev
	if e.SlotFile == nil || len(ev.Slot) == 0 {
		return
	}
	switch {
	case len(e.Slot0) > 0 && bytes.Equal(e.Slot0, e.ID.Slot(len(e.Slot0))):
		j.doubt("the slot held the id of this change before it began: the journal was copied or restored")
	case j.slotIsOurs():
		if j.whole() {
			j.find(RuleSlot, Happened, "the slot holds the id of the change, and all of it was pending")
			return
		}
		j.doubt("the slot holds the id of the change, and whether its movements were committed with it is not known")
	case len(e.Slot0) == 0:
		j.note("the slot does not hold the id of the change, and what it held before is not known")
	case !bytes.Equal(ev.Slot, e.Slot0):
		j.doubt("the slot holds neither the id of the change nor what it held before: somebody else writes it, or the journal was restored")
	case !j.fenced():
		j.note("the slot is as it was, and it can still change: nothing excludes that what is pending is committed")
	default:
		j.find(RuleSlot, DidNot, "the slot is as it was, and nothing is pending")
	}
}

// recordAt is where our record stands, the newest is 0; -1 if it does not.
func (j *judge) recordAt() int {
	if j.e.RecordFile == nil {
		return -1
	}
	for i, r := range j.ev.Records {
		if id, _, _, ok := ParseRecord(r); ok && id == j.e.ID {
			return i
		}
	}
	return -1
}

// record is rule 7.
func (j *judge) record() {
	e, ev := j.e, j.ev
	if e.RecordFile == nil || !ev.HasRecords {
		return
	}
	if id, _, _, ok := ParseRecord(e.Marker); ok && id == e.ID {
		j.doubt("the newest record had the id of this change before it began: the journal was copied or restored")
		return
	}
	if j.recordAt() >= 0 {
		if j.whole() {
			j.find(RuleRecord, Happened, "the record of the change is there, and all of it was pending")
			return
		}
		j.doubt("the record of the change is there, and whether its movements were committed with it is not known")
		return
	}
	why, all := j.allSince()
	switch {
	case !all:
		j.note(why)
	case !j.unmerged():
		j.note("the record of the change is not there, and another's commit may have carried another record in its place")
	case !j.fenced():
		j.note("the record of the change is not there, and it still can come: nothing excludes that what is pending is committed")
	default:
		j.find(RuleRecord, DidNot, "no record since the change began is its own ("+why+"), and nothing is pending")
	}
}

// allSince reports whether all records since the change began are shown, and why
// or why not.
func (j *judge) allSince() (why string, all bool) {
	e, records := j.e, j.ev.Records
	if e.Records == 0 {
		switch {
		case len(e.Marker) > 0:
			return "how many records there were is not known", false
		case !e.NeverCleared:
			return "the file was empty, and somebody may have cleared it since", false
		case j.ev.AllRecords && len(records) < e.Capacity:
			return "the file was empty and is not full", true
		}
		return "the file was empty, and records may have left it since", false
	}
	if len(e.Marker) == 0 {
		return "the newest record before the change is not known", false
	}
	switch seen := count(records, e.Marker); {
	case seen == 1:
		return "the newest one before the change is still shown", true
	case seen > 1:
		return "the newest record before the change stands in the file more than once", false
	case j.ev.AllRecords && len(records) < e.Capacity:
		j.doubt("the newest record before the change is gone, and the file is not full: somebody cleared it")
		return "the file was cleared", false
	}
	if j.gapless() {
		return "their numbers have no gap", true
	}
	return "the newest record before the change has left the file, and others with it", false
}

func count(records []Hex, r Hex) (n int) {
	for _, x := range records {
		if bytes.Equal(x, r) {
			n++
		}
	}
	return n
}

// gapless reports whether the records that are shown are numbered without a gap
// from the one after the marker on, the marker itself not among them.
func (j *judge) gapless() bool {
	_, _, marker, ok := ParseRecord(j.e.Marker)
	records := j.ev.Records
	return ok && len(records) > 0 && j.numbered(records, marker+1)
}

// numbered reports whether records, the newest first, count up from first.
func (j *judge) numbered(records []Hex, first uint32) bool {
	for i, r := range records {
		_, _, no, ok := ParseRecord(r)
		if want := first + uint32(len(records)-1-i); !ok || no != want {
			return false
		}
	}
	return true
}
