package play

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

var wrongKeyStory = &Story{
	Slug: "wrong-key", Title: "Wrong key",
	Summary: "What a card says to a key that is not its own, what it counts, and why not to guess.",
	acts:    wrongKeyActs,
}

func wrongKeyActs(st *stage) []act {
	const limit, back = 3, 1
	var right, wrong *key.Secret
	failures := func() int {
		if f := st.imageKey(1).Failures; f != nil {
			return f.Total
		}
		return 0
	}
	holds := func(words ...string) Side {
		return Side{Big: fmt.Sprintf("%d of %d failures", failures(), limit), Words: append([]string{fmt.Sprintf("Counted for key 1. With %d the card disables it.", limit)}, words...)}
	}
	// try authenticates, which may fail as a card refuses.
	try := func(ctx context.Context, k key.Key) (*desfire.CommandError, error) {
		if err := st.card.SelectApplication(ctx, demo); err != nil {
			return nil, err
		}
		err := st.card.Authenticate(ctx, 1, k)
		if err == nil {
			return nil, nil
		}
		st.fails(err)
		return expect[*desfire.CommandError](err)
	}
	refused := errors.New("the card did not refuse the key")

	return []act{
		{"A card that counts failures", func(ctx context.Context) (told, error) {
			keys := []*key.Secret{st.key(key.TypeAES, "master key", 1), st.key(key.TypeAES, "read key", 2)}
			right, wrong = keys[1], st.key(key.TypeAES, "read key of last year", 1)
			picc, err := st.make(ctx, wire.EV3, "a", func(card *desfire.Card) error {
				if err := application(ctx, card, keys...); err != nil {
					return err
				}
				if err := fill(ctx, card, 1, wire.OptionFull, access(1), "Door 7"); err != nil {
					return err
				}
				if err := card.SelectApplication(ctx, wire.PICC); err != nil {
					return err
				}
				if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
					return err
				}
				return card.SetConfiguration(ctx, &wire.FailedAuthConfig{Enabled: true, Limit: limit, Decrement: back})
			})
			if err != nil {
				return told{}, err
			}
			if err := st.put(ctx, picc); err != nil {
				return told{}, err
			}
			if err := st.card.SelectApplication(ctx, demo); err != nil {
				return told{}, err
			}
			version, err := st.card.KeyVersion(ctx, 1)
			if err != nil {
				return told{}, err
			}
			st.say("key 1 of application %v is of version %d", demo, version)
			return told{
				prose: []string{
					fmt.Sprintf("This card was told to count failed attempts to authenticate: %d disable a key. Newer cards can be set up so, DESFire Light does it always.", limit),
					fmt.Sprintf("The reader asked for the version of key 1: %d. A version is a number that the issuer gives to a key, so that it can be told from its successor. It is free to read and says nothing of the key itself.", version),
				},
				holds: holds(fmt.Sprintf("Version of key 1: %d.", st.imageKey(1).Version)),
				knows: Side{Big: fmt.Sprintf("version %d", version), Doubt: true, Words: []string{"Asked in clear, so it is a hint. How many failures were counted, a card does not tell."}},
			}, nil
		}},
		{"Try a key that is not the card's", func(ctx context.Context) (told, error) {
			no, err := try(ctx, wrong)
			if err != nil || no == nil {
				return told{}, errors.Join(err, refused)
			}
			return told{
				title: fmt.Sprintf("Try last year's key, version %d", wrong.Version()),
				prose: []string{
					"The reader still has the key of last year. It deciphered the card's random number with it, which gave a wrong number, and sent its answer.",
					fmt.Sprintf("The card deciphered that answer with its own key, did not find its number in it, and said %s.", named(no.Status)),
					"It does not say which key would be right, nor how close this one was: one wrong bit looks the same as a wholly different key.",
				},
				holds: holds("Its key is as it was."),
				knows: Side{Big: "refused", Doubt: true, Words: []string{"Most likely the key is wrong. A bent bit on the way, or somebody in between, looks the same."}},
			}, nil
		}},
		{"Ask why", func(ctx context.Context) (told, error) {
			rec := st.rec.Recording()
			report := diagnose.Recording(rec, &diagnose.Config{Keys: []trace.Key{
				{No: 1, Value: wrong, Note: "last year's"}}})
			f := report.Last()
			if f == nil {
				return told{}, errors.New("nothing was found")
			}
			st.say("%s: %s (%v)", f.Command, f.Text, f.Sure)
			if f.Next != "" {
				st.say("next: %s", f.Next)
			}
			version, err := st.card.KeyVersion(ctx, 1)
			if err != nil {
				return told{}, err
			}
			st.say("the card has version %d of key 1, the key that was tried is of version %d", version, wrong.Version())
			words := "The versions are the same, so that the version does not explain it."
			if version != wrong.Version() {
				words = fmt.Sprintf("The card has version %d, the key that was tried is of version %d. So the card got a newer key, and this reader did not hear of it.", version, wrong.Version())
			}
			return told{
				prose: []string{
					"Before anything else is tried, the program looks at what it has: the bytes that passed, and what is free to ask. None of that counts as an attempt.",
					words,
				},
				holds: holds(fmt.Sprintf("Version of key 1: %d.", st.imageKey(1).Version)),
				knows: Side{Big: fmt.Sprintf("version %d, not %d", version, wrong.Version()), Words: []string{"Enough to look for the right key in the right place."}},
			}, nil
		}},
		{"The right key", func(ctx context.Context) (told, error) {
			before := failures()
			no, err := try(ctx, right)
			if err != nil || no != nil {
				return told{}, errors.Join(err, errors.New("the right key was refused"))
			}
			data, err := st.card.ReadData(ctx, 1, 0, 0)
			if err != nil {
				return told{}, err
			}
			st.say("file 1: %s", data)
			return told{
				title: fmt.Sprintf("The right key, version %d", right.Version()),
				prose: []string{
					fmt.Sprintf("With version %d of the key the session opens, and the file can be read: %s.", right.Version(), shown(data)),
					fmt.Sprintf("A success takes failures back, here %d: the card had counted %d and counts %d now. Who mistypes now and then never locks a key.", back, before, failures()),
				},
				look:  0xAF,
				holds: holds(),
				knows: Side{Big: st.believed(), Words: []string{"The card has proved that it has the key, and so has the reader."}},
			}, nil
		}},
		{"What not to do: guess", func(ctx context.Context) (told, error) {
			var last *desfire.CommandError
			tries := 0
			for failures() < limit {
				no, err := try(ctx, st.key(key.TypeAES, fmt.Sprintf("guess %d", tries), 0))
				if err != nil || no == nil {
					return told{}, errors.Join(err, refused)
				}
				last, tries = no, tries+1
			}
			return told{
				title: fmt.Sprintf("What not to do: guess %d times", tries),
				prose: []string{
					fmt.Sprintf("A program that tries one key after the other sent %d wrong ones. Each time the card said %s, and counted.", tries, named(last.Status)),
					"There are more AES keys than could ever be tried, so guessing finds nothing. All it does is count towards the end of the key.",
				},
				holds: holds("The key is disabled now."),
				knows: Side{Big: fmt.Sprintf("%d refusals", tries), Doubt: true, Words: []string{"The answer to the last attempt looked like the one to the first."}},
			}, nil
		}},
		{"The right key, too late", func(ctx context.Context) (told, error) {
			no, err := try(ctx, right)
			if err != nil || no == nil {
				return told{}, errors.Join(err, refused)
			}
			return told{
				prose: []string{
					fmt.Sprintf("Now the right key is refused as well, and before the card even draws a random number: %s.", named(no.Status)),
					"The content is still there, and nobody reads it with this key any more. Only a new key could help, and to set one takes the master key of the application.",
					"So: one attempt with the key that the version points to. If that fails, stop, and find out why.",
				},
				look:  0x71,
				holds: holds(fmt.Sprintf("File 1: %s.", shown(st.file(demo, 1).Data))),
				knows: Side{Big: "refused", Doubt: true, Words: []string{"Another status than before. It hints at a disabled key, and proves nothing."}},
			}, nil
		}},
	}
}
