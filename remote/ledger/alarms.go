package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Alarm is a message of ALARMS.
type Alarm struct {
	remote.Versioned
	Agent string    `json:"agent"` // whom it is about
	Kind  string    `json:"kind"`
	What  string    `json:"what"`
	ID    purse.ID  `json:"id"`
	Time  time.Time `json:"time"` // the centre's
	// Card is whose judgement it came of; nil: it came of something else.
	Card *purse.CardApp `json:"of,omitempty"`
	// Over: what was reported since explains it, and nobody has to look any more. It is found when alarms are
	// listed, and stands in no message.
	Over bool `json:"over,omitempty"`
}

// which is the end of its subject.
func (a *Alarm) which() string { return digest(a.Kind + "\x00" + a.What + "\x00" + a.ID.String()) }

// entryAlarm is an alarm of the judgement of a transaction.
func entryAlarm(agent string, e *purse.Entry, a purse.Alarm) Alarm {
	card := e.CardApp
	return Alarm{Agent: agent, Kind: "rule " + string(a.Rule), What: shortened(a.What), ID: e.ID, Card: &card}
}

// wholeAlarm is one of a card as a whole.
func wholeAlarm(agent string, card purse.CardApp, a purse.Alarm) Alarm {
	return Alarm{Agent: agent, Kind: "card " + card.UID, What: shortened(a.What), Card: &card}
}

// ofCard are the alarms of a card as a whole: those of its transactions are told with them.
func ofCard(b *purse.CardBooks) (list []purse.Alarm) {
	for _, a := range b.Alarms {
		if !slices.ContainsFunc(b.Entries, func(j purse.Judged) bool { return slices.Contains(j.Outcome.Alarms, a) }) {
			list = append(list, a)
		}
	}
	return list
}

// standing are the alarms of a card as it is judged now, each as which tells it.
func standing(b *purse.CardBooks) (list []string) {
	for i := range b.Entries {
		for _, a := range b.Entries[i].Outcome.Alarms {
			x := entryAlarm("", &b.Entries[i].Entry, a)
			list = append(list, x.which())
		}
	}
	for _, a := range ofCard(b) {
		x := wholeAlarm("", b.CardApp, a)
		list = append(list, x.which())
	}
	return list[:min(len(list), maxStanding)]
}

// cardAlarm tells what is wrong with a card as a whole.
func (c *Centre) cardAlarm(ctx context.Context, all []*Record, a purse.Alarm, b *purse.CardBooks) error {
	told := map[string]bool{}
	for _, r := range all {
		if !told[r.Agent] && len(told) < 16 {
			told[r.Agent] = true
			if err := c.raise(ctx, wholeAlarm(r.Agent, b.CardApp, a)); err != nil {
				return err
			}
		}
	}
	return nil
}

// stand takes note of the alarms of a card before they are raised, so that none is over before it was told.
func (t *totals) stand(b *purse.CardBooks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if have := t.cards[cardKey(b.CardApp)]; have != nil {
		have.Standing = standing(b)
	}
}

// stands reports whether a judgement still says what an alarm says; of a card that is not judged, it does.
func (t *totals) stands(a *Alarm) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.cards[cardKey(*a.Card)]
	return b == nil || len(b.Standing) >= maxStanding || slices.Contains(b.Standing, a.which())
}

// isOver reports whether nobody has to look after an alarm any more.
func (c *Centre) isOver(a *Alarm) bool {
	switch {
	case a.Card != nil:
		return !c.totals.stands(a)
	case a.Kind == kindUnknown:
		return !c.early.waits(a.ID)
	}
	return false
}

// noise counts the alarms about each agent, so that one of them cannot fill the store.
type noise struct {
	mu    sync.Mutex
	since time.Time
	n     map[string]int
}

// maxNoise is how many new alarms about an agent are written in an hour.
const maxNoise = 500

// heard is how many there were, with more.
func (x *noise) heard(agent string, now time.Time, more int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.n == nil || now.Sub(x.since) > time.Hour {
		x.n, x.since = map[string]int{}, now
	}
	x.n[agent] += more
	return x.n[agent]
}

// alarm writes an alarm that comes of no judgement, once. about may be no transaction.
func (c *Centre) alarm(ctx context.Context, agent, kind, what string, about purse.ID) error {
	return c.raise(ctx, Alarm{Agent: agent, Kind: kind, What: shortened(what), ID: about})
}

// raise writes an alarm, once.
func (c *Centre) raise(ctx context.Context, a Alarm) error {
	switch n := c.noise.heard(a.Agent, time.Now(), 0); {
	case n > maxNoise:
		return nil
	case n == maxNoise:
		a = Alarm{Agent: a.Agent, Kind: "too many alarms", What: fmt.Sprintf("there were %d in an hour; the others are not written down", n)}
	}
	a.Versioned, a.Time = version, c.conf.Now().UTC()
	m, err := remote.Encode(a, nil)
	if err != nil {
		return err
	}
	taken, err := c.st.once(ctx, c.at.Alarm(a.Agent, a.which()), m)
	if err == nil && taken {
		c.noise.heard(a.Agent, time.Now(), 1)
		c.log.Warn("alarm", "agent", a.Agent, "kind", a.Kind, "what", a.What, "id", a.ID)
	}
	return err
}
