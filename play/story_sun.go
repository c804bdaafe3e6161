package play

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

var sunStory = &Story{
	Slug: "sun-tag", Title: "A tag that signs its address",
	Summary: "NTAG 424 DNA: each tap of a phone shows another address, and a server can tell who made it and whether it is fresh.",
	acts:    sunActs,
}

func sunActs(st *stage) []act {
	const file wire.FileNo = 2
	template, err := sdm.ParseTemplate("https://tag.example/v?p={picc}&m={mac}", false)
	if err != nil {
		panic(err) // the template is constant
	}
	var verifier *sdm.Verifier
	var urls []string

	counter := func() uint32 {
		for _, a := range st.picc.Image().Applications {
			for _, f := range a.Files {
				if f.SDM != nil && f.No == int(file) {
					return f.SDM.ReadCtr
				}
			}
		}
		return 0
	}
	holds := func() Side {
		return Side{Who: "tag", Big: fmt.Sprintf("tap %d", counter()), Words: []string{"The tag counts them in a counter that only goes up.", fmt.Sprintf("UID %s, and two keys that no phone ever sees.", digits(st.picc.UID()))}}
	}
	// tap reads the tag as a phone does.
	tap := func(ctx context.Context) (string, error) {
		if err := st.put(ctx, st.picc); err != nil {
			return "", err
		}
		tag, err := ndef.Open(ctx, st.card)
		if err != nil {
			return "", err
		}
		m, err := tag.Read(ctx)
		if err != nil {
			return "", err
		}
		if len(m) != 1 {
			return "", fmt.Errorf("the tag shows %d records", len(m))
		}
		url, err := m[0].URI()
		if err == nil {
			urls = append(urls, url)
			st.say("phone: %s", url)
		}
		return url, err
	}
	verify := func(ctx context.Context, url string) (*sdm.Tag, error) {
		m, err := template.Match(url)
		if err != nil {
			return nil, err
		}
		tag, err := verifier.Verify(ctx, m)
		if err != nil {
			st.line(ToneRefused, "server: %v", err)
			return nil, err
		}
		st.say("server: %v", tag)
		return tag, nil
	}

	return []act{
		{"Hold a phone to the tag", func(ctx context.Context) (told, error) {
			meta, read := st.key(key.TypeAES, "meta read key", 1), st.key(key.TypeAES, "file read key", 1)
			verifier = &sdm.Verifier{MetaRead: meta, FileRead: read, Replay: &sdm.Counters{}}
			zero := key.Zero(key.TypeAES)
			picc, err := st.make(ctx, wire.NTAG424, "tag", func(card *desfire.Card) error {
				if _, err := card.ISOSelectName(ctx, wire.NDEFName[:]); err != nil {
					return err
				}
				if err := card.Authenticate(ctx, 0, zero); err != nil {
					return err
				}
				content, settings, err := template.NDEFFile(256, 2, 1, wire.Never)
				if err != nil {
					return err
				}
				if _, err := card.FileSettings(ctx, file); err != nil {
					return err
				}
				return errors.Join(
					card.ChangeKey(ctx, 2, meta, zero), card.ChangeKey(ctx, 1, read, zero),
					card.ProvisionSDM(ctx, &desfire.SDMFile{File: file, Content: content, SDM: settings,
						Access: &wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}}),
					card.ChangeKey(ctx, 0, st.key(key.TypeAES, "master key", 1), zero),
				)
			})
			if err != nil {
				return told{}, err
			}
			st.picc = picc
			url, err := tap(ctx)
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					"This is an NTAG 424 DNA: a small relative of the DESFire cards, in a sticker. A DESFire EV3 can do the same. Any phone reads it, without an app and without a key.",
					"The phone found this address and opens it: " + url,
					"The tag wrote a part of that itself, in the moment it was read. Nothing of it stands so in its memory.",
				},
				look: 0xB0, holds: holds(),
				knows: Side{Who: "phone", Big: "an address", Doubt: true, Words: []string{"A phone cannot check it. It carries it to the server, which can."}},
			}, nil
		}},
		{"The server takes it apart", func(ctx context.Context) (told, error) {
			tag, err := verify(ctx, urls[0])
			if err != nil {
				return told{}, err
			}
			m, err := template.Match(urls[0])
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					fmt.Sprintf("Behind p= stand %d bytes, enciphered under a key that tag and server share. Deciphered they say: UID %X, tap number %d.", len(m.PICCData), tag.UID, tag.Counter),
					fmt.Sprintf("Behind m= stands a MAC of %d bytes: a checksum that only the owner of another key can make. The server computes the same, so the tag is the one that it says.", len(m.MAC)),
					fmt.Sprintf("It notes the number: %d was seen.", tag.Counter),
				},
				holds: holds(),
				knows: Side{Who: "server", Big: fmt.Sprintf("tap %d", tag.Counter), Words: []string{fmt.Sprintf("Of the tag with UID %X. Proved by the MAC.", tag.UID)}},
			}, nil
		}},
		{"Tap again", func(ctx context.Context) (told, error) {
			url, err := tap(ctx)
			if err != nil {
				return told{}, err
			}
			tag, err := verify(ctx, url)
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					"The same phone, the same tag, and another address: " + url,
					fmt.Sprintf("The tag has counted on, and the number goes into both parts. The server deciphers tap number %d, which it has not seen.", tag.Counter),
				},
				look: 0xB0, holds: holds(),
				knows: Side{Who: "server", Big: fmt.Sprintf("tap %d", tag.Counter), Words: []string{fmt.Sprintf("Of the tag with UID %X. Proved by the MAC.", tag.UID)}},
			}, nil
		}},
		{"Somebody sends the first address again", func(ctx context.Context) (told, error) {
			st.line(ToneAside, "somebody: opens the address of step 1 again")
			_, err := verify(ctx, urls[0])
			if !errors.Is(err, sdm.ErrReplay) {
				return told{}, fmt.Errorf("the replay was not refused as one: %w", err)
			}
			return told{
				prose: []string{
					"Somebody kept the first address, from a message or the history of a browser, and opens it without any tag at hand.",
					"The MAC is right, since the tag made it. But the server has seen that number before: " + err.Error() + ".",
					"A picture of a tag, or its address on a poster, is worth one tap at most.",
				},
				holds: holds(),
				knows: Side{Who: "server", Big: "seen before", Words: []string{"Refused. The tag was not asked, and has counted nothing."}},
			}, nil
		}},
		{"Somebody changes one digit", func(ctx context.Context) (told, error) {
			url, err := tap(ctx)
			if err != nil {
				return told{}, err
			}
			last := url[len(url)-1:]
			other := "0"
			if last == other {
				other = "1"
			}
			forged := strings.TrimSuffix(url, last) + other
			st.line(ToneAside, "somebody: %s", forged)
			_, err = verify(ctx, forged)
			if !errors.Is(err, sdm.ErrMAC) {
				return told{}, fmt.Errorf("the forged message was not refused as one: %w", err)
			}
			tag, err := verify(ctx, url)
			if err != nil {
				return told{}, err
			}
			return told{
				prose: []string{
					fmt.Sprintf("A third tap, and on its way to the server the last digit turns from %s to %s. The server says: %v.", last, other, sdm.ErrMAC),
					fmt.Sprintf("A refusal uses up no number. The address as the tag made it still counts, as tap %d.", tag.Counter),
					"What the server cannot tell: whether the phone was near the tag a second ago, or keeps an unused address for later. A number tells that it is fresh to the server, and no more.",
				},
				look: 0xB0, holds: holds(),
				knows: Side{Who: "server", Big: fmt.Sprintf("tap %d", tag.Counter), Words: []string{"The forged one was refused, the true one accepted."}},
			}, nil
		}},
	}
}
