package mobile

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// target is a file of an application.
type target struct {
	place wire.Place
	file  wire.FileNo
}

// parseTarget reads PLACE/FILE, as "F48121/1".
func parseTarget(s string) (t target, err error) {
	place, file, ok := strings.Cut(s, "/")
	if !ok {
		return t, usage("the file %q: want APPLICATION/FILE, as F48121/1", keystore.Hide(s))
	}
	if t.place, err = parsePlace(place); err != nil {
		return t, err
	}
	if t.place.IsCard() {
		return t, usage("%q is the card itself, which has no files: want an application", place)
	}
	n, err := strconv.ParseUint(file, 10, 8)
	if err != nil || n > 31 {
		return t, usage("the file %q of %v: want a number, 0 to 31", keystore.Hide(file), t.place)
	}
	t.file = wire.FileNo(n)
	return t, nil
}

func parsePlace(s string) (wire.Place, error) {
	p, err := wire.ParsePlace(s)
	if err != nil {
		return p, usage("the application %q: want an AID of six hexadecimal digits, card, app, or df: and a DF name", keystore.Hide(s))
	}
	return p, nil
}

// most is the largest offset or length that a command carries.
const most = 1<<24 - 1

// count reads a number that an app gave.
func count(what string, n int) (uint32, error) {
	if n < 0 || n > most {
		return 0, usage("%s is %d: want 0 to %d", what, n, most)
	}
	return uint32(n), nil
}

// inRange reads what is taken or added.
func inRange(n int) (int32, error) {
	if n < 1 || n > math.MaxInt32 {
		return 0, usage("the amount is %d: want 1 to %d", n, math.MaxInt32)
	}
	return int32(n), nil
}
