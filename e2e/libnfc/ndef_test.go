package libnfc

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/wire"
)

// What libfreefare makes and writes is read by us, and what we make and write
// is read by libfreefare.
func TestNDEFBothWays(t *testing.T) {
	need(t, "mifare-desfire-create-ndef", "mifare-desfire-write-ndef", "mifare-desfire-read-ndef")
	each(t, "mifare-desfire-read-ndef", func(t *testing.T, g wire.Generation, r *reader) {
		dir := t.TempDir()
		ours := ndef.Message{ndef.URI("https://example.com/ours"), ndef.Text("en", strings.Repeat("ours ", 30))}
		theirs := ndef.Message{ndef.URI("https://example.com/theirs"), ndef.Text("fr", strings.Repeat("theirs ", 40))}
		raw, err := theirs.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/in", raw, 0o666); err != nil {
			t.Fatal(err)
		}
		r.run(t, "mifare-desfire-create-ndef", "-y")
		r.run(t, "mifare-desfire-write-ndef", "-y", "-i", dir+"/in")
		prepare(t, r, func(ctx context.Context, card *desfire.Card) error {
			tag, err := open(ctx, card)
			if err != nil {
				return err
			}
			m, err := tag.Read(ctx)
			if err != nil {
				return err
			}
			if got, _ := m.Encode(); !bytes.Equal(got, raw) {
				t.Errorf("we read %v of what libfreefare wrote", m)
			}
			return tag.Write(ctx, ours)
		})
		want, err := ours.Encode()
		if err != nil {
			t.Fatal(err)
		}
		read := func(what string) {
			r.run(t, "mifare-desfire-read-ndef", "-y", "-o", dir+"/out")
			if got, err := os.ReadFile(dir + "/out"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: libfreefare reads %X, %v; want %X", what, got, err, want)
			}
		}
		read("its own tag, written by us")
		if g == wire.D40 {
			return // no names: we make no such tag
		}
		r.run(t, "mifare-desfire-format", "-y")
		prepare(t, r, func(ctx context.Context, card *desfire.Card) error {
			layout := ndef.Layout{Size: 512, Message: ours}
			commands, err := layout.Commands()
			if err != nil {
				return err
			}
			for _, c := range commands {
				if _, err := desfire.Do(ctx, card, c); err != nil {
					return err
				}
			}
			return nil
		})
		read("our tag")
	})
}

// open finds a tag, that of a D40 too.
func open(ctx context.Context, card *desfire.Card) (*ndef.Tag, error) {
	if card.Generation() != wire.D40 {
		return ndef.Open(ctx, card)
	}
	if err := card.SelectApplication(ctx, ndef.D40AID); err != nil {
		return nil, err
	}
	return ndef.OpenNative(ctx, card, ndef.D40Files(), false)
}
