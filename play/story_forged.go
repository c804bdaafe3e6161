package play

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var forgedStory = &Story{
	Slug: "forged-answer", Title: "A forged answer",
	Summary: "Somebody between reader and card changes what the card says. Old cards cannot prove themselves, new ones can.",
	acts:    forgedActs,
}

func forgedActs(st *stage) []act {
	const plainFile, macFile wire.FileNo = 1, 2
	var purseKey *key.Secret
	var kept []byte // an answer that the relay keeps

	// card makes a card of a generation with two value files, and puts it on the reader.
	card := func(ctx context.Context, g wire.Generation, t key.Type) error {
		keys := []*key.Secret{st.key(t, "master key, "+g.String(), 1), st.key(t, "purse key, "+g.String(), 1)}
		purseKey = keys[1]
		picc, err := st.make(ctx, g, g.String(), func(card *desfire.Card) error {
			err := application(ctx, card, keys...)
			for no, o := range map[wire.FileNo]wire.FileOption{plainFile: wire.OptionPlain, macFile: wire.OptionMAC} {
				err = errors.Join(err, card.CreateFile(ctx, &wire.CreateValueFile{File: no, Option: o, Access: access(1), Upper: 1000000, Value: st.startsAt()}))
			}
			return err
		})
		if err != nil {
			return err
		}
		st.scene.Relay = true
		return st.put(ctx, picc)
	}
	enter := func(ctx context.Context) error {
		if err := st.card.SelectApplication(ctx, demo); err != nil {
			return err
		}
		return st.card.Authenticate(ctx, 1, purseKey)
	}
	value := func(ctx context.Context, no wire.FileNo) (int32, error) {
		v, err := st.card.Value(ctx, no)
		if err != nil {
			st.fails(err)
		} else {
			st.say("file %d: %d", no, v)
		}
		return v, err
	}
	// meet lets the relay treat commands of an INS.
	meet := func(what string, ins []byte, do func(x *sim.Exchange) ([]byte, error)) {
		st.relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
			if !bytes.Contains(ins, []byte{x.INS}) {
				return x.Pass()
			}
			st.line(ToneAside, "relay: %s", what)
			return do(x)
		}
	}
	// another shows another value than the card said.
	another := func(x *sim.Exchange) ([]byte, error) {
		answer, err := x.Pass()
		if err == nil && len(answer) > 4 {
			answer[2] ^= 0x0F // the third byte of the value, least significant first
		}
		return answer, err
	}
	// believes is what came of it.
	believes := func(v int32, no wire.FileNo, err error) Side {
		if err != nil {
			return Side{Big: "nothing", Words: []string{"The answer was refused: it is not what the card said."}}
		}
		if v == st.value(int(no)) {
			return Side{Big: visible.Number(v), Words: []string{"As the card has it."}}
		}
		return Side{Big: visible.Number(v), Doubt: true, Words: []string{"Believed, and wrong."}}
	}
	holds := func(no wire.FileNo) Side {
		f := st.file(demo, int(no))
		return Side{Big: visible.Number(st.value(int(no))), Words: []string{fmt.Sprintf("Value file %d, set to %s. Generation of the card: %v.", no, modeOf(f), st.picc.Generation())}}
	}
	must := func(err error) error {
		if err == nil {
			return errors.New("the forged answer was believed")
		}
		_, err = expect[*desfire.IntegrityError](err)
		return err
	}
	pay := func(ctx context.Context) error {
		_, err := st.card.Transact(ctx, func() error { return st.card.Debit(ctx, macFile, st.price()) })
		return err
	}
	forgedOK := func(x *sim.Exchange) ([]byte, error) { return x.Forge(wire.StatusOK), nil }

	return []act{
		{"An old card, in plain", func(ctx context.Context) (told, error) {
			if err := card(ctx, wire.D40, key.Type2K3DES); err != nil {
				return told{}, err
			}
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("shows another value", []byte{0x6C}, another)
			defer func() { st.relay.Meet = nil }()
			v, err := value(ctx, plainFile)
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					"A relay is a device between reader and card. It can pass on what it hears, change it, keep it, or answer by itself. It has no key.",
					fmt.Sprintf("The card is a D40, the first DESFire there was. Its file says %s, in plain. The relay changes one byte, and the reader takes the value for %s.", visible.Number(st.value(int(plainFile))), visible.Number(v)),
				},
				look: 0x6C, holds: holds(plainFile), knows: believes(v, plainFile, nil),
			}, nil
		}},
		{"The old card, with a MAC", func(ctx context.Context) (told, error) {
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("shows another value", []byte{0x6C}, another)
			v, err := value(ctx, macFile)
			st.relay.Meet = nil
			if err := must(err); err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					"The same in a file that is set to MAC. The relay changes the value, cannot make the MAC that belongs to it, and the reader notices.",
					"So far so good. But the next steps show what this old MAC does not say: to which question it belongs, and when.",
				},
				look: 0x6C, holds: holds(macFile), knows: believes(v, macFile, err),
			}, nil
		}},
		{"An answer from before", func(ctx context.Context) (told, error) {
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("keeps a copy of the answer", []byte{0x6C}, func(x *sim.Exchange) ([]byte, error) {
				answer, err := x.Pass()
				kept = bytes.Clone(answer)
				return answer, err
			})
			before, err := value(ctx, macFile)
			st.relay.Meet = nil
			if err != nil {
				return told{}, err
			}
			if err := pay(ctx); err != nil {
				return told{}, err
			}
			st.say("debit %d: committed", st.price())
			meet("shows the answer that it kept", []byte{0x6C}, func(*sim.Exchange) ([]byte, error) { return kept, nil })
			v, err := value(ctx, macFile)
			st.relay.Meet = nil
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					fmt.Sprintf("The reader reads %s, with a MAC, and the relay keeps a copy. Then %s are paid. The reader asks again, and the relay shows it the copy.", visible.Number(before), visible.Number(st.price())),
					fmt.Sprintf("The MAC is right: the card made it, a moment ago. The reader believes %s, and the card holds %s.", visible.Number(v), visible.Number(st.value(int(macFile)))),
				},
				look: 0x6C, holds: holds(macFile), knows: believes(v, macFile, nil),
			}, nil
		}},
		{"A ride for nothing", func(ctx context.Context) (told, error) {
			was := st.value(int(macFile))
			meet("keeps the command, and says 9100 itself", []byte{0xDC, 0xC7}, forgedOK)
			defer func() { st.relay.Meet = nil }()
			if err := pay(ctx); err != nil {
				return told{}, err
			}
			st.say("debit %d: committed", st.price())
			return told{
				prose: []string{
					fmt.Sprintf("Now the relay keeps the debit and the commit, and answers both with %s. On this card such an answer has no MAC, so the reader has nothing to check.", named(wire.StatusOK)),
					fmt.Sprintf("The gate opens. The card held %s and holds %s.", visible.Number(was), visible.Number(st.value(int(macFile)))),
				},
				look: 0xC7, holds: holds(macFile),
				knows: Side{Big: "paid", Doubt: true, Words: []string{"Believed, and wrong. Where a relay is possible, a D40 card proves nothing about money."}},
			}, nil
		}},
		{"A new card: the same tricks", func(ctx context.Context) (told, error) {
			if err := card(ctx, wire.EV3, key.TypeAES); err != nil {
				return told{}, err
			}
			// A changed value, then one from before: each in a session of its own.
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("shows another value", []byte{0x6C}, another)
			_, err := value(ctx, macFile)
			if err := must(err); err != nil {
				return told{}, err
			}
			st.relay.Meet = nil
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("keeps a copy of the answer", []byte{0x6C}, func(x *sim.Exchange) ([]byte, error) {
				answer, err := x.Pass()
				kept = bytes.Clone(answer)
				return answer, err
			})
			if _, err := value(ctx, macFile); err != nil {
				return told{}, err
			}
			meet("shows the answer that it kept", []byte{0x6C}, func(*sim.Exchange) ([]byte, error) { return kept, nil })
			v, err := value(ctx, macFile)
			st.relay.Meet = nil
			if err := must(err); err != nil {
				return told{}, err
			}
			return told{
				title: fmt.Sprintf("A new card, %v: the same tricks", st.picc.Generation()),
				prose: []string{
					"The relay tries both on a card of today: another value, and an answer from before. The reader refuses both.",
					"In an EV2 session a MAC covers the number of the message and the name of the session as well. The kept answer was right for the question before, and is wrong for this one.",
				},
				look: 0x6C, holds: holds(macFile), knows: believes(v, macFile, err),
			}, nil
		}},
		{"A new card: no ride for nothing", func(ctx context.Context) (told, error) {
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("keeps the command, and says 9100 itself", []byte{0xDC, 0xC7}, forgedOK)
			err := pay(ctx)
			st.relay.Meet = nil
			if err := must(err); err != nil {
				return told{}, err
			}
			st.fails(err)
			return told{
				prose: []string{
					fmt.Sprintf("The relay keeps the debit and says %s. The reader looks for the MAC that a true answer has, finds none, and stops. No commit is sent, the gate stays shut.", named(wire.StatusOK)),
					fmt.Sprintf("The card holds %s.", visible.Number(st.value(int(macFile)))),
				},
				look: 0xDC, holds: holds(macFile),
				knows: Side{Big: "not paid", Words: []string{"Without a commit nothing of this happens."}},
			}, nil
		}},
		{"What stays possible: a forged no", func(ctx context.Context) (told, error) {
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			meet("says 919D itself", []byte{0x6C}, func(x *sim.Exchange) ([]byte, error) {
				return x.Forge(wire.StatusPermissionDenied), nil
			})
			_, err := value(ctx, macFile)
			st.relay.Meet = nil
			no, err := expect[*desfire.CommandError](err)
			if err != nil {
				return told{}, err
			}
			words := "The program knows that: it calls this refusal not proved."
			if no.Proven() {
				words = "The program takes this refusal for proved."
			}
			return told{
				prose: []string{
					fmt.Sprintf("One thing a relay can always do: say no. A refusal never has a MAC, on any card. Here it said %s by itself.", named(no.Status)),
					words + " It concludes nothing from it, and above all not that something did not happen.",
				},
				look: 0x6C, holds: holds(macFile),
				knows: Side{Big: "refused", Doubt: true, Words: []string{"By the card, or by somebody else. Nobody can tell."}},
			}, nil
		}},
	}
}
