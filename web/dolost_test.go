package web

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A format names what is lost, and does it only for who types the digits.
func TestDoFormats(t *testing.T) {
	d := openDo(t, doKeys(-1, 0, 1))
	body := d.act("delete")
	d.says(body, "Format "+d.uid+"?", "F48121", "a purse of 24 500 in file 2", "Keep everything", `data-confirm="`+d.uid[10:]+`"`, "disabled", "Waits for an answer")
	for _, digits := range []string{"", "0000", d.uid[9:13], d.uid[10:] + "0"} {
		d.says(d.yes(body, digits), "nothing was done")
		if n := len(d.picc.Image().Applications); n != 1 {
			t.Fatalf("with %q: %d applications", digits, n)
		}
	}
	d.says(d.yes(body, " "+strings.ToLower(d.uid[10:])+" "), "The card is formatted")
	if n := len(d.picc.Image().Applications); n != 0 {
		t.Errorf("%d applications", n)
	}
	d.says(d.yes(body, d.uid[10:]), "answered already")
	d.says(d.act("delete"), "There is nothing to lose")
}

// Who does not want it keeps everything.
func TestDoKeeps(t *testing.T) {
	d := openDo(t, doKeys(-1))
	body := d.act("delete")
	m := askID.FindStringSubmatch(body)
	d.says(d.act("no", "ask", m[1]), "Nothing was done")
	d.says(d.yes(body, d.uid[10:]), "answered already")
	if len(d.picc.Image().Applications) != 1 {
		t.Error("it was formatted all the same")
	}
}

// What is lost must be what was shown.
func TestDoLosesOnlyWhatWasShown(t *testing.T) {
	d := openDo(t, doKeys(-1, 0, 1, 3))
	format, file := d.act("delete"), d.act("delete", "app", "F48121", "file", "0")
	d.says(file, "Delete file 0 of F48121 of "+d.uid+"?", "file 0, data, which is empty", "Keep the file")
	other := d.upload("write", nil, "app", "F48121", "file", "0", "as", "text", "content", "worth something")
	d.says(d.yes(other, ""), "15 bytes written")
	for _, body := range []string{format, file} {
		d.says(d.yes(body, d.uid[10:]), "something else would be lost now than was shown")
	}
	if d.file(0) == nil {
		t.Fatal("the file is gone")
	}
	d.says(d.yes(d.act("delete", "app", "F48121", "file", "0"), d.uid[10:]), "File 0 of F48121 is deleted.")
	if d.file(0) != nil {
		t.Error("the file is there still")
	}
	d.says(d.act("delete", "app", "F48121", "file", "0"), "there is no file 0 of F48121")
	d.says(d.yes(d.act("delete", "app", "F48121"), d.uid[10:]), "Application F48121 is deleted")
	if n := len(d.picc.Image().Applications); n != 0 {
		t.Errorf("%d applications", n)
	}
}

// Without the key nobody is asked.
func TestDoWantsTheKeyBeforeItAsks(t *testing.T) {
	d := openDo(t, doKeys(0, 1))
	body := d.act("delete")
	d.says(body, "A key is missing", "key 0 of the card", "In the keyring")
	if askID.MatchString(body) {
		t.Error("it asks")
	}
	// An application can be deleted with its own key.
	d.says(d.act("delete", "app", "F48121"), "Delete application F48121 of")
}

// A change in doubt is named, and so is what phones read, whatever it says.
func TestDoNamesDoubtAndMessages(t *testing.T) {
	ctx := context.Background()
	picc := doCardMade(t)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	const evil = "<script>alert(1)</script>\u202Ejavascript:\x1b[2J"
	commands, err := (&ndef.Layout{Size: 256, Message: ndef.Message{ndef.Text("en", evil)}}).Commands()
	must(t, err)
	for _, c := range commands {
		_, err := desfire.Do(ctx, card, c)
		must(t, err)
	}
	must(t, card.Close())
	d := besideDo(t, picc, Config{Keys: doKeys(-1, 0, 1)})
	body := d.act("delete")
	d.says(body, "what phones read", "&lt;script&gt;", `\u202e`)
	if strings.Contains(body, "<script>") || strings.ContainsAny(body, "\u202e\x1b") {
		t.Errorf("the card speaks for itself: %s", body)
	}
	if strings.Contains(body, "in doubt") {
		t.Error("nothing is in doubt")
	}
	doubt(t, d)
	d.says(d.act("delete"), "an open journal entry, a change of its value that is in doubt")
}

