package browser

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// field is a reader on which a simulated card lies.
func field(card *sim.Card) *simreader.Reader { return simreader.New("desk", card) }

func TestShell(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	desk := field(card)
	p := open(t, web.Config{Source: desk})
	p.wait("h1", "DESFire EV2")
	desk.Lift()
	p.wait("h1", "Lay a card on the reader")
	p.wait("#rail", "No card")
	p.looks("no-card")
}

// What is typed into a form never gets into the address, also where the form is sent
// before htmx has seen it; and it is not lost then.
func TestFormBeforeHtmx(t *testing.T) {
	p := open(t, web.Config{})
	p.wait("h1", "DESFire")
	p.eval(`{ const form = document.createElement('form');
		form.setAttribute('hx-post', '/do/stop'); form.setAttribute('hx-target', '#main');
		form.append(Object.assign(document.createElement('input'), {name: 'key', value: 'secret'}), document.createElement('button'));
		document.body.append(form); form.querySelector('button').click(); htmx.process(form); undefined }`, nil)
	p.wait("#main", "not known any more")
	var at string
	p.eval(`location.href`, &at)
	if strings.Contains(at, "secret") || strings.Contains(at, "?") {
		t.Error("the form is in the address:", at)
	}
}
