package purse

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Centre says what a centre knows besides reports.
type Centre struct {
	// Keys has the transaction MAC keys, by their role. Where one is missing, what needs it is not
	// decided.
	Keys keystore.Store
	// Holders names all terminals that have a key which moves values. Empty: that is
	// not known, and the books of no card are closed.
	Holders []string
	// Skew is by how much the clocks of two terminals may differ; 0 is 5 minutes. Only
	// closed books go by clocks, where no counter tells the order.
	Skew time.Duration
	// Proved reports whether changes of an application, as in CardApp, count only where the transaction MAC
	// proves them. Else a terminal's word is enough, where no transaction MAC contradicts it. Nil: of none.
	Proved func(application string) bool
}

func (c *Centre) skew() time.Duration { return cmp.Or(c.Skew, 5*time.Minute) }

// Books is what all reports say together.
type Books struct {
	Cards []CardBooks `json:"cards"` // by UID and application
}

// CardBooks is what the reports say of an application on one card.
type CardBooks struct {
	CardApp
	Entries []Judged    `json:"entries"` // by id: in the order of each journal
	Files   []FileBooks `json:"files"`
	// Gaps are transactions, by number, that nobody has reported: of others, of what is
	// only read, of settlements, or of terminals whose reports are missing.
	Gaps   []Gap   `json:"gaps,omitempty"`
	Alarms []Alarm `json:"alarms,omitempty"` // those of entries as well
	// NoKey is why the transaction MAC key is not there; empty if it is, or is not
	// needed.
	NoKey string `json:"no_key,omitempty"`
}

// Judged is an entry and what all reports say of it.
type Judged struct {
	Entry Entry `json:"entry"` // all versions of it that were reported, put together
	// Outcome is the decision now. Its Evidence is that of the terminal where the rule needs
	// a terminal, else empty.
	Outcome Outcome `json:"outcome"`
	Changed bool    `json:"changed"` // the terminal has another decision, or none
}

// FileBooks are the sums of a value file.
type FileBooks struct {
	File     wire.FileNo `json:"file"`
	Happened int64       `json:"happened"` // by how much all that happened moved it
	InDoubt  int64       `json:"in_doubt"` // by how much all that is in doubt would
}

// Gap is numbers of transactions, the first and the last.
type Gap struct {
	First uint32 `json:"first"`
	Last  uint32 `json:"last"`
}

// Reconcile puts the reports of terminals together, and decides what they decide: by
// the transaction MAC key, by who owns a number, and by closed books. It needs no
// card. The order of the reports does not matter, nor does it if some come
// twice: later evidence changes what was in doubt, and what a person said. The
// reports stay as they are.
func Reconcile(ctx context.Context, c *Centre, reports []Report) (*Books, error) {
	cards := map[CardApp]*ledger{}
	versions := map[ID][]*Entry{}
	for i := range reports {
		for j := range reports[i].Entries {
			e := &reports[i].Entries[j]
			if err := e.check(); err != nil {
				return nil, fmt.Errorf("report of terminal %q: entry %v: %w", reports[i].Terminal, e.ID, err)
			}
			versions[e.ID] = append(versions[e.ID], e)
		}
	}
	of := func(card CardApp) *ledger {
		l := cards[card]
		if l == nil {
			l = newLedger(card)
			cards[card] = l
		}
		return l
	}
	for _, v := range versions {
		e, same := merge(v)
		for i, x := range v {
			if !same && !slices.ContainsFunc(v[:i], func(y *Entry) bool { return y.CardApp == x.CardApp }) {
				of(x.CardApp).fork(fmt.Sprintf("transaction %v was reported with two contents: two journals use one generation, or a report was changed", e.ID))
			}
		}
		l := of(e.CardApp)
		a := &account{e: e, twice: !same, contested: !same}
		l.accounts = append(l.accounts, a)
	}
	until := closing(reports)
	b := &Books{Cards: []CardBooks{}}
	for _, l := range cards {
		if err := l.judge(ctx, c, until); err != nil {
			return nil, err
		}
		b.Cards = append(b.Cards, l.books())
	}
	slices.SortFunc(b.Cards, func(a, b CardBooks) int {
		return cmp.Or(strings.Compare(a.UID, b.UID), strings.Compare(a.App, b.App))
	})
	return b, nil
}

// Merge puts versions of one entry together, as Reconcile does: one or more that have the same ID. same is false
// if they contradict in what was to happen, or was before. The entry shares memory with the versions.
func Merge(versions ...*Entry) (e *Entry, same bool) { return merge(versions) }

// merge puts versions of an entry together. same is false if they contradict.
func merge(versions []*Entry) (e *Entry, same bool) {
	texts := make([]string, len(versions))
	first := 0
	for i, v := range versions {
		x := *v
		x.Progress, x.Outcomes = Progress{}, nil
		texts[i] = text(&x)
		if texts[i] < texts[first] {
			first = i
		}
	}
	merged := *versions[first]
	merged.Progress, merged.Outcomes = Progress{}, nil
	same = true
	for i, v := range versions {
		same = same && texts[i] == texts[first]
		p := v.Progress
		merged.Progress.Acked = max(merged.Progress.Acked, p.Acked)
		merged.Progress.CommitSent = merged.Progress.CommitSent || p.CommitSent
		merged.Progress.Settlements = append(merged.Progress.Settlements, p.Settlements...)
		merged.Progress.TMI = longer(merged.Progress.TMI, p.TMI)
		merged.Progress.EncTMRI = longer(merged.Progress.EncTMRI, p.EncTMRI)
	}
	slices.SortFunc(merged.Progress.Settlements, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	merged.Progress.Settlements = slices.Compact(merged.Progress.Settlements)
	merged.Outcomes = outcomes(versions)
	return &merged, same
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v) // no value of these types fails
	}
	return string(b)
}

func longer(a, b Hex) Hex {
	if len(b) > len(a) || len(b) == len(a) && bytes.Compare(b, a) > 0 {
		return b
	}
	return a
}

// outcomes are those of all versions, each once: as the journal has them where one
// version has all, else by their time.
func outcomes(versions []*Entry) []Outcome {
	var long []string
	byText := map[string]Outcome{}
	whole := true
	for _, v := range versions {
		var list []string
		for _, o := range v.Outcomes {
			t := text(o)
			byText[t] = o
			list = append(list, t)
		}
		n := min(len(list), len(long))
		whole = whole && slices.Equal(list[:n], long[:n])
		if len(list) > len(long) {
			long = list
		}
	}
	if !whole {
		long = long[:0]
		for t := range byText {
			long = append(long, t)
		}
		slices.SortFunc(long, func(a, b string) int {
			return cmp.Or(byText[a].Time.Compare(byText[b].Time.Time), strings.Compare(a, b))
		})
	}
	var all []Outcome
	for _, t := range long {
		all = append(all, byText[t])
	}
	return all
}