// doubt leaves a change of the purse open: the card leaves in the commit, and nobody
// waits for it.
func doubt(t *testing.T, d *doing) {
	t.Helper()
	d.idle()
	d.act("purse-terms", "reader", d.reader().id, "file", "F48121/2", "others", "nobody")
	body := d.act("value", "app", "F48121", "file", "2", "kind", "debit", "amount", "250")
	d.says(body, "24 500", "24 250", "Debit 250")
	d.air.set(func(x *sim.Exchange) ([]byte, error) {
		if x.INS != wire.InsCommitTransaction {
			return x.Pass()
		}
		return x.PassWith(sim.Fault{Kind: sim.LosePowerAfter})
	})
	status, begun := d.do("POST", "/do/yes", doForm("ask", askID.FindStringSubmatch(body)[1]))
	if status != 200 {
		t.Fatal(status, begun)
	}
	d.until("/v/job?id="+doJobID.FindStringSubmatch(begun)[1], "not known")
	d.act("stop", "id", doJobID.FindStringSubmatch(begun)[1])
	d.air.set(nil)
	d.idle()
	e, err := d.server.ledgers.of(d.reader()).Open(t.Context(), purse.CardApp{UID: d.uid, App: "F48121"})
	if err != nil || e == nil {
		t.Fatalf("nothing is open: %v", err)
	}
	d.says(d.act("value", "app", "F48121", "file", "2", "kind", "debit", "amount", "1"), "A change of this card is in doubt", "Settle it")
}

// A card that shows a random identifier is told apart in its sessions.
func TestDoRandomIdentifier(t *testing.T) {
	ctx := context.Background()
	picc := doCardMade(t)
	uid := picc.Image().UID
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	must(t, card.Authenticate(ctx, 0, key.Zero(key.Type2K3DES)), card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}), card.Close())
	picc.Lift()
	must(t, picc.Return())
	d := besideDo(t, picc, Config{Keys: doKeys(-1, 0, 1, 3)})
	d.uid = strings.ToUpper(hex.EncodeToString(uid))
	d.says(d.yes(d.upload("write", nil, "app", "F48121", "file", "0", "as", "text", "content", "abc"), ""), "3 bytes written")
	body := d.act("delete", "app", "F48121", "file", "0")
	d.says(body, d.uid)
	// Another card in its place is left alone.
	d.idle()
	d.air.set(func(x *sim.Exchange) ([]byte, error) {
		if x.INS == wire.InsGetCardUID {
			return x.PassWith(sim.Fault{Kind: sim.FlipAnswerBit})
		}
		return x.Pass()
	})
	d.says(d.yes(body, d.uid[10:]), "cannot be trusted")
	d.air.set(nil)
	if d.file(0) == nil {
		t.Error("the file is gone")
	}
	d.says(d.yes(d.act("delete", "app", "F48121", "file", "0"), d.uid[10:]), "is deleted")
	d.says(d.act("delete", "app", "df:D2760000850101"), "cannot be deleted by that name")
}

// Records are removed only for who types the digits, and only those that were shown.
func TestDoClears(t *testing.T) {
	d := openDo(t, doKeys(0, 1))
	add := func(text string) {
		d.says(d.yes(d.upload("write", nil, "app", "F48121", "file", "3", "as", "text", "content", text), ""), "A record of")
	}
	add("line 4, 08:15")
	body := d.act("clear", "app", "F48121", "file", "3")
	d.says(body, "1 record", "line 4, 08:15", "Keep the records")
	add("line 7, 09:40")
	d.says(d.yes(body, d.uid[10:]), "2 records now, and 1 were shown")
	d.says(d.act("read", "app", "F48121", "file", "3"), "line 4, 08:15", "0, the newest", "line 7, 09:40")
	d.says(d.yes(d.act("clear", "app", "F48121", "file", "3"), d.uid[10:]), "2 records removed from file 3")
	if n := len(d.file(3).Records); n != 0 {
		t.Errorf("%d records", n)
	}
	d.says(d.act("clear", "app", "F48121", "file", "0"), "no way to")
}

// The key of a card that is tested whole is that of delivery.
func TestDoWipesAndTests(t *testing.T) {
	picc, err := sim.New(&sim.Config{Generation: wire.EV1})
	must(t, err)
	d := besideDo(t, picc, Config{})
	body := d.act("selftest", "wipe", "1")
	d.says(body, "Wipe "+d.uid+" and test it?", "Keep everything")
	d.says(d.yes(body, "1234"+d.uid[10:]), "nothing was done")
	done := d.yes(body, d.uid[10:])
	d.says(done, "The card does what is known of its generation", "Save the report", "✓")
	// One whose key was changed is left alone.
	ctx := context.Background()
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	des := key.Zero(key.Type2K3DES)
	other, err := key.New(key.Type2K3DES, []byte("0123456789abcdef"), 0)
	must(t, err)
	must(t, card.Authenticate(ctx, 0, des), card.ChangeKey(ctx, 0, other, des), card.Close())
	d.idle()
	d.says(d.yes(d.act("selftest", "wipe", "1"), d.uid[10:]), "This card cannot be wiped and left as it was")
}
