package browser

import (
	"testing"

	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

func benchWith(t *testing.T, g wire.Generation, content string) *play.Bench {
	t.Helper()
	b, err := play.New(&play.Config{First: &play.Recipe{Generation: g, Content: content}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func holds(t *testing.T, b *play.Bench, content string) int32 {
	t.Helper()
	c, _ := play.Find(content)
	h := b.Holds()
	v, ok := h.Value(c.Purse.Place, c.Purse.File)
	if !ok {
		t.Fatal("no value file")
	}
	return v
}

// A debit is torn, is in doubt with its evidence, and is settled, by buttons alone.
func TestPurse(t *testing.T) {
	b := benchWith(t, wire.EV3, "transit")
	p := open(t, web.Config{Play: b})
	p.view("/purse")
	p.wait(".big", "5000")
	before := holds(t, b, "transit")
	p.wait("form.pay[data-htmx-powered]", "Amount")
	p.fill("input[name=amount]", "250")
	p.click("form.pay button", "Debit")
	p.wait(".job", "It happened.")
	p.wait(".big", "4750")
	if err := b.Tear(play.TearAfter); err != nil {
		t.Fatal(err)
	}
	p.wait("form.pay[data-htmx-powered]", "Amount")
	p.fill("input[name=amount]", "250")
	p.click("form.pay button", "Debit")
	p.wait(".job", "It may or may not have happened.")
	p.wait(".panel.empty", "No card lies on the simulated reader")
	p.wait(".tag", "in doubt")
	p.shotAt("purse-away")
	b.Return()
	p.wait(".decide form[data-htmx-powered]", "Settle as happened")
	p.wait(".decide", "It happened. Rule 2")
	p.looks("purse-doubt")
	p.click(".decide button", "Settle as happened")
	p.wait(".job", "It happened. Debit 250 by key 1; the value is 4500.")
	p.wait("#entry .tag", "happened")
	p.wait(".big", "4500")
	if v := holds(t, b, "transit"); v != before-500 {
		t.Errorf("the card holds %d, want %d", v, before-500)
	}
	p.shotAt("purse")
}

// A person's word asks for a reason and the digits of the card.
func TestPurseByWord(t *testing.T) {
	b := benchWith(t, wire.EV3, "campus")
	p := open(t, web.Config{Play: b})
	p.view("/purse")
	p.wait(".pay, .more-of", "Nobody, with any key")
	p.wait("form.terms[data-htmx-powered]", "Go by this")
	p.click("input[value=debit][name=others]", "")
	p.click(".terms button", "Go by this")
	if err := b.Tear(play.TearAfter); err != nil {
		t.Fatal(err)
	}
	p.wait("form.pay[data-htmx-powered]", "Amount")
	p.fill("input[name=amount]", "250")
	p.click("form.pay button", "Debit")
	p.wait(".job", "It may or may not have happened.")
	b.Return()
	p.wait(".decide", "does not decide it")
	p.click("summary", "Decide by a person's word")
	p.click("input[name=as][value=happened]", "")
	p.fill("input[name=reason]", "gate 3 opened")
	var off bool
	p.eval(`document.querySelector('.byword button').disabled`, &off)
	if !off {
		t.Error("the button can be pressed without digits")
	}
	digits := b.State().Card.UID[5:]
	p.shotAt("purse-word")
	p.wait("form.byword[data-htmx-powered]", "Decide for good")
	p.fill(".byword input[name=digits]", hexDigits(digits))
	p.click(".byword button", "Decide for good")
	p.wait("#entry .tag", "happened")
	p.wait("#entry", "gate 3 opened")
}

func hexDigits(b []byte) string {
	const digits = "0123456789abcdef"
	var s []byte
	for _, x := range b {
		s = append(s, digits[x>>4], digits[x&15])
	}
	return string(s)
}
