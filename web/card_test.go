package web

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// The view says what lies there, how full it is, who may do what, and what worries, and
// leads to where something is done.
func TestCardView(t *testing.T) {
	x := newTill(t, wire.EV3, "transit")
	body := x.until("/v/card", "What could not be read")
	has(t, body, "MIFARE DESFire EV3", "1 application, 4 files.", "Worth knowing", "of 8192 bytes free", "<b>Key 1</b>ride", "every transaction has to name it (CommitReaderID), with key 1",
		"<b class=\"lead\">5000</b>", "Read everything", "/v/do-report?reader=", "/v/do?reader=s1&amp;app=F58401&amp;file=2", "0 to 20&#8239;000")
	hasNot(t, body, "<script", " style=", "http:", "is in doubt")
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "/layout") {
			t.Errorf("it leads to %s", m[1])
		}
	}
	// A journal entry that is open is the first worry.
	if err := x.bench.Tear(play.TearAfter); err != nil {
		t.Fatal(err)
	}
	has(t, x.change("debit", "250", "a"), "It may or may not have happened.")
	x.until("/v/card", "No card lies")
	x.bench.Return()
	body = x.until("/v/card", "A debit of 250 is in doubt")
	has(t, body, `<a href="/purse?reader=s1">Settle it</a>`)
	if strings.Index(body, "is in doubt") > strings.Index(body, "The signature is by none") {
		t.Error("the doubt stands below the rest")
	}
}

// A file whose reading a card counts is not read unless somebody asks.
func TestCardCountsNothing(t *testing.T) {
	ctx := t.Context()
	picc, err := sim.New(&sim.Config{Generation: wire.NTAG424})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	must(t, card.Select(ctx, wire.Place{Fixed: true}), card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	_, err = card.FileSettings(ctx, 2)
	must(t, err)
	tpl, err := sdm.ParseTemplate("https://a.example/?u={uid}&c={ctr}&m={mac}", false)
	must(t, err)
	content, settings, err := tpl.NDEFFile(256, wire.Free, 1, wire.Never)
	must(t, err)
	must(t, card.ProvisionSDM(ctx, &desfire.SDMFile{File: 2, Content: content, SDM: settings}), card.Close())

	c := open(t, Config{Source: simreader.New("desk", picc)})
	body := c.until("/v/card", "What could not be read")
	has(t, body, leftCounts)
	hasNot(t, body, "a.example")
	_, job := c.do("POST", "/do/card-read", url.Values{"reader": {"r1"}}.Encode())
	has(t, job, "Read everything")
	body = c.until("/v/card", "a.example")
	has(t, body, "Opens a web page", `class="part k-mac"`, "The card fills in", "/?u=<span class=\"part k-head\">")
	has(t, body, "Read everything again")
	hasNot(t, body, `href="https`)
}

// What is read without being asked has an end.
func TestLeave(t *testing.T) {
	file := func(no int, size uint32) *inspect.File {
		f := inspect.NewFile(wire.FileNo(no), &wire.FileSettings{Type: wire.FileStandard, Size: size})
		return &f
	}
	l := leave()
	for n := range mostFilesRead {
		if why := l(wire.Place{}, file(n%32, 16), false); why != "" {
			t.Fatalf("file %d: %s", n, why)
		}
	}
	if l(wire.Place{}, file(1, 16), false) != leftMuch {
		t.Error("one more file is read")
	}
	if l := leave(); l(wire.Place{}, file(1, mostBytesRead+1), true) != leftMuch || l(wire.Place{}, file(2, mostBytesRead), true) != "" || l(wire.Place{}, file(3, 1), true) != leftMuch {
		t.Error("bytes are not counted")
	}
	records := inspect.NewFile(1, &wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: 1 << 23, Records: 1 << 23})
	if leave()(wire.Place{}, &records, true) != leftMuch {
		t.Error("records are not counted")
	}
}

