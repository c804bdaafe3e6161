package play

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

var authenticateStory = &Story{
	Slug: "authenticate", Title: "Authenticate",
	Summary: "Card and reader prove to each other that they have the same key, without sending it.",
	acts:    authenticateActs,
}

func authenticateActs(st *stage) []act {
	const secret = "Member 4711, until 2027-06-30"
	var read *key.Secret
	var sent, heard []byte // the command and the content that a listener keeps
	var first desfire.Session

	return []act{
		{"Put the card on the reader", func(ctx context.Context) (told, error) {
			keys := []*key.Secret{st.key(key.TypeAES, "master key", 1), st.key(key.TypeAES, "read key", 1)}
			read = keys[1]
			picc, err := st.make(ctx, wire.EV3, "a", func(card *desfire.Card) error {
				if err := application(ctx, card, keys...); err != nil {
					return err
				}
				return fill(ctx, card, 1, wire.OptionFull, access(1), secret)
			})
			if err != nil {
				return told{}, err
			}
			if err := st.put(ctx, picc); err != nil {
				return told{}, err
			}
			v, err := st.card.Version(ctx)
			if err != nil {
				return told{}, err
			}
			uid := digits(v.UID[:])
			st.say("%v", st.card)
			img := picc.Image()
			app := img.Applications[0]
			return told{
				prose: []string{
					"A contactless card has no battery. The field of the reader powers it, and the reader always speaks first: it sends a command, the card answers.",
					fmt.Sprintf("The reader asked what lies there. The card said that it is a MIFARE DESFire %v with the serial number (UID) %s.", st.card.Generation(), uid),
					"Nothing protects these answers. Anything could say the same.",
				},
				holds: Side{Big: uid, Words: []string{fmt.Sprintf("Application %v with %d keys, and file %d of %d bytes, which key 1 reads.", app.AID, app.KeyCount, app.Files[0].No, app.Files[0].Size)}},
				knows: Side{Big: uid, Doubt: true, Words: []string{"The card says so. It has proved nothing yet."}},
			}, nil
		}},
		{"Ask for a file without a key", func(ctx context.Context) (told, error) {
			if err := st.card.SelectApplication(ctx, demo); err != nil {
				return told{}, err
			}
			_, err := desfire.Do(ctx, st.card, &wire.ReadData{File: 1})
			refused, err := expect[*desfire.CommandError](err)
			if err != nil {
				return told{}, err
			}
			st.fails(refused)
			return told{
				prose: []string{
					fmt.Sprintf("Files lie in applications: folders that have keys of their own. The reader selected application %v and asked for file 1.", demo),
					fmt.Sprintf("The card refused: %s. It has a rule for each file that says which key may do what, and nobody has shown a key yet.", named(refused.Status)),
				},
				holds: Side{Big: st.session(), Words: []string{fmt.Sprintf("%d bytes in file 1, not given away.", st.file(demo, 1).Size)}},
				knows: Side{Big: "refused", Words: []string{"A status carries no proof: something between reader and card could have said so, too. Nothing is lost by believing it."}},
			}, nil
		}},
		{"Prove the key to each other", func(ctx context.Context) (told, error) {
			if err := st.card.SelectApplication(ctx, demo); err != nil {
				return told{}, err
			}
			from := len(st.rec.Recording().Exchanges)
			if err := st.card.Authenticate(ctx, 1, read); err != nil {
				return told{}, err
			}
			first, _ = st.card.Session()
			xs := st.rec.Recording().Exchanges[from:]
			b1, b2 := responseData(xs[0].Response), commandData(xs[1].Command)
			b3 := responseData(xs[1].Response)
			t := st.picc.Truth()
			return told{
				title: "Prove key 1 to each other",
				prose: []string{
					"A key is a secret number that both sides were given beforehand. To send it would give it away, so each sets the other a task that only the key can solve.",
					fmt.Sprintf("The card drew a random number and sent it enciphered (%d bytes). The reader deciphered it, turned it by one byte and sent it back with a number of its own (%d bytes), which the card sent back turned (%d bytes).", len(b1), len(b2), len(b3)),
					"From the key and both numbers each side now computes the same session keys: one to encipher, one for MACs. A MAC is a checksum that only the owner of a key can make.",
				},
				look: 0xAF,
				holds: Side{Big: st.session(), Words: []string{
					fmt.Sprintf("Messages counted in this session: %d.", t.Counter), protectedAs(t.Scheme)}},
				knows: Side{Big: st.believed(), Words: []string{
					fmt.Sprintf("Messages counted in this session: %d.", first.Counter), fmt.Sprintf("Name of the session, drawn by the card (TI): %X.", first.TI)}},
			}, nil
		}},
		{"Read the file in the session", func(ctx context.Context) (told, error) {
			data, err := st.card.ReadData(ctx, 1, 0, 0)
			if err != nil {
				return told{}, err
			}
			st.say("file 1: %s", data)
			xs := st.rec.Recording().Exchanges
			last := xs[len(xs)-1]
			answer := responseData(last.Response)
			sent, heard = last.Command, answer
			in := "The text itself is nowhere in these bytes."
			if bytes.Contains(last.Response, data) {
				in = "The text stands in these bytes as it is."
			}
			s, _ := st.card.Session()
			return told{
				prose: []string{
					fmt.Sprintf("The same question as before, now with a MAC. The card answered with %d bytes: the content, enciphered, and 8 bytes of MAC. %s", len(answer), in),
					fmt.Sprintf("The reader checked the MAC, then deciphered %d bytes: %s. That this works shows that both sides have the same session keys.", len(data), shown(data)),
					"Before that the reader asked how the file is protected, inside the session too: said in clear, the answer could be anybody's.",
				},
				look:  0xBD,
				holds: Side{Big: shown(st.file(demo, 1).Data), Words: []string{fmt.Sprintf("Messages counted in this session: %d.", st.picc.Truth().Counter)}},
				knows: Side{Big: shown(data), Words: []string{fmt.Sprintf("Messages counted in this session: %d. Proved by a MAC.", s.Counter)}},
			}, nil
		}},
		{"Somebody sends the same bytes again", func(ctx context.Context) (told, error) {
			st.line(ToneAside, "listener: sends the recorded command again, %d bytes", len(sent))
			answer, err := st.card.Transport().Transmit(ctx, sent)
			if err != nil {
				return told{}, err
			}
			status := statusOf(answer)
			st.line(ToneAside, "card to listener: %s, %d bytes of content", named(status), len(responseData(answer)))
			s, _ := st.card.Session()
			return told{
				prose: []string{
					"Somebody who listened sends the reader's last command again, byte by byte. It got the content before.",
					fmt.Sprintf("The card answers %s. The MAC of the command covers the number of the message, and the card already counts further. So each command works once.", named(status)),
					"A wrong message also ends the session on the card. The reader does not notice before its next command.",
				},
				holds: Side{Big: st.session(), Words: []string{"The wrong message has ended it. Nothing was given away."}},
				knows: Side{Big: st.believed(), Doubt: true, Words: []string{fmt.Sprintf("As far as the reader can tell it goes on, %d messages counted.", s.Counter)}},
			}, nil
		}},
		{"Authenticate again", func(ctx context.Context) (told, error) {
			if err := st.card.SelectApplication(ctx, demo); err != nil {
				return told{}, err
			}
			if err := st.card.Authenticate(ctx, 1, read); err != nil {
				return told{}, err
			}
			s, _ := st.card.Session()
			data, err := st.card.ReadData(ctx, 1, 0, 0)
			if err != nil {
				return told{}, err
			}
			after, _ := st.card.Session()
			st.say("file 1: %s", data)
			xs := st.rec.Recording().Exchanges
			answer := responseData(xs[len(xs)-1].Response)
			same := 0
			for i := range answer {
				if i < len(heard) && heard[i] == answer[i] {
					same++
				}
			}
			return told{
				prose: []string{
					fmt.Sprintf("The key is the same, the random numbers are new. So the session is another: its name was %X, and is %X now. Its keys are others as well.", first.TI, s.TI),
					fmt.Sprintf("Compare the answer with that of step 4. The text is the same; of the %d bytes that travelled %d are, which is what chance gives.", len(answer), same),
					"What was recorded in one session is of no use in any other. This is all that an authentication does, and everything else stands on it.",
				},
				look:  0xBD,
				holds: Side{Big: st.session(), Words: []string{fmt.Sprintf("Messages counted in this session: %d.", st.picc.Truth().Counter)}},
				knows: Side{Big: st.believed(), Words: []string{fmt.Sprintf("Messages counted in this session: %s.", visible.Number(after.Counter)), fmt.Sprintf("Name of the session (TI): %X.", after.TI)}},
			}, nil
		}},
	}
}
