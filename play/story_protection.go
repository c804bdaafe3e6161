package play

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

var protectionStory = &Story{
	Slug: "protection", Title: "Plain, MAC and full",
	Summary: "The same text read in three ways: what somebody who listens sees, and whether a bent bit is noticed.",
	acts:    protectionActs,
}

func protectionActs(st *stage) []act {
	const text = "Badge 0427"
	var read *key.Secret

	// last is the last exchange.
	last := func() trace.Exchange {
		xs := st.rec.Recording().Exchanges
		return xs[len(xs)-1]
	}
	// listener is what somebody sees who listens to an answer of a card and has no key.
	listener := func(answer []byte) string {
		if bytes.Contains(answer, []byte(text)) {
			return "A listener without a key reads the text in it."
		}
		return "A listener without a key does not find the text in it."
	}
	holds := func(no int) Side {
		f := st.file(demo, no)
		return Side{Big: shown(f.Data), Words: []string{fmt.Sprintf("File %d, set to %s.", no, modeOf(f))}}
	}
	// bent reads a file while a bit of the answer is bent.
	bent := func(ctx context.Context, file wire.FileNo, bit int) ([]byte, error) {
		st.relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
			if x.INS != 0xBD {
				return x.Pass()
			}
			st.line(ToneAside, "disturbance: bit %d of the answer is turned", bit)
			return x.PassWith(sim.Fault{Kind: sim.FlipAnswerBit, Bit: bit})
		}
		defer func() { st.relay.Meet = nil }()
		return st.card.ReadData(ctx, file, 0, uint32(len(text)))
	}
	enter := func(ctx context.Context) error {
		if err := st.card.SelectApplication(ctx, demo); err != nil {
			return err
		}
		return st.card.Authenticate(ctx, 1, read)
	}
	get := func(ctx context.Context, no wire.FileNo) ([]byte, error) {
		data, err := st.card.ReadData(ctx, no, 0, uint32(len(text)))
		if err == nil {
			st.say("file %d: %s", no, data)
		}
		return data, err
	}

	return []act{
		{"Three files with the same text", func(ctx context.Context) (told, error) {
			keys := []*key.Secret{st.key(key.TypeAES, "master key", 1), st.key(key.TypeAES, "read key", 1)}
			read = keys[1]
			picc, err := st.make(ctx, wire.EV2, "a", func(card *desfire.Card) error {
				err := application(ctx, card, keys...)
				for i, o := range []wire.FileOption{wire.OptionPlain, wire.OptionMAC, wire.OptionFull} {
					err = errors.Join(err, fill(ctx, card, wire.FileNo(i+1), o, access(1), text))
				}
				return err
			})
			if err != nil {
				return told{}, err
			}
			if err := st.put(ctx, picc); err != nil {
				return told{}, err
			}
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			var files []string
			for _, f := range picc.Image().Applications[0].Files {
				files = append(files, fmt.Sprintf("File %d, set to %s: %s.", f.No, modeOf(&f), shown(f.Data)))
			}
			return told{
				prose: []string{
					"Each file of a card is set to one of three ways to travel: plain, with a MAC, or full. This card has the same text in three files, one of each.",
					"The reader has opened a session with key 1. What follows happens inside it.",
				},
				holds: Side{Big: st.session(), Words: files},
				knows: Side{Big: st.believed(), Words: []string{"The key may read all three files."}},
			}, nil
		}},
		{"Read in plain", func(ctx context.Context) (told, error) {
			data, err := get(ctx, 1)
			if err != nil {
				return told{}, err
			}
			answer := responseData(last().Response)
			return told{
				prose: []string{
					fmt.Sprintf("In plain, the content travels as it is. The answer has %d bytes: %d of text, and %d that would prove anything.", len(answer), len(data), len(answer)-len(data)),
					listener(answer),
				},
				look: 0xBD, holds: holds(1),
				knows: Side{Big: shown(data), Doubt: true, Words: []string{"That the card said so, nothing proves."}},
			}, nil
		}},
		{"Read with a MAC", func(ctx context.Context) (told, error) {
			data, err := get(ctx, 2)
			if err != nil {
				return told{}, err
			}
			answer := responseData(last().Response)
			return told{
				prose: []string{
					fmt.Sprintf("The answer has %d bytes now: %d of text, and behind it a MAC of %d. The MAC is computed from the text, the number of the message and the name of the session, with a key that only card and reader have.", len(answer), len(data), len(answer)-len(data)),
					listener(answer) + " But nobody can change it unnoticed.",
				},
				look: 0xBD, holds: holds(2),
				knows: Side{Big: shown(data), Words: []string{"Proved: the card said this, now, to this question."}},
			}, nil
		}},
		{"Read in full", func(ctx context.Context) (told, error) {
			data, err := get(ctx, 3)
			if err != nil {
				return told{}, err
			}
			answer := responseData(last().Response)
			return told{
				prose: []string{
					fmt.Sprintf("In full protection the content is enciphered too. %d bytes of text become %d, since ciphers work on blocks of 16; with the MAC the answer has %d.", len(data), len(answer)-8, len(answer)),
					listener(answer),
				},
				look: 0xBD, holds: holds(3),
				knows: Side{Big: shown(data), Words: []string{"Proved, and read by nobody else."}},
			}, nil
		}},
		{"Bend a bit in plain", func(ctx context.Context) (told, error) {
			st.scene.Relay = true
			data, err := bent(ctx, 1, 6*8+7)
			if err != nil {
				return told{}, err
			}
			st.say("file 1: %s", data)
			words := "The reader got the text that the card holds."
			if string(data) != text {
				words = fmt.Sprintf("The reader got %s, and takes it for the content. It has no way to notice.", shown(data))
			}
			return told{
				prose: []string{
					"Now somebody stands between reader and card, and turns a single bit of the answer. A bad contact or noise can do the same.",
					words,
				},
				look: 0xBD, holds: holds(1),
				knows: Side{Big: shown(data), Doubt: true, Words: []string{"Taken for the content."}},
			}, nil
		}},
		{"Bend the same bit with a MAC", func(ctx context.Context) (told, error) {
			_, err := bent(ctx, 2, 6*8+7)
			noticed, err := expect[*desfire.IntegrityError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(noticed)
			return told{
				prose: []string{
					"The same bit of the same text, in the file with a MAC. The reader computes what the MAC should be, and finds another.",
					"It believes nothing of this answer, and ends the session: a card does not make such mistakes, so what comes next cannot be trusted either.",
				},
				look: 0xBD, holds: holds(2),
				knows: Side{Big: "nothing", Doubt: true, Words: []string{"The answer was changed on the way. " + "The reader has " + st.believed() + " any more."}},
			}, nil
		}},
		{"Begin anew", func(ctx context.Context) (told, error) {
			if err := enter(ctx); err != nil {
				return told{}, err
			}
			data, err := get(ctx, 2)
			if err != nil {
				return told{}, err
			}
			st.scene.Relay = false
			return told{
				prose: []string{
					"The reader selects the application and authenticates again. That brings a new session, and whatever was wrong before is left behind.",
					fmt.Sprintf("Undisturbed, the file is %s again. A MAC does not stop anybody from disturbing. It makes sure that a disturbance is never taken for an answer.", shown(data)),
				},
				look: 0xBD, holds: holds(2),
				knows: Side{Big: shown(data), Words: []string{"Proved by a MAC."}},
			}, nil
		}},
	}
}
