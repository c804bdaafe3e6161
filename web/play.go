package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/wire"
)

func (s *Server) playRoutes() {
	s.view("play", func(w http.ResponseWriter, r *http.Request) { s.render(w, r, "play", s.playPage()) })
	for _, part := range []string{"play-reader", "play-try", "play-told"} {
		s.view(part, func(w http.ResponseWriter, r *http.Request) { s.render(w, r, part, s.playPage()) })
	}
	s.view("play-contents", s.playContents)
	s.view("play-image", s.playImage)
	s.benchAction("lift", func(*http.Request) error { s.conf.Play.Lift(); return nil })
	s.benchAction("return", func(*http.Request) error { s.conf.Play.Return(); return nil })
	s.benchAction("tear", func(r *http.Request) error { return s.conf.Play.Tear(play.Tear(r.FormValue("when"))) })
	s.benchAction("bend", func(r *http.Request) error { s.conf.Play.Bend(r.FormValue("yes") != ""); return nil })
	s.benchAction("faults", func(r *http.Request) error { return s.conf.Play.SetFaults(strings.TrimSpace(r.FormValue("faults"))) })
	s.action("play-make", s.playMake)
	s.action("play-load", s.playLoad)
	s.action("play-value", s.playValue)
}

// benchAction does something to the simulated card, and answers with the reader as it
// is then.
func (s *Server) benchAction(name string, do func(*http.Request) error) {
	s.action("play-"+name, func(w http.ResponseWriter, r *http.Request) {
		if err := do(r); err != nil {
			playRefuse(w, err)
			return
		}
		s.render(w, r, "play-reader", s.playPage())
	})
}

// playRefuse answers with why something is not done, which stands above the page then.
func playRefuse(w http.ResponseWriter, err error) {
	http.Error(w, visible.Text(playSentence(err)), http.StatusConflict)
}

