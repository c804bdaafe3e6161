package play

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/examples/layouts"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Recipe says what card to make.
type Recipe struct {
	Generation wire.Generation
	// Storage is the nominal size of its memory in bytes, one of Sizes; 0 is the
	// usual one.
	Storage int
	Content string // name of a Content
}

// Default is the Recipe of a card on which most can be seen.
func Default() Recipe { return Recipe{Generation: wire.EV3, Content: "transit"} }

// Generations are those that cards can be made of, the newest first.
func Generations() []wire.Generation {
	return []wire.Generation{wire.EV3, wire.EV2, wire.EV1, wire.D40, wire.Light, wire.NTAG424}
}

// ProductName is a generation as it is sold.
func ProductName(g wire.Generation) string {
	switch g {
	case wire.NTAG424:
		return "NTAG 424 DNA"
	case wire.D40:
		return "DESFire (D40)"
	}
	return "DESFire " + g.String()
}

// Sizes are the nominal sizes of a generation in bytes, the smallest first; none where
// there is no choice.
func Sizes(g wire.Generation) (sizes []int) {
	for _, s := range perso.CardSizes(g) {
		if n, err := strconv.Atoi(strings.TrimSuffix(s.Name, "K")); err == nil {
			sizes = append(sizes, n<<10)
		}
	}
	return sizes
}

// Card is what is known of a card since it was made.
type Card struct {
	UID        sim.Hex         `json:"uid"` // also if the card answers random ones
	Generation wire.Generation `json:"generation"`
	Storage    int             `json:"storage"`           // nominal bytes
	Content    string          `json:"content,omitempty"` // name; empty of an image that was loaded
	Title      string          `json:"title"`             // of the content, or of the image
}

// RecipeError says why there is no such card.
type RecipeError struct {
	Recipe Recipe
	Reason string
}

func (e *RecipeError) Error() string { return "there is no such card: " + e.Reason }

// check finds the content of a recipe.
func (r Recipe) check() (Content, error) {
	c, ok := Find(r.Content)
	switch {
	case !ok:
		return c, &RecipeError{r, fmt.Sprintf("the content %q is not known", r.Content)}
	case !slices.Contains(Generations(), r.Generation):
		return c, &RecipeError{r, "the generation is not known"}
	case !slices.Contains(c.Generations, r.Generation):
		var names []string
		for _, g := range c.Generations {
			names = append(names, ProductName(g))
		}
		return c, &RecipeError{r, fmt.Sprintf("the content %q is for %s, and not for %s", c.Title, strings.Join(names, ", "), ProductName(r.Generation))}
	case r.Storage != 0 && !slices.Contains(Sizes(r.Generation), r.Storage):
		return c, &RecipeError{r, fmt.Sprintf("%s was not made with %d bytes", ProductName(r.Generation), r.Storage)}
	}
	return c, nil
}

// Make makes a card and puts it in the place of the one that is there, which is gone
// then; what was planned to go wrong goes with it. Its content is put on it by
// package perso, as on any card, with master keys that are random and last as long as
// the Bench. The error is a *RecipeError, or what the making had to say; the
// card that was there stays then.
func (b *Bench) Make(ctx context.Context, r Recipe) error {
	content, err := r.check()
	if err != nil {
		return err
	}
	card, err := sim.New(&sim.Config{Generation: r.Generation, Storage: r.Storage, Rand: b.rand})
	if err != nil {
		return &RecipeError{r, err.Error()}
	}
	names, err := b.fill(ctx, card, content)
	if err != nil {
		return fmt.Errorf("making a card %q: %w", content.Name, err)
	}
	card.Lift()
	b.change.Lock()
	defer b.change.Unlock()
	made := cardOf(card)
	made.Content, made.Title = content.Name, content.Title
	b.put(card, made, names, fmt.Sprintf("A new card is on the reader: %s, %s.", ProductName(r.Generation), content.Title))
	return nil
}

func cardOf(card *sim.Card) Card {
	i := card.Image()
	return Card{UID: i.UID, Generation: i.Generation, Storage: i.Storage}
}

// fill puts the content on a fresh card.
func (b *Bench) fill(ctx context.Context, fresh *sim.Card, c Content) (keyNames, error) {
	if c.Name == Empty {
		return keyNames{}, nil
	}
	file := c.Name + ".yaml"
	text, err := layouts.Files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	doc, err := yaml.Read(file, text, nil)
	if err != nil {
		return nil, err
	}
	rows, err := layouts.Rows(c.Name)
	if err != nil {
		return nil, err
	}
	layout, err := doc.Layout(rows[0])
	if err != nil {
		return nil, err
	}
	card, err := desfire.Connect(ctx, fresh.Present(), &desfire.Config{Rand: b.rand})
	if err != nil {
		return nil, err
	}
	defer card.Close()
	keys := doc.Keys(b.masters.of(c.des), nil)
	plan, err := perso.Apply(ctx, card, layout, &perso.Config{Have: keys.Have(), Want: keys.Want(), Journal: forgetful{}})
	if err != nil {
		return nil, err
	}
	if left := slices.Concat(plan.Impossible, plan.Held); len(left) > 0 {
		return nil, fmt.Errorf("%v", left[0])
	}
	if p := c.Purse; p != nil {
		d := p.Discovery(true)
		d.Keys, d.Journal = keys.Want(), purse.Memory(b.rand)
		till, err := d.Open(ctx, card)
		if err != nil {
			return nil, err
		}
		if _, err := till.Credit(ctx, card, purse.Request{Amount: p.Value}); err != nil {
			return nil, err
		}
	}
	return namesOf(layout), nil
}

// forgetful is a journal for cards that nobody can pull away while they are made.
type forgetful struct{}

func (forgetful) Record(context.Context, rekey.Entry) error { return nil }
