package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/go-desfire/desfire"
)

// card says which card lies on a reader.
func (x *exam) card(reader string, open func(context.Context) (desfire.Transport, error)) {
	x.now("the card on " + reader)
	what, err := ask(x, talking, func(ctx context.Context) (string, error) {
		t, err := open(ctx)
		if err != nil {
			return "", err
		}
		defer closeTransport(t)
		card, err := desfire.Connect(ctx, t, nil)
		if err != nil {
			return "", err
		}
		defer card.Close()
		product := card.Generation().String()
		if v := card.KnownVersion(); v != nil {
			product = v.Product()
		}
		uid := fmt.Sprintf("UID %X", card.UID())
		if len(card.UID()) == 0 {
			uid = "a random UID"
		}
		return fmt.Sprintf("%s, %s, %s frames", product, uid, card.Framing()), nil
	})
	var foreign *desfire.NotDESFireError
	switch {
	case err == nil:
		x.find("card", reader, what, x.tool("info"))
	case errors.As(err, &foreign):
		x.find("card-foreign", reader, "", "")
	case inUse(err):
		x.find("card-held", reader, x.heldBy("a program has the card for itself"), x.release())
	case removed(err):
		x.find("card-left", reader, "", "")
	case errors.Is(err, errSlow):
		x.find("card-fails", reader, "the card did not answer in time", "")
	default:
		x.find("card-fails", reader, "the card could not be read: "+err.Error(), nextOf(err))
	}
}

func inUse(err error) bool {
	var e interface{ InUse() bool }
	return errors.As(err, &e) && e.InUse()
}

func removed(err error) bool {
	var e interface{ Removed() bool }
	return errors.As(err, &e) && e.Removed()
}

func closeTransport(t desfire.Transport) {
	if c, ok := desfire.Ability[io.Closer](t); ok {
		_ = c.Close()
	}
}

// tool is a line of the tool for the place that is examined.
func (x *exam) tool(verb string) string {
	line := "desfire " + verb
	if p := x.config.Place; p != "" && p != "pcsc" {
		if !plainPlace.MatchString(p) {
			p = quotedPath(p)
		}
		line += " --reader " + p
	}
	return line
}

var plainPlace = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)
