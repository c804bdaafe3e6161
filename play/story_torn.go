package play

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
)

var tornStory = &Story{
	Slug: "torn-debit", Title: "A torn debit and its settlement",
	Summary: "The card leaves in the moment in which money moves. What is known then, and how the rest is found out.",
	acts:    tornActs,
}

func tornActs(st *stage) []act {
	var m *money
	// tear takes the power away in the next commit.
	tear := func(kind sim.FaultKind) {
		st.relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
			if x.INS != 0xC7 {
				return x.Pass()
			}
			return x.PassWith(sim.Fault{Kind: kind})
		}
	}
	// torn debits, and is in doubt.
	torn := func(ctx context.Context, no int, kind sim.FaultKind) (*purse.Entry, error) {
		tear(kind)
		defer func() { st.relay.Meet = nil }()
		_, err := m.purse.Debit(ctx, st.card, m.ticket(no))
		doubt, err := expect[*purse.InDoubtError](err)
		if err != nil {
			return nil, err
		}
		st.fails(doubt.Err)
		m.tell(&doubt.Receipt.Entry)
		st.lift(SpotTorn)
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
	const lost = 2 // of the ticket that is torn

	return []act{
		{"Look at the purse", func(ctx context.Context) (told, error) {
			var err error
			if m, err = newMoney(ctx, st); err != nil {
				return told{}, err
			}
			v, err := m.purse.Look(ctx, st.card)
			if err != nil {
				return told{}, err
			}
			st.say("value %d, transaction counter %d", v.Values[0].Value, *v.TMC)
			return told{
				title: "Look at the purse: " + visible.Number(v.Values[0].Value),
				prose: []string{
					fmt.Sprintf("The card holds money as a number in a value file: %s. Only who has key 1 can read or move it.", visible.Number(v.Values[0].Value)),
					fmt.Sprintf("It also counts its transactions, %d so far. For each one it makes a transaction MAC: a signature of the card over what was done, under a key that the issuer keeps.", *v.TMC),
				},
				look: 0x6C, holds: m.holds(),
				knows: Side{Big: visible.Number(v.Values[0].Value), Words: []string{"Read in a session, with a MAC."}},
			}, nil
		}},
		{"A debit that goes well", func(ctx context.Context) (told, error) {
			r, err := m.purse.Debit(ctx, st.card, m.ticket(1))
			if err != nil {
				return told{}, err
			}
			m.tell(&r.Entry)
			after := r.After[0].Value
			return told{
				title: fmt.Sprintf("A debit of %s that goes well", visible.Number(st.price())),
				prose: []string{
					"A debit takes three messages. CommitReaderID tells the card a name for this attempt, which is used once. Debit is noted by the card and changes nothing yet: it is pending. CommitTransaction makes it happen, all at once.",
					"The program writes its intent into a journal before the first of them, and the outcome behind the last. Then not even a loss of its own power makes it forget.",
					fmt.Sprintf("The card confirmed the commit with a MAC: %s are left.", visible.Number(after)),
				},
				look: 0xC7, holds: m.holds(),
				knows: Side{Big: visible.Number(after), Words: []string{fmt.Sprintf("%s: %v, rule %s.", r.Entry.Request, r.Decision(), r.Rule())}},
			}, nil
		}},
		{"Tear the card out in the commit", func(ctx context.Context) (told, error) {
			e, err := torn(ctx, lost, sim.LosePowerAfter)
			if err != nil {
				return told{}, err
			}
			knows := whether(e)
			knows.Words = []string{fmt.Sprintf("%s: %s.", e.Request, standing(e))}
			return told{
				prose: []string{
					fmt.Sprintf("The next ticket costs %s as well. The card made the debit final, and lost its power before it could say so: somebody pulled it away.", visible.Number(st.price())),
					fmt.Sprintf("To the reader this looks exactly like a commit that never arrived. To ask again would risk taking %s twice; to give up would risk giving away a ride.", visible.Number(st.price())),
					"So the program does neither. It keeps the attempt open in its journal, and waits for the card.",
				},
				look: 0xC7, holds: m.holds("The change has happened."), knows: knows,
			}, nil
		}},
		{"Put it back and look", func(ctx context.Context) (told, error) {
			if err := st.put(ctx, st.picc); err != nil {
				return told{}, err
			}
			v, err := m.purse.Look(ctx, st.card)
			if err != nil {
				return told{}, err
			}
			st.line(ToneUnknown, "value %d, transaction counter %d; open: %s", v.Values[0].Value, *v.TMC, v.Open.Request)
			return told{
				prose: []string{
					fmt.Sprintf("The card is back. In a new session it says that the value is %s and that it has counted %s.", visible.Number(v.Values[0].Value), transactions(*v.TMC)),
					fmt.Sprintf("That looks like an answer, and is none. Other machines may take money as well: if one of them took the same amount meanwhile, the card would say the same, and %s would not have been paid. What is needed is something that only this attempt can have left.", v.Open.Request),
				},
				look: 0x6C, holds: m.holds(),
				knows: Side{Big: visible.Number(v.Values[0].Value), Doubt: true, Words: []string{fmt.Sprintf("That is the value. By whose debit, it does not say: %s is still open.", v.Open.Request)}},
			}, nil
		}},
		{"Settle by the transaction MAC", func(ctx context.Context) (told, error) {
			r, err := settle(ctx)
			if err != nil {
				return told{}, err
			}
			o := r.Entry.Outcome()
			var after []string
			if v, ok := o.Evidence.Value(valueFile); ok {
				after = append(after, fmt.Sprintf("Value: %s.", visible.Number(v)))
			}
			return told{
				title: fmt.Sprintf("Settle: %s, by rule %s", decided(o.Decision), o.Rule),
				prose: []string{
					fmt.Sprintf("The card keeps the MAC of its last transaction, number %d. The program knows what its own attempt would have looked like, name and all, and computes that MAC.", *o.Evidence.TMC),
					"The two are equal. Only this card, doing just this attempt, can have made it. So it happened, and the journal says by which rule.",
					"The rule: " + o.Rule.Words() + ".",
				},
				look: 0xBD, holds: m.holds(),
				knows: Side{Big: decided(o.Decision), Words: append(after, fmt.Sprintf("%s: rule %s.", r.Entry.Request, o.Rule))},
			}, nil
		}},
		{"Ask for the same ticket again", func(ctx context.Context) (told, error) {
			before := len(st.rec.Recording().Exchanges)
			r, err := m.purse.Debit(ctx, st.card, m.ticket(lost))
			if err != nil {
				return told{}, err
			}
			sent := len(st.rec.Recording().Exchanges) - before
			words := "The program answers with the receipt of the first time."
			if r.Stored {
				st.say("journal: %s: it happened before, rule %s", r.Entry.Request, r.Rule())
			} else {
				words = "The debit was made anew."
			}
			return told{
				prose: []string{
					fmt.Sprintf("The gate still waits for its answer, and asks for %s once more. %s", r.Entry.Request, words),
					fmt.Sprintf("That took %d exchanges with the card. Each request has a name of its own, so that it is carried out once, however often it is asked for.", sent),
				},
				holds: m.holds(),
				knows: Side{Big: decided(r.Decision()), Words: []string{fmt.Sprintf("%s: rule %s, as the journal has it.", r.Entry.Request, r.Rule())}},
			}, nil
		}},
		{"Tear it a moment earlier", func(ctx context.Context) (told, error) {
			e, err := torn(ctx, lost+1, sim.LosePowerBefore)
			if err != nil {
				return told{}, err
			}
			knows := whether(e)
			knows.Words = []string{fmt.Sprintf("%s: %s.", e.Request, standing(e))}
			return told{
				prose: []string{
					"One more ticket, and the card is pulled away again: this time just before the commit reaches it.",
					"Compare with step 3. The reader sent as much, and heard as much: nothing. What it can know is the same, and what the card holds is not.",
				},
				look: 0xC7, holds: m.holds("The change has not happened, and never will by itself."), knows: knows,
			}, nil
		}},
		{"Settle that one too", func(ctx context.Context) (told, error) {
			if err := st.put(ctx, st.picc); err != nil {
				return told{}, err
			}
			r, err := settle(ctx)
			if err != nil {
				return told{}, err
			}
			o := r.Entry.Outcome()
			return told{
				title: fmt.Sprintf("Settle: %s, by rule %s", decided(o.Decision), o.Rule),
				prose: []string{
					fmt.Sprintf("Before the attempt the card had counted %s. It has counted %d now.", transactions(r.Entry.TMC0), *o.Evidence.TMC),
					"For a no that is not enough: a command that is held back somewhere could still arrive. So the program first makes the card drop whatever may be pending, and has that confirmed with a MAC. This is called a fence.",
					fmt.Sprintf("Behind the fence it is certain: %s. The gate may ask again, and %s is not paid.", decided(o.Decision), r.Entry.Request),
				},
				look: 0xA7, holds: m.holds(),
				knows: Side{Big: decided(o.Decision), Words: []string{fmt.Sprintf("%s: rule %s. Fence: %v.", r.Entry.Request, o.Rule, o.Evidence.Fence)}},
			}, nil
		}},
	}
}
