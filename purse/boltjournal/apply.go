package boltjournal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/purse"
)

// apply adds the next event, or says why it cannot be: what is refused then is what
// every journal refuses.
func (l *layer) apply(e *event, encoded []byte) error {
	var err error
	switch {
	case e.Revision != l.head.Revision+1:
		err = fmt.Errorf("boltjournal: change %d does not follow change %d", e.Revision, l.head.Revision)
	case e.Begin != nil:
		err = l.begin(e.Begin, l.stamp(e), encoded)
	case e.Note != nil:
		_, err = l.add(e.Note.ID, l.stamp(e), encoded)
	case e.End != nil:
		err = l.end(e.End, l.stamp(e), encoded)
	case e.Find != nil:
		err = l.find(e.Find, l.stamp(e))
	case e.Mark != nil:
		err = l.mark(e.Mark)
	case e.Keep != nil:
		if err = e.Keep.Check(); err == nil {
			err = l.keep(e.Keep)
		}
	default:
		err = fmt.Errorf("boltjournal: change %d is none", e.Revision)
	}
	if err == nil {
		l.head.Revision = e.Revision
	}
	return err
}

func (l *layer) begin(e *purse.Entry, change uint64, encoded []byte) error {
	if err := e.CheckBegin(); err != nil {
		return err
	}
	if v, err := l.get(bucketIDs, string(e.ID[:])); err != nil {
		return err
	} else if v != nil {
		return fmt.Errorf("boltjournal: transaction %v is in the journal already", e.ID)
	}
	if _, id, err := l.open(e.CardApp); err != nil {
		return err
	} else if !id.IsZero() {
		return &purse.OpenEntryError{Card: e.CardApp, ID: id}
	}
	l.head.Entries++
	no := l.head.Entries
	if e.Request != "" {
		_, highest, err := l.request(e.Request)
		if err != nil {
			return err
		}
		if highest >= uint64(e.Attempt) {
			return &purse.AttemptError{Request: e.Request, Attempt: e.Attempt, Highest: int(highest)}
		}
		if err := l.put(bucketRequests, e.Request, binary.BigEndian.AppendUint64(numberKey(no), uint64(e.Attempt))); err != nil {
			return err
		}
	}
	if err := l.count(e.ID, no, 1, 0, change); err != nil {
		return err
	}
	if err := l.put(bucketLast, cardKey(e.CardApp), numberKey(no)); err != nil {
		return err
	}
	if err := l.put(bucketOpen, cardKey(e.CardApp), append(numberKey(no), e.ID[:]...)); err != nil {
		return err
	}
	return l.put(bucketEntries, string(numberKey(no, 0)), encoded)
}

// add adds an event to an entry and returns its number.
func (l *layer) add(id purse.ID, change uint64, encoded []byte) (no uint64, err error) {
	no, events, was, err := l.number(id)
	if err != nil {
		return 0, err
	}
	if no == 0 {
		return 0, &purse.UnknownIDError{ID: id}
	}
	if err := l.count(id, no, events+1, was, change); err != nil {
		return 0, err
	}
	return no, l.put(bucketEntries, string(numberKey(no, events)), encoded)
}

func (l *layer) end(e *end, change uint64, encoded []byte) error {
	no, err := l.add(e.ID, change, encoded)
	if err != nil {
		return err
	}
	began, err := l.event(no, 0)
	if err != nil {
		return err
	}
	if began.Begin == nil {
		return &DamagedError{l.db.name, fmt.Sprintf("entry %d does not begin", no)}
	}
	if err := began.Begin.CheckEnd(&e.Outcome, e.State); err != nil {
		return err
	}
	openNo, openID, err := l.open(began.Begin.CardApp)
	if err != nil {
		return err
	}
	key := cardKey(began.Begin.CardApp)
	switch {
	case e.Outcome.Decision == purse.InDoubt && openNo != 0 && openNo != no:
		return &purse.OpenEntryError{Card: began.Begin.CardApp, ID: openID}
	case e.Outcome.Decision == purse.InDoubt:
		err = l.put(bucketOpen, key, append(numberKey(no), e.ID[:]...))
	case openNo == no:
		err = l.remove(bucketOpen, key)
	}
	if err != nil || e.State == nil {
		return err
	}
	return l.keep(e.State)
}

