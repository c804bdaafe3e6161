package boltjournal

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-desfire/desfire/purse"
)

// Generation is one that a journal had, or has.
type Generation struct {
	Generation purse.Generation `json:"generation"`
	Since      purse.Time       `json:"since"` // of the clock, for people
	Why        string           `json:"why"`   // it is not the one before
}

// renew gives a journal a new generation.
func (j *Journal) renew(l *layer, why string) error {
	g := Generation{Since: purse.At(time.Now()), Why: why}
	if _, err := io.ReadFull(j.random(), g.Generation[:]); err != nil {
		return fmt.Errorf("no randomness: %w", err)
	}
	v, err := json.Marshal(&g)
	if err != nil {
		return err
	}
	l.head.Generation = g.Generation
	l.head.Generations++
	return l.put(bucketGenerations, string(numberKey(l.head.Generations)), v)
}

// Generations are all that the journal had, the last one is in use; the list is the
// caller's.
func (j *Journal) Generations() ([]Generation, error) {
	defer j.mu.Unlock()
	j.mu.Lock()
	if j.closed {
		return nil, errClosed
	}
	var all []Generation
	for no := range j.pending.head.Generations {
		v, err := j.pending.get(bucketGenerations, string(numberKey(no+1)))
		if err != nil {
			return nil, err
		}
		var g Generation
		if err := json.Unmarshal(v, &g); err != nil {
			return nil, &DamagedError{j.path, "a generation: " + err.Error()}
		}
		all = append(all, g)
	}
	return slices.Clip(all), nil
}
