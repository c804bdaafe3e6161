package evidence

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/trace"
)

// production is what simulated cards say of batch, week and year unless they are
// told otherwise.
var production = []byte{0xBA, 0x45, 0x51, 0xB2, 0x80, 0x52, 0x24}

// Simulated says what shows that a recording is of the simulated card, empty if
// nothing does. Recordings of it prove nothing, since reader and card are ours.
func Simulated(rec *trace.Recording) string {
	if why := simulatedReader(rec.Card.Reader); why != "" {
		return why
	}
	for _, s := range []string{rec.Source, rec.Card.Note, rec.Card.Generation} {
		if strings.Contains(strings.ToLower(s), "simulated") {
			return fmt.Sprintf("it says so: %q", s)
		}
	}
	var took []int64
	for i := range rec.Exchanges {
		e := &rec.Exchanges[i]
		if bytes.Contains(e.Response, production) {
			return fmt.Sprintf("exchange %d has the production data of simulated cards", i)
		}
		if len(e.Response) > 0 && (e.Took > 0 || e.At > 0) {
			took = append(took, e.Took)
		}
	}
	if digits, err := hex.DecodeString(strings.ReplaceAll(rec.Card.GetVersion, " ", "")); err == nil && bytes.Contains(digits, production) {
		return "its card has the production data of simulated cards"
	}
	return tooFast(took)
}

// simulatedReader looks at the name of a reader.
func simulatedReader(name string) string {
	n := strings.ToLower(name)
	for _, mark := range []string{"simulated", "sim:", "virtual pcd"} {
		if strings.Contains(n, mark) {
			return fmt.Sprintf("its reader is %q", name)
		}
	}
	return ""
}

// leastTook is microseconds in which no card answers over the air: at 848 kbit/s
// a frame of a few bytes alone takes longer, both ways.
const leastTook = 150

// tooFast looks at how long the answers took.
func tooFast(took []int64) string {
	if len(took) < 3 {
		return ""
	}
	took = slices.Sorted(slices.Values(took))
	if m := took[len(took)/2]; m < leastTook {
		return fmt.Sprintf("its answers took %d microseconds, in which no card answers", m)
	}
	return ""
}
