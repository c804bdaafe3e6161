package selftest

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
)

// Config adjusts a run. The zero value, and nil, change nothing on the card.
type Config struct {
	// WipeCard is the UID of the card that may be wiped. Another card is
	// refused with a *WrongCardError before anything is changed.
	WipeCard []byte

	// Lasting also does what a format does not undo: the keys for delegated
	// applications (10 to 12) and the proximity check (20, 21) of an EV2 or
	// EV3 stay set, to zeros. It needs WipeCard.
	Lasting bool

	// Only names the steps to do: IDs or patterns as in "value.*", several
	// with commas between them. Empty means all.
	Only string

	// MaskUID leaves the UID out of the report.
	MaskUID bool

	// OnStep is told each step when it has ended.
	OnStep func(Step)

	// Observe is told each command, as Config.Observe of a card is.
	Observe func(*desfire.Exchange)

	// ExchangeTimeout bounds one exchange, as that of a card's Config does.
	ExchangeTimeout time.Duration

	// StepTimeout bounds one step with its preparation; 0 means 2 minutes.
	StepTimeout time.Duration

	// Rand is where the reader's randoms come from; nil means crypto/rand.
	Rand io.Reader

	// Now is the clock of the report, time.Now if nil.
	Now func() time.Time
}

const defaultStepTimeout = 2 * time.Minute

// WrongCardError means that the card is not the one that may be wiped. Nothing
// was changed.
type WrongCardError struct {
	Want, Have []byte
}

func (e *WrongCardError) Error() string {
	if e.Have == nil {
		return fmt.Sprintf("selftest: the card does not tell its UID, so it cannot be the one that may be wiped, %X; nothing was changed", e.Want)
	}
	return fmt.Sprintf("selftest: this is card %X, not %X, which may be wiped; nothing was changed", e.Have, e.Want)
}

// NotDeliveredError means that a card cannot be wiped and left as it was,
// because keys or settings are not those of delivery. Nothing was changed.
type NotDeliveredError struct {
	Reason string
}

func (e *NotDeliveredError) Error() string {
	return "selftest: the card cannot be tested whole: " + e.Reason + "; nothing was changed"
}

// selected reports whether the pattern list names the step.
func selected(only, id string) bool {
	if only == "" {
		return true
	}
	for p := range strings.SplitSeq(only, ",") {
		p = strings.TrimSpace(p)
		if ok, err := path.Match(p, id); ok && err == nil || strings.HasPrefix(id, p+".") {
			return true
		}
	}
	return false
}

// checkPatterns finds patterns that are none, or that name no step.
func checkPatterns(only string, steps []step) error {
	if only == "" {
		return nil
	}
next:
	for p := range strings.SplitSeq(only, ",") {
		p = strings.TrimSpace(p)
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("selftest: pattern %q: %w", p, err)
		}
		for _, s := range steps {
			if selected(p, s.id) {
				continue next
			}
		}
		return fmt.Errorf("selftest: no step is named %q for this card", p)
	}
	return nil
}
