package perso_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// The key of a transaction MAC file is proved before its first transaction, without
// changing anything; another key is a difference.
func TestVerifyTransactionMACKey(t *testing.T) {
	ctx := context.Background()
	about := func(list []perso.Difference) (found []string) {
		for _, d := range list {
			if d.What == "key" && d.File != nil {
				found = append(found, d.String())
			}
		}
		return found
	}
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		for _, remembers := range []bool{false, true} {
			q := sim.QuirksOf(g)
			q.AbortedReaderRemembered = remembers
			picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}, Quirks: &q})
			if err != nil {
				t.Fatal(err)
			}
			l := transitCard(t)
			l.Generations = nil
			keys := keysOfCard(t, l)
			conf := &perso.Config{Want: keys, Journal: new(memJournal), ReaderID: [16]byte{1, 2, 3}}
			apply(t, picc, l, conf)
			before := imageText(picc)
			for range 2 {
				list, err := perso.Verify(ctx, connect(t, picc), l, conf)
				if err != nil || len(list) > 0 {
					t.Errorf("%v: %v, %v", g, list, err)
				}
			}
			if !remembers && imageText(picc) != before {
				t.Errorf("%v: the card was changed: %s", g, differsAt(imageText(picc), before))
			}

			// A key of another store, with the same version.
			ref := keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.RoleTransactionMAC.ID()}
			right := keys[ref]
			keys[ref] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{AID: appB}, 9, 1)}
			list, err := perso.Verify(ctx, connect(t, picc), l, conf)
			if err != nil || !perso.Differs(list) || !strings.Contains(strings.Join(about(list), ""), "file 15 of application F48121: key is another one") {
				t.Errorf("%v: %v, %v", g, list, err)
			}
			keys[ref] = right

			// After a transaction it is not to be had.
			card := connect(t, picc)
			err = errors.Join(card.SelectApplication(ctx, appA), card.AssumeFileSettings(1, l.Applications[0].Files[0].Settings), card.Authenticate(ctx, 2, keys[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.Number(2)}].Key))
			if err != nil {
				t.Fatal(err)
			}
			_, err = card.Transact(ctx, func() error {
				if err := card.Credit(ctx, 1, 5); err != nil {
					return err
				}
				if err := card.AuthenticateWith(ctx, key.MethodEV2NonFirst, 3, keys[keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.Number(3)}].Key); err != nil {
					return err
				}
				_, err := card.CommitReaderID(ctx, [16]byte{9})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if list, err = perso.Verify(ctx, connect(t, picc), l, conf); err != nil || perso.Differs(list) || len(about(list)) != 1 || !strings.Contains(about(list)[0], "there were transactions") {
				t.Errorf("%v: %v, %v", g, list, err)
			}
		}
	}
}
