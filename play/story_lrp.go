package play

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

var lrpStory = &Story{
	Slug: "lrp", Title: "LRP: keys that are hard to measure",
	Summary: "The same conversation with another primitive, for chips whose power is measured by somebody with time.",
	acts:    lrpActs,
}

func lrpActs(st *stage) []act {
	const file, text = wire.FileNo(3), "Serial 0815, sealed"
	var master, own *key.Secret
	var aesProof []int

	enter := func(ctx context.Context, no wire.KeyNo, k key.Key) error {
		if _, err := st.card.ISOSelectName(ctx, wire.NDEFName[:]); err != nil {
			return err
		}
		return st.card.Authenticate(ctx, no, k)
	}
	// lengths are those of the last handshake: challenge, answer, proof.
	lengths := func() []int {
		xs := st.rec.Recording().Exchanges
		last := xs[len(xs)-2:]
		return []int{len(responseData(last[0].Response)), len(commandData(last[1].Command)), len(responseData(last[1].Response))}
	}
	// ciphered is the counter of enciphered blocks before the last message, as the recording tells it.
	ciphered := func() (uint32, error) {
		ms := trace.Follow(st.rec.Recording(), &trace.VerifyConfig{Keys: st.keys})
		s := ms[len(ms)-1].Session
		if s == nil {
			return 0, errors.New("the recording cannot be followed")
		}
		return s.EncCounter(), nil
	}
	mode := func() string {
		if c := st.picc.Image().Config.Capabilities; len(c) > 4 && c[4]&wire.CapLRP != 0 {
			return "LRP"
		}
		return "AES"
	}
	holds := func(words ...string) Side {
		return Side{Who: "tag", Big: mode(), Words: append([]string{"How this tag authenticates. " + capital(st.session()) + "."}, words...)}
	}
	read := func(ctx context.Context) (string, error) {
		data, err := st.card.ReadData(ctx, file, 0, uint32(len(text)))
		if err != nil {
			return "", err
		}
		st.say("file %d: %s", file, data)
		return shown(data), nil
	}

	return []act{
		{"Authenticate with AES, as usual", func(ctx context.Context) (told, error) {
			master, own = st.key(key.TypeAES, "master key", 1), st.key(key.TypeAES, "own key", 1)
			picc, err := st.make(ctx, wire.NTAG424, "a", func(card *desfire.Card) error {
				zero := key.Zero(key.TypeAES)
				if _, err := card.ISOSelectName(ctx, wire.NDEFName[:]); err != nil {
					return err
				}
				return errors.Join(
					card.Authenticate(ctx, 0, zero),
					card.ChangeKey(ctx, 3, own, zero), card.ChangeKey(ctx, 0, master, zero),
					card.Authenticate(ctx, 3, own), card.WriteData(ctx, file, 0, []byte(text)),
				)
			})
			if err != nil {
				return told{}, err
			}
			if err := st.put(ctx, picc); err != nil {
				return told{}, err
			}
			if err := enter(ctx, 3, own); err != nil {
				return told{}, err
			}
			aesProof = lengths()
			return told{
				prose: []string{
					"AES is the cipher of all newer cards, and nobody can break it by computing. But a chip that computes can be watched: its power changes a little with the numbers it works on.",
					"Who lets it compute many times with one key on many numbers, and measures each time, may find the key that explains the measurements. That is called a side channel.",
					fmt.Sprintf("Here the tag enciphers a random number (%d bytes), deciphers what the reader sends (%d bytes) and answers (%d bytes): all with AES and the key itself.", aesProof[0], aesProof[1], aesProof[2]),
				},
				look: 0xAF, holds: holds(),
				knows: Side{Big: st.believed(), Words: []string{protectedAs(schemeOf(st.card))}},
			}, nil
		}},
		{"Switch the tag to LRP", func(ctx context.Context) (told, error) {
			if err := enter(ctx, 0, master); err != nil {
				return told{}, err
			}
			if err := st.card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, wire.CapLRP, 0, 0, 0, 0, 0}}); err != nil {
				return told{}, err
			}
			xs := st.rec.Recording().Exchanges
			knows := Side{Big: "LRP", Words: []string{"Confirmed with a MAC."}}
			if len(responseData(xs[len(xs)-1].Response)) == 0 {
				knows.Doubt, knows.Words = true, []string{"The answer has no MAC, since the session ended with it. The next step will tell."}
			}
			return told{
				prose: []string{
					"LRP stands for leakage resilient primitive: a way to use AES so that measuring it yields too little. Who has the master key of the tag can switch it on. There is no way back.",
					"The keys stay the same. What changes is how they are used.",
				},
				look: 0x5C, holds: holds(),
				knows: knows,
			}, nil
		}},
		{"AES is refused from now on", func(ctx context.Context) (told, error) {
			if _, err := st.card.ISOSelectName(ctx, wire.NDEFName[:]); err != nil {
				return told{}, err
			}
			err := st.card.AuthenticateWith(ctx, key.MethodEV2First, 3, own)
			no, err := expect[*desfire.CommandError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(no)
			return told{
				prose: []string{
					fmt.Sprintf("The reader asks for an authentication with AES, with the right key. The tag says %s.", named(no.Status)),
					"It has to: a tag that still did both would let anybody choose the one that can be measured.",
				},
				look: 0x71, holds: holds(),
				knows: Side{Big: "refused", Doubt: true, Words: []string{"No status is proved. Most likely the tag speaks LRP only."}},
			}, nil
		}},
		{"Authenticate with LRP", func(ctx context.Context) (told, error) {
			if _, err := st.card.ISOSelectName(ctx, wire.NDEFName[:]); err != nil {
				return told{}, err
			}
			if err := st.card.AuthenticateWith(ctx, key.MethodLRPFirst, 3, own); err != nil {
				return told{}, err
			}
			l := lengths()
			return told{
				prose: []string{
					fmt.Sprintf("The tag sends its random number as it is, behind a byte that says LRP (%d bytes). The reader answers with its own and a MAC over both (%d bytes), and the tag proves itself the same way (%d bytes).", l[0], l[1], l[2]),
					"The key itself enciphers none of it. LRP takes the input in pieces of four bits, and each piece leads from one key to the next by one step of AES. So each of these keys ever meets 16 different inputs, too few to measure it.",
					fmt.Sprintf("With AES these had %d, %d and %d bytes: on the air LRP costs next to nothing.", aesProof[0], aesProof[1], aesProof[2]),
				},
				look: 0xAF, holds: holds(),
				knows: Side{Big: st.believed(), Words: []string{protectedAs(schemeOf(st.card))}},
			}, nil
		}},
		{"Read, and count", func(ctx context.Context) (told, error) {
			first, err := read(ctx)
			if err != nil {
				return told{}, err
			}
			one, err := ciphered()
			if err != nil {
				return told{}, err
			}
			second, err := read(ctx)
			if err != nil {
				return told{}, err
			}
			two, err := ciphered()
			if err != nil {
				return told{}, err
			}
			same := "The content is the same both times"
			if first != second {
				same = "The content changed in between"
			}
			s, _ := st.card.Session()
			return told{
				prose: []string{
					fmt.Sprintf("The file is read twice: %s. %s, the bytes that travelled are not.", first, same),
					fmt.Sprintf("LRP enciphers by counting: each block of 16 bytes has a number, and no number is used twice in a session. Before the first reading the count stood at %d, before the second at %d.", one, two),
					fmt.Sprintf("A second counter numbers the messages, as with AES. The tag stands at %d and the reader at %d, so a message that is lost, repeated or moved shows at once.", st.picc.Truth().Counter, s.Counter),
				},
				look: 0xAD, holds: holds(fmt.Sprintf("Messages counted: %d.", st.picc.Truth().Counter)),
				knows: Side{Big: second, Words: []string{fmt.Sprintf("Messages counted: %d. Proved by a MAC.", s.Counter)}},
			}, nil
		}},
	}
}

// schemeOf is how messages are protected, as the reader sees it.
func schemeOf(c *desfire.Card) wire.Scheme {
	s, _ := c.Session()
	return s.Scheme
}