// playSentence is an error as people read it.
func playSentence(err error) string {
	text := errorWords(err)
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// playPage is what the view shows.
type playPage struct {
	play.State
	Reader  string // id of the simulated reader
	UID     []byte
	Purse   *play.Purse
	Job     *jobView // of the bench, if one runs
	Kinds   []playKind
	Offered []play.Content // for the chosen kind
	Held    play.Held
	Holds   int32 // of the purse, in truth
	Known   *playKnown
	Told    []playLine
	Files   []playFile
}

// playKind is a generation in a size.
type playKind struct {
	Value, Words string
	Chosen       bool
}

// Scene says how the card lies, for the picture.
func (p playPage) Scene() string {
	switch {
	case p.Torn:
		return "torn out"
	case p.Away:
		return "lifted"
	}
	return "on the reader"
}

// TMAC is the transaction MAC file next to the purse; nil if there is none.
func (p playPage) TMAC() *play.HeldFile {
	for i, f := range p.Held.Files {
		if p.Purse != nil && f.TMAC != nil && f.Place == p.Purse.Place {
			return &p.Held.Files[i]
		}
	}
	return nil
}

// LastReader is the end of the name of the reader of the last transaction.
func (p playPage) LastReader() string {
	if f := p.TMAC(); f != nil && len(f.TMAC.ReaderID) == 16 && f.TMAC.Counter > 0 {
		return fmt.Sprintf("%X", []byte(f.TMAC.ReaderID[14:]))
	}
	return ""
}

// Kind is what the card is sold as.
func (p playPage) Kind() string {
	words := play.ProductName(p.Card.Generation)
	if play.Sizes(p.Card.Generation) != nil {
		words += fmt.Sprintf(", %d KiB", p.Card.Storage>>10)
	}
	return words
}

// Given is how much of its memory the card has given away.
func (p playPage) Given() string {
	if p.fixed() {
		return fmt.Sprintf("%s bytes, given away at the factory.", grouped(p.Held.Storage))
	}
	return fmt.Sprintf("%s of %s bytes are given away.", grouped(p.Held.Used), grouped(p.Held.Storage))
}

func (p playPage) fixed() bool { return p.Card.Generation.FixedName() != nil }

// Commits reports whether the card knows commits, in which it could be torn.
func (p playPage) Commits() bool { return p.Card.Generation.Has(wire.FeatureTransactions) }

// Believes is what the card itself thinks that it is doing.
func (p playPage) Believes() string {
	t := p.Held.Session
	where := "its card level"
	switch {
	case t.App != wire.PICC && p.fixed():
		where = "its application"
	case t.App != wire.PICC:
		where = "application " + t.App.String()
	}
	switch {
	case p.Away:
		return "It has no power, and believes nothing."
	case t.Scheme == wire.SchemeNone:
		return "No session. It is at " + where + "."
	case t.Scheme == wire.SchemeEV2 || t.Scheme == wire.SchemeLRP:
		return fmt.Sprintf("A session of %s with key %d of %s, and %d commands in it.", strings.ToUpper(t.Scheme.String()), t.KeyNo, where, t.Counter)
	}
	return fmt.Sprintf("A session of %s with key %d of %s.", strings.ToUpper(t.Scheme.String()), t.KeyNo, where)
}

// Doubt reports whether the reader cannot know what the purse holds.
func (p playPage) Doubt() bool { return p.Known != nil && len(p.Known.Values) > 1 }

func (s *Server) playPage() playPage {
	p := playPage{State: s.conf.Play.State(), Held: s.conf.Play.Holds()}
	p.UID = p.Card.UID
	if c, ok := play.Find(p.Card.Content); ok {
		p.Purse = c.Purse
	}
	if rd := s.benchReader(); rd != nil {
		p.Reader = rd.id
		if j := rd.look().job; j != nil && !j.own {
			v := j.view()
			p.Job = &v
		}
	}
	p.Kinds, p.Offered = playKinds(p.Card.Generation, p.Card.Storage), playOffered(p.Card.Generation)
	if p.Purse != nil {
		p.Holds, _ = p.Held.Value(p.Purse.Place, p.Purse.File)
		p.Known = s.played.known(p.UID)
	}
	p.Files, p.Told = playFiles(p.Held.Files), s.playTold(p.Log)
	return p
}

// benchReader is the reader with the simulated card; nil before Run.
func (s *Server) benchReader() *reader {
	all, _ := s.hub.all()
	for _, rd := range all {
		if rd.simulated {
			return rd
		}
	}
	return nil
}

// playKinds are the cards that can be made.
func playKinds(g wire.Generation, storage int) (kinds []playKind) {
	for _, x := range play.Generations() {
		sizes := play.Sizes(x)
		if sizes == nil {
			kinds = append(kinds, playKind{Value: x.String() + "/0", Words: play.ProductName(x), Chosen: x == g})
		}
		for i := range sizes {
			n := sizes[len(sizes)-1-i]
			kinds = append(kinds, playKind{fmt.Sprintf("%v/%d", x, n), fmt.Sprintf("%s, %d KiB", play.ProductName(x), n>>10), x == g && n == storage})
		}
	}
	return kinds
}

// playOffered are the contents that a generation can have.
func playOffered(g wire.Generation) (list []play.Content) {
	for _, c := range play.Contents() {
		for _, x := range c.Generations {
			if x == g {
				list = append(list, c)
			}
		}
	}
	return list
}

// playRecipe reads which card is wanted.
func playRecipe(r *http.Request) (play.Recipe, error) {
	name, size, _ := strings.Cut(r.FormValue("kind"), "/")
	g, err := wire.ParseGeneration(name)
	n, bad := strconv.Atoi(size)
	if err != nil || bad != nil {
		return play.Recipe{}, errors.New("this card is not known: choose one of the list")
	}
	return play.Recipe{Generation: g, Storage: n, Content: r.FormValue("content")}, nil
}

// playContents are the contents of the kind that was chosen.
func (s *Server) playContents(w http.ResponseWriter, r *http.Request) {
	recipe, err := playRecipe(r)
	if err != nil {
		playRefuse(w, err)
		return
	}
	p := playPage{Offered: playOffered(recipe.Generation)}
	p.Card.Content = r.FormValue("content")
	s.render(w, r, "play-contents", p)
}

// playMake puts another card there.
func (s *Server) playMake(w http.ResponseWriter, r *http.Request) {
	recipe, err := playRecipe(r)
	if err == nil {
		err = s.conf.Play.Make(r.Context(), recipe)
	}
	if err != nil {
		playRefuse(w, err)
		return
	}
	s.render(w, r, "play-reader", s.playPage())
}

// playLoad puts the card of an image there.
func (s *Server) playLoad(w http.ResponseWriter, r *http.Request) {
	text, name, err := playUpload(r)
	if err == nil {
		if err = s.conf.Play.Load(text); err != nil {
			err = fmt.Errorf("%s is no image of a card that could be loaded: %w", name, err)
		}
	}
	if err != nil {
		playRefuse(w, err)
		return
	}
	s.render(w, r, "play-reader", s.playPage())
}

// playImage is the card as a file.
func (s *Server) playImage(w http.ResponseWriter, r *http.Request) {
	keys := r.FormValue("keys") != ""
	text, err := s.conf.Play.Image(keys)
	if err != nil {
		playRefuse(w, err)
		return
	}
	name := fmt.Sprintf("%X", []byte(s.conf.Play.State().Card.UID))
	if !keys {
		name += "-without-keys"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="card-`+name+`.json"`)
	_, _ = w.Write(text)
}

// playUpload is the image of a form, and what its file is called.
func playUpload(r *http.Request) (text []byte, name string, err error) {
	f, head, err := r.FormFile("image")
	if err != nil {
		return nil, "", errors.New("no file came: choose the image of a card, as desfire sim new or this page writes it")
	}
	defer f.Close() //nolint:errcheck // only read
	text, err = io.ReadAll(io.LimitReader(f, play.MaxImage+1))
	return text, head.Filename, err
}
