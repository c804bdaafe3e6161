package boltjournal

import (
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/go-desfire/desfire/purse"
)

// maxEvent is how much one call may add, in bytes of JSON.
const maxEvent = 16 << 20

// event is one call that adds something. Events count up from 1 in Revision, and what a
// journal holds follows from the first n of them.
type event struct {
	Revision uint64           `json:"revision"`
	Begin    *purse.Entry     `json:"begin,omitempty"`
	Note     *note            `json:"note,omitempty"`
	End      *end             `json:"end,omitempty"`
	Keep     *purse.CardState `json:"keep,omitempty"`
	Find     *purse.Found     `json:"find,omitempty"`
	Mark     *mark            `json:"mark,omitempty"`
}

type mark struct {
	Name  string    `json:"name"`
	Value purse.Hex `json:"value"`
}

type note struct {
	ID       purse.ID       `json:"id"`
	Progress purse.Progress `json:"progress"`
}

type end struct {
	ID      purse.ID         `json:"id"`
	Outcome purse.Outcome    `json:"outcome"`
	State   *purse.CardState `json:"state,omitempty"`
}

// encode makes JSON of an event, and makes sure that it can be read again.
func (e *event) encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	if len(b) > maxEvent {
		return nil, fmt.Errorf("boltjournal: an entry, or what is added to it, has %d bytes; %d at most", len(b), maxEvent)
	}
	if _, err := decodeEvent(b); err != nil {
		return nil, fmt.Errorf("boltjournal: it could not be read again: %w", err)
	}
	return b, nil
}

func decodeEvent(b []byte) (*event, error) {
	e := new(event)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, err
	}
	return e, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is over parts and their lengths.
func checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		n := len(p)
		sum = crc32.Update(sum, castagnoli, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}
