package play

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var keyChangeStory = &Story{
	Slug: "key-change", Title: "A key change",
	Summary: "A new key for a card, so that at every moment it can be found out which key it holds.",
	acts:    keyChangeActs,
}

// keyJournal keeps key changes in memory, as the file journal of rekey does on disk.
type keyJournal struct {
	st      *stage
	entries []rekey.Entry
}

func (j *keyJournal) Record(_ context.Context, e rekey.Entry) error {
	j.entries = append(j.entries, e)
	tone := ToneNotice
	if e.State == rekey.Unknown {
		tone = ToneUnknown
	}
	j.st.line(tone, "journal: key %d of application %v, version %d to %d: %s", e.No, e.App, e.Old.Version, e.New.Version, e.State)
	return nil
}

func (j *keyJournal) Entries(context.Context) ([]rekey.Entry, error) { return j.entries, nil }

func keyChangeActs(st *stage) []act {
	var master *key.Secret
	var keys []*key.Secret // of number 1, by version
	journal := &keyJournal{st: st}

	change := func(from, to int) *rekey.Change {
		return &rekey.Change{Place: wire.Place{AID: demo}, No: 1, Old: keys[from], New: keys[to],
			OldSource: "demo", NewSource: "demo", With: master, WithNo: 0, Journal: journal, Budget: 2}
	}
	holds := func(words ...string) Side {
		return Side{Big: fmt.Sprintf("version %d", st.imageKey(1).Version), Words: append([]string{"That is the version of key 1 in the card. The key itself no command tells."}, words...)}
	}
	version := func(ctx context.Context) (byte, error) {
		if err := st.card.SelectApplication(ctx, demo); err != nil {
			return 0, err
		}
		return st.card.KeyVersion(ctx, 1)
	}

	return []act{
		{"Which key is there", func(ctx context.Context) (told, error) {
			master = st.key(key.TypeAES, "master key", 1)
			for v := range byte(3) {
				keys = append(keys, st.key(key.TypeAES, fmt.Sprintf("key 1, version %d", v+1), v+1))
			}
			picc, err := st.make(ctx, wire.EV2, "a", func(card *desfire.Card) error {
				return application(ctx, card, master, keys[0])
			})
			if err != nil {
				return told{}, err
			}
			st.asks = true // a change is of one card, by its UID
			if err := st.put(ctx, picc); err != nil {
				return told{}, err
			}
			v, err := version(ctx)
			if err != nil {
				return told{}, err
			}
			st.say("key 1 is of version %d", v)
			return told{
				title: fmt.Sprintf("Which key is there: version %d", v),
				prose: []string{
					"Keys are changed now and then: a member of staff left, a year is over. A card does not tell its keys, not even to who has all of them. It tells a version, a number that is stored beside each key.",
					fmt.Sprintf("Key 1 of this card is of version %d. It shall become version %d.", v, keys[1].Version()),
				},
				look: 0x64, holds: holds(),
				knows: Side{Big: fmt.Sprintf("version %d", v), Doubt: true, Words: []string{"Told in clear: a hint which key to try."}},
			}, nil
		}},
		{"Change it", func(ctx context.Context) (told, error) {
			out, err := rekey.Run(ctx, st.card, change(0, 1))
			if err != nil {
				return told{}, err
			}
			st.say("change: %s", out)
			return told{
				title: fmt.Sprintf("Change it to version %d", keys[1].Version()),
				prose: []string{
					"First the program proves that the old key is right. Then it writes into its journal what it is about to do. Only then it sends ChangeKey, with the new key enciphered under the session.",
					"It does not believe the answer: it authenticates with the new key. A card that can do that has it.",
					"In the bytes that are shown the new key is cut out, though it is enciphered: who had them and the old key would have the new one.",
				},
				look: 0xC4, holds: holds(),
				knows: Side{Big: fmt.Sprintf("version %d", keys[1].Version()), Words: []string{"Proved by an authentication with the new key."}},
			}, nil
		}},
		{"The old key is of no use any more", func(ctx context.Context) (told, error) {
			if err := st.card.SelectApplication(ctx, demo); err != nil {
				return told{}, err
			}
			err := st.card.Authenticate(ctx, 1, keys[0])
			no, err := expect[*desfire.CommandError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(no)
			return told{
				prose: []string{
					fmt.Sprintf("Somebody tries the old key, version %d. The card says %s.", keys[0].Version(), named(no.Status)),
					"There is only one key 1 in the card. The old one is gone from it for good, and whoever still has a copy of it has a number without a lock.",
				},
				holds: holds(),
				knows: Side{Big: "refused", Words: []string{"As expected. A refusal alone would prove nothing; the proof was the authentication before."}},
			}, nil
		}},
		{"The next change is torn", func(ctx context.Context) (told, error) {
			st.relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
				if x.INS != 0xC4 {
					return x.Pass()
				}
				return x.PassWith(sim.Fault{Kind: sim.LosePowerAfter})
			}
			defer func() { st.relay.Meet = nil }()
			out, err := rekey.Run(ctx, st.card, change(1, 2))
			unknown, err := expect[*desfire.OutcomeUnknownError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(unknown)
			st.line(ToneUnknown, "change: %s", out)
			st.lift(SpotTorn)
			return told{
				title: fmt.Sprintf("The change to version %d is torn", keys[2].Version()),
				prose: []string{
					"The next change. The card is pulled away in ChangeKey, and no answer comes.",
					fmt.Sprintf("It may have version %d now, or still version %d. A program that had forgotten either of the two keys could have lost the card. This one has both, and the journal says so.", keys[2].Version(), keys[1].Version()),
				},
				look: 0xC4, holds: holds(),
				knows: Side{Big: fmt.Sprintf("version %d", keys[2].Version()), Or: fmt.Sprintf("version %d", keys[1].Version()), Doubt: true, Words: []string{fmt.Sprintf("Journal: %s.", journal.entries[len(journal.entries)-1].State)}},
			}, nil
		}},
		{"Put it back and find out", func(ctx context.Context) (told, error) {
			if err := st.put(ctx, st.picc); err != nil {
				return told{}, err
			}
			found, settled, err := rekey.Settle(ctx, st.card, change(1, 2))
			if err != nil {
				return told{}, err
			}
			if !settled {
				return told{}, errors.New("the journal had nothing open")
			}
			which := "old"
			if found.IsNew {
				which = "new"
			}
			st.say("the card holds the %s key, version %d", which, found.Key.Version())
			return told{
				title: fmt.Sprintf("Put it back: it has the %s key", which),
				prose: []string{
					"The program asks for the version, which says what to try first, and authenticates with that key. Each failed attempt may be counted by the card, so it tries in the likeliest order, and few times.",
					fmt.Sprintf("The card proved that it has version %d, the %s key. The journal is closed with that.", found.Key.Version(), which),
				},
				holds: holds(),
				knows: Side{Big: fmt.Sprintf("version %d", found.Key.Version()), Words: []string{fmt.Sprintf("Proved by an authentication. Journal: %s.", journal.entries[len(journal.entries)-1].State)}},
			}, nil
		}},
	}
}