func (l *layer) keep(s *purse.CardState) error {
	v, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return l.put(bucketStates, cardKey(s.CardApp), v)
}

// state returns what is kept of a card; nil if nothing is.
func (l *layer) state(cardKey string) (*purse.CardState, error) {
	v, err := l.get(bucketStates, cardKey)
	if err != nil || v == nil {
		return nil, err
	}
	s := new(purse.CardState)
	if err := json.Unmarshal(v, s); err != nil {
		return nil, &DamagedError{l.db.name, "the state of a card: " + err.Error()}
	}
	return s, nil
}

// open returns the number and the ID of the open entry of a card; 0 if there is none.
func (l *layer) open(card purse.CardApp) (no uint64, id purse.ID, err error) {
	v, err := l.get(bucketOpen, cardKey(card))
	if err != nil || v == nil {
		return 0, id, err
	}
	if len(v) != 8+len(id) {
		return 0, id, &DamagedError{l.db.name, "an open entry is none"}
	}
	return binary.BigEndian.Uint64(v), purse.ID(v[8:]), nil
}

// request returns the entry of a request with the highest attempt, and that; 0 if there
// is none.
func (l *layer) request(request string) (no, attempt uint64, err error) {
	v, err := l.get(bucketRequests, request)
	if err != nil || v == nil {
		return 0, 0, err
	}
	if len(v) != 16 {
		return 0, 0, &DamagedError{l.db.name, fmt.Sprintf("request %q leads nowhere", request)}
	}
	return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:]), nil
}

// number returns the number of an entry, how many events it has, and the number of its last
// change; 0 if there is none.
func (l *layer) number(id purse.ID) (no uint64, events uint32, change uint64, err error) {
	v, err := l.get(bucketIDs, string(id[:]))
	if err != nil || v == nil {
		return 0, 0, 0, err
	}
	switch {
	case len(v) == 20:
		change = binary.BigEndian.Uint64(v[12:])
	case len(v) != 12 || !l.db.first:
		return 0, 0, 0, &DamagedError{l.db.name, fmt.Sprintf("transaction %v leads nowhere", id)}
	}
	return binary.BigEndian.Uint64(v), binary.BigEndian.Uint32(v[8:]), change, nil
}

// event returns one event of an entry.
func (l *layer) event(no uint64, i uint32) (*event, error) {
	v, err := l.get(bucketEntries, string(numberKey(no, i)))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, &DamagedError{l.db.name, fmt.Sprintf("change %d of entry %d is missing", i, no)}
	}
	e, err := decodeEvent(v)
	if err != nil {
		return nil, &DamagedError{l.db.name, fmt.Sprintf("change %d of entry %d: %v", i, no, err)}
	}
	return e, nil
}

// entry puts an entry together from its events up to a revision.
func (l *layer) entry(no, revision uint64) (*purse.Entry, error) {
	first, err := l.event(no, 0)
	if err != nil {
		return nil, err
	}
	e := first.Begin
	if e == nil {
		return nil, &DamagedError{l.db.name, fmt.Sprintf("entry %d does not begin", no)}
	}
	at, events, _, err := l.number(e.ID)
	if err != nil {
		return nil, err
	}
	if at != no {
		return nil, &DamagedError{l.db.name, fmt.Sprintf("transaction %v is entry %d and entry %d", e.ID, no, at)}
	}
	for i := uint32(1); i < events; i++ {
		more, err := l.event(no, i)
		if err != nil {
			return nil, err
		}
		switch {
		case more.Revision > revision:
			return e, nil
		case more.Note != nil:
			e.Progress.Add(more.Note.Progress)
		case more.End != nil:
			e.Outcomes = append(e.Outcomes, more.End.Outcome)
		}
	}
	return e, nil
}

// numberKey is a number that sorts as it counts, and maybe another.
func numberKey(no uint64, more ...uint32) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), no)
	for _, n := range more {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// cardKey is a card and application. It is never empty.
func cardKey(c purse.CardApp) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(c.UID)))) + c.UID + c.App //nolint:gosec // CardApp is checked
}
