package remote

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
)

// maxAgents bounds how many agents a source follows.
const maxAgents = 1 << 14

// maxFormer is how many earlier starts of an agent are remembered, so that what they said
// and comes late is not taken for news.
const maxFormer = 16

// seenAgent is what a source knows of an agent.
type seenAgent struct {
	name   string
	boot   string // empty: not there
	former []string
	number uint64 // of its last hello
	left   string // its last start, while it is not there
	heard  time.Time
	asked  time.Time
	ask    bool // as soon as it may be

	readers map[string]*seenReader
}

// seenReader is what a source knows of a reader.
type seenReader struct {
	id, name string
	seq      uint64
	card     uint64 // the number of the card that lies there, 0 for none
}

var errRestarted = errors.New("the agent was started anew")

// cause is why something left, nil if nobody says.
func cause(why string) error {
	if why == "" {
		return nil
	}
	return errors.New(why)
}

// NoReaderError says that an agent has no such reader.
type NoReaderError struct {
	Agent, Reader string
	Has           []string
}

func (e *NoReaderError) Error() string {
	if len(e.Has) == 0 {
		return fmt.Sprintf("agent %s has no reader", e.Agent)
	}
	return fmt.Sprintf("agent %s has no reader %s; it has %s", e.Agent, e.Reader, strings.Join(e.Has, ", "))
}

// known is the agent of that name, nil if there are too many.
func (w *watching) known(name string) *seenAgent {
	a := w.agents[name]
	if a == nil && len(w.agents) < maxAgents {
		a = &seenAgent{name: name, heard: time.Now(), readers: make(map[string]*seenReader)}
		w.agents[name] = a
	}
	return a
}

// drop takes all readers of an agent away, which is not there, or another.
func (w *watching) drop(a *seenAgent, why error) {
	for _, k := range a.readers {
		w.remove(a, k, why)
	}
	a.leave()
}

// leave forgets what was on the readers of an agent that is not there. It may come back, and
// say so by a later hello.
func (a *seenAgent) leave() {
	if a.boot != "" {
		a.left = a.boot
	}
	a.boot = ""
	clear(a.readers)
}

// begin takes a start of an agent, and no earlier one again.
func (a *seenAgent) begin(boot string) {
	if a.left != boot {
		if a.left != "" {
			a.former = append(a.former[max(0, len(a.former)-maxFormer+1):], a.left)
		}
		a.number = 0
	}
	a.boot, a.left = boot, ""
}

func (w *watching) add(a *seenAgent, id, name, ignored string) *seenReader {
	k := &seenReader{id: id, name: name}
	a.readers[id] = k
	w.tell(desfire.Event{Kind: desfire.ReaderAdded, Reader: a.name + "/" + id, Ignored: ignored})
	return k
}

func (w *watching) remove(a *seenAgent, k *seenReader, why error) {
	w.lift(a, k, why)
	delete(a.readers, k.id)
	w.tell(desfire.Event{Kind: desfire.ReaderRemoved, Reader: a.name + "/" + k.id, Err: why})
}

func (w *watching) lift(a *seenAgent, k *seenReader, why error) {
	if k.card != 0 {
		k.card = 0
		w.tell(desfire.Event{Kind: desfire.CardRemoved, Reader: a.name + "/" + k.id, Err: why})
	}
}

func (w *watching) insert(a *seenAgent, k *seenReader, c *Card) {
	k.card = c.Number
	at := &spot{agent: a.name, reader: k.id, name: k.name, boot: a.boot, card: c.Number}
	client := w.client
	atr, _ := hex.DecodeString(c.ATR)
	w.tell(desfire.Event{
		Kind: desfire.CardInserted, Reader: at.String(), ATR: atr, Ignored: c.Ignored,
		Open: func(ctx context.Context) (desfire.Transport, error) {
			t, err := client.open(ctx, at)
			if err != nil {
				return nil, err
			}
			return t, nil
		},
	})
}
