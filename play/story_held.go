package play

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var heldStory = &Story{
	Slug: "held-commit", Title: "A commit that is held back",
	Summary: "A relay keeps the command that moves money, and delivers it later. Why the value alone decides nothing, and what does.",
	acts:    heldActs,
}

func heldActs(st *stage) []act {
	var old *key.Secret
	var m *money
	var kept []byte // the commit that the relay has
	// hold lets the relay keep commits. It never lets go of the card's power, and answers
	// selections itself, since those would drop what is pending.
	hold := func() {
		st.scene.Relay = true
		st.relay.KeepPower = true
		chosen := false // once the application is selected, no other selection reaches the card
		st.relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
			switch {
			case x.INS == 0xC7:
				kept = x.Command
				st.line(ToneAside, "relay: keeps the commit")
				chosen = true
				return nil, sim.NoAnswer("no answer in time")
			case x.INS == 0x5A && chosen:
				st.line(ToneAside, "relay: answers the selection itself")
				return x.Forge(wire.StatusOK), nil
			}
			return x.Pass()
		}
	}
	free := func() {
		st.scene.Relay = false
		st.relay.KeepPower, st.relay.Meet = false, nil
	}
	deliver := func(ctx context.Context) (wire.Status, error) {
		answer, err := st.air.Tell(ctx, kept)
		if err != nil {
			return 0, err
		}
		st.line(ToneAside, "relay: delivers the commit that it kept; the card says %s", named(statusOf(answer)))
		return statusOf(answer), nil
	}
	pending := func() string {
		if st.picc.Truth().Pending {
			return "A debit is pending: it waits for its commit."
		}
		return "Nothing is pending."
	}
	holdsOld := func() Side {
		return Side{Big: visible.Number(st.value(int(valueFile))), Words: []string{fmt.Sprintf("Generation %v.", st.picc.Generation()), pending()}}
	}
	enter := func(ctx context.Context) error {
		if err := st.card.SelectApplication(ctx, demo); err != nil {
			return err
		}
		return st.card.Authenticate(ctx, 1, old)
	}
	// debit pays with the purse while the relay holds the commit.
	debit := func(ctx context.Context, no int) (*purse.Entry, error) {
		hold()
		_, err := m.purse.Debit(ctx, st.card, m.ticket(no))
		doubt, err := expect[*purse.InDoubtError](err)
		if err != nil {
			return nil, err
		}
		st.fails(doubt.Err)
		m.tell(&doubt.Receipt.Entry)
		return &doubt.Receipt.Entry, nil
	}
	settle := func(ctx context.Context) (*purse.Receipt, error) {
		r, err := m.purse.Settle(ctx, st.card)
		if err == nil && r == nil {
			err = errors.New("nothing was open")
		}
		if err != nil {
			return nil, err
		}
		m.tell(&r.Entry)
		return r, nil
	}

	return []act{
		{"An old card: the commit does not arrive", func(ctx context.Context) (told, error) {
			keys := []*key.Secret{st.key(key.Type2K3DES, "old master key", 1), st.key(key.Type2K3DES, "old purse key", 1)}
			old = keys[1]
			picc, err := st.make(ctx, wire.D40, "old", func(card *desfire.Card) error {
				if err := application(ctx, card, keys...); err != nil {
					return err
				}
				return card.CreateFile(ctx, &wire.CreateValueFile{File: valueFile, Option: wire.OptionMAC, Access: access(1), Upper: 100000, Value: st.startsAt()})
			})
			if err != nil {
				return told{}, err
			}
			hold()
			if err := st.put(ctx, picc); err != nil {
				return told{}, err
			}
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			_, err = st.card.Transact(ctx, func() error { return st.card.Debit(ctx, valueFile, st.price()) })
			unknown, err := expect[*desfire.OutcomeUnknownError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(unknown)
			held := st.value(int(valueFile))
			return told{
				prose: []string{
					fmt.Sprintf("A debit of %s on an old card. Debit is only noted, CommitTransaction makes it happen. A relay between reader and card keeps the commit in its pocket and says nothing.", visible.Number(st.price())),
					"The reader waits in vain. It cannot tell whether the command was lost, or the answer.",
				},
				look: 0xC7, holds: holdsOld(),
				knows: Side{Big: visible.Number(held - st.price()), Or: visible.Number(held), Doubt: true, Words: []string{"The commit may or may not have happened."}},
			}, nil
		}},
		{"Look at the value", func(ctx context.Context) (told, error) {
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			v, err := st.card.Value(ctx, valueFile)
			if err != nil {
				return told{}, err
			}
			st.say("value %d", v)
			return told{
				prose: []string{
					fmt.Sprintf("The obvious thing: open a new session and look. The card says %s, with a MAC, and that is what it holds.", visible.Number(v)),
					"A program that stops here concludes that nothing was paid, and lets the customer pay once more, or in cash. It has not asked whether something can still happen.",
				},
				look: 0x6C, holds: holdsOld(),
				knows: Side{Big: visible.Number(v), Doubt: true, Words: []string{"Now. What is pending in the card, no command tells."}},
			}, nil
		}},
		{"The relay delivers", func(ctx context.Context) (told, error) {
			was := st.value(int(valueFile))
			if _, err := deliver(ctx); err != nil {
				return told{}, err
			}
			now := st.value(int(valueFile))
			words := "Nothing moved."
			if now != was {
				words = fmt.Sprintf("The value goes from %s to %s, after the reader had looked.", visible.Number(was), visible.Number(now))
			}
			return told{
				prose: []string{
					"Now the relay gives the card the commit that it kept. On this card a commit has no MAC. What was pending had survived the new session, since the relay had answered the selection before it by itself. " + words,
					"The reader hears nothing of it. Whatever it decided after its look is wrong now.",
				},
				holds: holdsOld(),
				knows: Side{Big: visible.Number(was), Doubt: true, Words: []string{"As far as the reader knows."}},
			}, nil
		}},
		{"A purse with receipts: held back again", func(ctx context.Context) (told, error) {
			st.lift(SpotLifted)
			free()
			var err error
			if m, err = newMoney(ctx, st); err != nil {
				return told{}, err
			}
			e, err := debit(ctx, 1)
			if err != nil {
				return told{}, err
			}
			knows := whether(e)
			knows.Words = []string{fmt.Sprintf("%s: %s.", e.Request, standing(e))}
			return told{
				prose: []string{
					"Another card, of today, with a purse: each debit carries a name of its own, and the card makes a MAC over each transaction. The same relay does the same.",
					fmt.Sprintf("The program knows as little as before. But it says so: %s stays open in its journal, and nothing else is paid with this card until that is settled.", e.Request),
				},
				look: 0xC7, holds: m.holds(pending()), knows: knows,
			}, nil
		}},
		{"Settle behind a fence", func(ctx context.Context) (told, error) {
			before := len(st.rec.Recording().Exchanges)
			r, err := settle(ctx)
			if err != nil {
				return told{}, err
			}
			o := r.Entry.Outcome()
			agreed := "The card agreed, so nothing old is left that could happen."
			for _, x := range st.rec.Recording().Exchanges[before:] {
				if insOf(x.Command) == 0xC8 && statusOf(x.Response) != wire.StatusOK {
					agreed = "At first the card refused: the old debit was still pending, and the refusal dropped it. Then it agreed, so nothing old is left that could happen."
				}
			}
			return told{
				title: fmt.Sprintf("Settle behind a fence: %s", decided(o.Decision)),
				prose: []string{
					"The program first makes sure that nothing old can happen any more. It names a transaction of its own, and then has the card drop it, confirmed with a MAC: that is called a fence. " + agreed,
					fmt.Sprintf("Then it looks: the card has counted %s, and %d before the debit. So %s, and that will not change.", transactions(*o.Evidence.TMC), r.Entry.TMC0, decided(o.Decision)),
				},
				look: 0xA7, holds: m.holds(pending()),
				knows: Side{Big: decided(o.Decision), Words: []string{fmt.Sprintf("%s: rule %s. Fence: %v.", r.Entry.Request, o.Rule, o.Evidence.Fence)}},
			}, nil
		}},
		{"The relay delivers too late", func(ctx context.Context) (told, error) {
			was := st.value(int(valueFile))
			status, err := deliver(ctx)
			if err != nil {
				return told{}, err
			}
			words := fmt.Sprintf("The card still holds %s.", visible.Number(st.value(int(valueFile))))
			if was != st.value(int(valueFile)) {
				words = fmt.Sprintf("The card held %s, and holds %s now.", visible.Number(was), visible.Number(st.value(int(valueFile))))
			}
			return told{
				prose: []string{
					fmt.Sprintf("The relay delivers the commit all the same. It carries a MAC of a session that is over, and there is nothing left that it could make happen. The card says %s.", named(status)),
					words + " What was decided stays true.",
				},
				holds: m.holds(pending()),
				knows: Side{Big: visible.Number(was), Words: []string{"And it cannot have changed."}},
			}, nil
		}},
		{"The other way round: delivered at once", func(ctx context.Context) (told, error) {
			free()
			if err := st.put(ctx, st.picc); err != nil {
				return told{}, err
			}
			if _, err := debit(ctx, 2); err != nil {
				return told{}, err
			}
			if _, err := deliver(ctx); err != nil {
				return told{}, err
			}
			r, err := settle(ctx)
			if err != nil {
				return told{}, err
			}
			o := r.Entry.Outcome()
			free()
			return told{
				title: fmt.Sprintf("The other way round: %s", decided(o.Decision)),
				prose: []string{
					"One more debit. The relay keeps the commit again, but delivers it before the program is back. The reader has heard nothing, as before.",
					fmt.Sprintf("This time the card has counted %s, and the MAC of the last one is the one that this debit must have. So %s, by rule %s.", transactions(*o.Evidence.TMC), decided(o.Decision), o.Rule),
					"The same silence, two outcomes, and each time the right one is found: by evidence, not by looking at the value.",
				},
				look: 0xBD, holds: m.holds(pending()),
				knows: Side{Big: decided(o.Decision), Words: []string{fmt.Sprintf("%s: rule %s.", r.Entry.Request, o.Rule)}},
			}, nil
		}},
	}
}
