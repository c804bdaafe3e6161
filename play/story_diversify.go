package play

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var diversifyStory = &Story{
	Slug: "diversification", Title: "A key for each card",
	Summary: "AN10922: one master key, and every card has a key of its own that can be computed when the card is there.",
	acts:    diversifyActs,
}

// The example of AN10922, section 2.2.1: master key, input and derived key. They are
// printed in the application note, and open nothing.
const (
	noteMaster  = "00112233445566778899AABBCCDDEEFF"
	noteInput   = "04782E21801D803042F54E585020416275"
	noteDerived = "A8DD63A3B89D54B37CA802473FDA9175"
)

func diversifyActs(st *stage) []act {
	var master *key.Secret
	var cards [2]*sim.Card
	names := [2]string{"A", "B"}

	// derive is the key of a card.
	derive := func(ctx context.Context, from key.Key, uid []byte) (*key.Secret, error) {
		return an10922.Key(ctx, from, an10922.Input(uid, demo, "door"))
	}
	// show puts card i on the reader, and tells its UID.
	show := func(ctx context.Context, i int) ([]byte, error) {
		if st.picc != nil {
			st.picc.Lift()
		}
		st.asks = true
		if err := st.put(ctx, cards[i]); err != nil {
			return nil, err
		}
		st.scene.Words = fmt.Sprintf("Card %s lies on the reader, card %s is put aside.", names[i], names[1-i])
		return st.card.UID(), st.card.SelectApplication(ctx, demo)
	}
	checks := func(ctx context.Context) (text [2]string, _ error) {
		for i, c := range cards {
			k, err := derive(ctx, master, c.UID())
			if err != nil {
				return text, err
			}
			text[i] = fmt.Sprint(k.CheckValue())
		}
		return text, nil
	}

	return []act{
		{"The rule, and its published example", func(ctx context.Context) (told, error) {
			note, err := hex.DecodeString(noteMaster)
			if err != nil {
				return told{}, err
			}
			input, err := hex.DecodeString(noteInput)
			if err != nil {
				return told{}, err
			}
			want, err := hex.DecodeString(noteDerived)
			if err != nil {
				return told{}, err
			}
			k, err := key.NewAES(note, 0)
			if err != nil {
				return told{}, err
			}
			got, err := an10922.Key(ctx, k, input)
			if err != nil {
				return told{}, err
			}
			printed, err := key.NewAES(want, 0)
			if err != nil {
				return told{}, err
			}
			st.say("AN10922, example for AES: derived %v, printed %v", got.CheckValue(), printed.CheckValue())
			if hex.EncodeToString(got.Export()) != hex.EncodeToString(want) {
				return told{}, errors.New("the example of the application note gives another key")
			}
			master = st.key(key.TypeAES, "master key of all cards", 1)
			for i := range cards {
				c, err := st.make(ctx, wire.EV3, names[i], func(card *desfire.Card) error {
					v, err := card.Version(ctx)
					if err != nil {
						return err
					}
					own, err := derive(ctx, master, v.UID[:])
					if err != nil {
						return err
					}
					st.knowKey(own, "door key of card "+names[i])
					if err := application(ctx, card, st.key(key.TypeAES, "application key of card "+names[i], 1), own); err != nil {
						return err
					}
					return fill(ctx, card, 1, wire.OptionFull, access(1), "Door 7, "+names[i])
				})
				if err != nil {
					return told{}, err
				}
				cards[i] = c
			}
			if _, err := show(ctx, 0); err != nil {
				return told{}, err
			}
			both, err := checks(ctx)
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					"If all cards had the same key, one opened card would open all of them. So each card gets a key of its own, computed from a master key and from what is known of the card: its serial number (UID), its application, a word.",
					fmt.Sprintf("NXP's application note AN10922 says how, and prints an example. The program has just computed it: check value %v, printed %v, the same in every byte. A check value tells keys apart and gives none away.", got.CheckValue(), printed.CheckValue()),
					"Two cards were made by that rule, from one master key.",
				},
				holds: Side{Big: both[0] + ", " + both[1], Words: []string{"Check values of key 1 of card A and card B.", "The master key is in neither."}},
				knows: Side{Big: fmt.Sprint(master.CheckValue()), Words: []string{"Check value of the master key. The reader keeps it, or asks somebody who does."}},
			}, nil
		}},
		{"Card A, with its own key", func(ctx context.Context) (told, error) {
			uid, err := show(ctx, 0)
			if err != nil {
				return told{}, err
			}
			k, err := derive(ctx, master, uid)
			if err != nil {
				return told{}, err
			}
			st.say("key 1 for UID %s: %v", digits(uid), k.CheckValue())
			if err := st.card.Authenticate(ctx, 1, k); err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					fmt.Sprintf("The reader asked the card for its UID, %s, and computed the key from it: check value %v. Nothing has to be looked up, however many cards there are.", digits(uid), k.CheckValue()),
					"The session opens. That also proves the UID: another card could say it, but would not have the key that belongs to it.",
				},
				look:  0xAF,
				holds: Side{Big: st.session(), Words: []string{fmt.Sprintf("UID %s.", digits(st.picc.UID()))}},
				knows: Side{Big: st.believed(), Words: []string{fmt.Sprintf("UID %s, proved.", digits(uid))}},
			}, nil
		}},
		{"Card B, with the key of card A", func(ctx context.Context) (told, error) {
			uid, err := show(ctx, 1)
			if err != nil {
				return told{}, err
			}
			k, err := derive(ctx, master, cards[0].UID())
			if err != nil {
				return told{}, err
			}
			err = st.card.Authenticate(ctx, 1, k)
			no, err := expect[*desfire.CommandError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(no)
			return told{
				prose: []string{
					fmt.Sprintf("Suppose that somebody got the key out of card A, and tries it on card B, UID %s. The card says %s.", digits(uid), named(no.Status)),
					"What was lost with card A is card A.",
				},
				holds: Side{Big: st.session(), Words: []string{fmt.Sprintf("UID %s.", digits(st.picc.UID()))}},
				knows: Side{Big: "refused", Words: []string{fmt.Sprintf("The key with check value %v is not that of this card.", k.CheckValue())}},
			}, nil
		}},
		{"Take the key of card A for a master", func(ctx context.Context) (told, error) {
			stolen, err := derive(ctx, master, cards[0].UID())
			if err != nil {
				return told{}, err
			}
			guess, err := derive(ctx, stolen, cards[1].UID())
			if err != nil {
				return told{}, err
			}
			if err := st.card.SelectApplication(ctx, demo); err != nil {
				return told{}, err
			}
			st.line(ToneAside, "thief: derives from the key of card A: %v", guess.CheckValue())
			err = st.card.Authenticate(ctx, 1, guess)
			no, err := expect[*desfire.CommandError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(no)
			st.scene.Words = "Card B lies on the reader, card A is put aside."
			return told{
				prose: []string{
					fmt.Sprintf("The thief knows the rule as well, since it is public, and applies it to the stolen key and the UID of card B. That gives another key, check value %v, and the card says %s.", guess.CheckValue(), named(no.Status)),
					"The rule only leads down. From the key of a card there is no way back to the master key, and so no way to other cards.",
				},
				holds: Side{Big: st.session(), Words: []string{"Nothing was given away."}},
				knows: Side{Big: "refused", Words: []string{"As expected."}},
			}, nil
		}},
		{"Card B, with its own key", func(ctx context.Context) (told, error) {
			uid, err := show(ctx, 1)
			if err != nil {
				return told{}, err
			}
			k, err := derive(ctx, master, uid)
			if err != nil {
				return told{}, err
			}
			st.say("key 1 for UID %s: %v", digits(uid), k.CheckValue())
			if err := st.card.Authenticate(ctx, 1, k); err != nil {
				return told{}, err
			}
			data, err := st.card.ReadData(ctx, 1, 0, 0)
			if err != nil {
				return told{}, err
			}
			st.say("file 1: %s", data)
			return told{
				prose: []string{
					fmt.Sprintf("With the key for its own UID, check value %v, card B opens: %s.", k.CheckValue(), shown(data)),
					"The price of all this: the master key is worth every card. It belongs into a safe that computes with it and does not give it away. The reader then asks the safe for the key of one card at a time.",
				},
				look:  0xBD,
				holds: Side{Big: shown(st.file(demo, 1).Data), Words: []string{fmt.Sprintf("UID %s.", digits(st.picc.UID()))}},
				knows: Side{Big: shown(data), Words: []string{fmt.Sprintf("Proved by a MAC, for UID %s.", digits(uid))}},
			}, nil
		}},
	}
}