// Keys have the names that the keyring has for them, and no name where it has none.
func TestKeyNames(t *testing.T) {
	uid, place := []byte{4, 1, 2, 3, 4, 5, 6}, wire.Place{AID: 0xF48121}
	of := func(b byte) *key.Secret {
		k, err := key.NewAES([]byte(strings.Repeat(string(rune('a'+b)), 16)), b)
		must(t, err)
		return k
	}
	ref := func(no int) keystore.Ref {
		return keystore.Ref{Place: place, Key: keystore.Number(wire.KeyNo(no))}
	}
	s, err := New(Config{
		Keys: keystore.Map{ref(0): {Key: of(0), Source: "keys.yaml"}, ref(1): {Key: of(1), Source: "keys.yaml campus-read, AN10922"}},
		KeyNames: func(context.Context) ([]KeyName, error) {
			return []KeyName{{Name: "campus-app", Facts: keystore.FactsOf(of(0), "elsewhere")}}, nil
		},
	})
	must(t, err)
	defer s.Close() //nolint:errcheck // a test
	name := s.keyNamer(t.Context(), &reader{}, &stay{uid: uid})
	if got := []string{name(place, 0), name(place, 1), name(place, 2), name(wire.Place{}, 0)}; fmt.Sprint(got) != "[campus-app campus-read  ]" {
		t.Errorf("%q", got)
	}
}

// What little is known of a card is shown, with why it is not more.
func TestCardKnownInPart(t *testing.T) {
	s, err := New(Config{})
	must(t, err)
	defer s.Close() //nolint:errcheck // a test
	random := &inspect.Card{Generation: wire.EV2, Product: "MIFARE DESFire EV2", RandomID: true, Applications: []inspect.Application{}}
	half := &inspect.Card{Generation: wire.EV2, UID: inspect.Hex{4, 1}, Applications: []inspect.Application{inspect.NewApplication(wire.Place{AID: 1})}}
	for name, x := range map[string]struct {
		stay        stay
		want, never []string
	}{
		"not read yet":    {stay{}, []string{"<h1>A card</h1>", "Reading the card"}, []string{"Report", "It did not"}},
		"only begun":      {stay{card: &inspect.Card{Product: "MIFARE DESFire EV2"}, product: "MIFARE DESFire EV2", reading: true}, []string{"MIFARE DESFire EV2", "Reading the card"}, []string{"Worth knowing"}},
		"random":          {stay{card: random, product: random.Product, random: true}, []string{"It shows another identifier each time", "the card shows a random one", "Nothing is on this card yet"}, []string{"uid\">"}},
		"real and random": {stay{card: random, product: random.Product, random: true, uid: []byte{4, 1, 2, 3, 4, 5, 6}}, []string{"It shows another identifier each time", "04 01 02 03 04 05 06"}, nil},
		"unreadable":      {stay{err: errors.New("desfire: the answer is too short")}, []string{"<h1>A card</h1>", "the answer is too short", "Read it again"}, []string{"Reading the card", "desfire: "}},
		"lost half way":   {stay{card: half, uid: half.UID, err: errors.New("the card left")}, []string{"the card left", "1 application", "No files."}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			s.render(w, httptest.NewRequestWithContext(t.Context(), "GET", "/v/card", nil), "card", s.cardPage(t.Context(), &reader{id: "r1", name: "desk"}, &x.stay))
			has(t, w.Body.String(), x.want...)
			hasNot(t, w.Body.String(), x.never...)
		})
	}
}

// Requests for what is not there have an answer that says what to do.
func TestCardAsksForNothing(t *testing.T) {
	x := newTill(t, wire.EV1, play.Empty)
	x.until("/v/card", "Nothing is on this card yet")
	for _, path := range []string{"/v/card-app?n=0", "/v/card-app?n=-1", "/v/card-app?n=x", "/v/card-app?reader=r9&n=0"} {
		if status, body := x.do("GET", path, ""); status != 200 || !strings.Contains(body, "not on the card any more") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	has(t, x.get("/v/card-since?reader=s1"), "for less than a minute")
	x.bench.Lift()
	x.until("/v/card", "No card lies")
	has(t, x.get("/v/card-since?reader=s1"), "no more")
	_, body := x.do("POST", "/do/card-read", "reader=s1")
	id := jobID.FindStringSubmatch(body)
	if id == nil {
		t.Fatal(body)
	}
	x.until("/v/job?id="+id[1], "Failed")
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
