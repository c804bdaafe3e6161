package markup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/trace"
)

// Summary is what is to be said of a recording as a whole.
type Summary struct {
	About   string // how much of what
	Verdict string
	Class   string // good, bad, doubt or empty
	Means   string // the verdict in a sentence
	Counts  []Count
	Ticks   []Tick
	Label   string           // of the ticks, for who does not see them
	Reasons []Reason         // why something is wrong or could not be checked
	More    int              // reasons that are left out
	Keys    []dissect.KeyUse // those that explain something first
	Useless int              // keys that are left out: they explain nothing
	Skipped []trace.Skipped  // lines that may be traffic and were not taken
	Omitted int              // of them, those that are left out here
	Cut     []Reason         // what the recorder cut

	// Open is the address that shows an exchange, to which its number is added;
	// empty: all are on the page.
	Open string
}

// Count is how many checks were right.
type Count struct {
	Name       string
	Right, All int
}

// Tick is one message, or several if there are many: of the worst of them.
type Tick struct {
	Class string // "g": right, "x": wrong, "q": not checked, empty: in clear
}

// Reason is one thing that was found, and where.
type Reason struct {
	Exchange int // -1: nowhere
	Text     string
}

const (
	mostTicks   = 240
	mostReasons = 40
	mostUseless = 6
	mostSkipped = 100
)

// Summarize says what is to be said of a recording as a whole.
func Summarize(rec *trace.Recording, r *dissect.Result) *Summary {
	s := &Summary{About: aboutRecording(rec, r)}
	useless := 0
	for _, k := range r.Keys {
		switch {
		case len(k.Explains) > 0:
			s.Keys = slices.Insert(s.Keys, len(s.Keys)-useless, k)
		case useless < mostUseless:
			s.Keys, useless = append(s.Keys, k), useless+1
		default:
			s.Useless++
		}
	}
	s.verdict(r)
	c := r.Checks
	for _, n := range [...]Count{
		{"Authentications", c.Authentications.Right, c.Authentications.All},
		{"MACs right", c.MACs.Right, c.MACs.All}, {"CRCs right", c.CRCs.Right, c.CRCs.All},
	} {
		if n.All > 0 {
			s.Counts = append(s.Counts, n)
		}
	}
	if n := r.Diagnosed.Refusals; n > 0 {
		s.Counts = append(s.Counts, Count{"Refused or not answered", n, n})
	}
	s.ticks(r)
	for _, f := range r.Verified.Failures {
		if f.Check == trace.CheckProtection && s.Class == "" {
			continue // the verdict says so
		}
		s.Reasons = append(s.Reasons, Reason{f.Exchange, f.What})
	}
	if n := len(s.Reasons) - mostReasons; n > 0 {
		s.Reasons, s.More = s.Reasons[:mostReasons], n
	}
	for _, f := range r.Verified.Cut {
		if len(s.Cut) < mostReasons {
			s.Cut = append(s.Cut, Reason{f.Exchange, f.What})
		}
	}
	if s.Skipped = r.Verified.Skipped; len(s.Skipped) > mostSkipped {
		s.Skipped, s.Omitted = s.Skipped[:mostSkipped], len(s.Skipped)-mostSkipped
	}
	return s
}

func aboutRecording(rec *trace.Recording, r *dissect.Result) string {
	words := plural(len(rec.Exchanges), "exchange")
	var cards []string
	for _, c := range r.Cards {
		card := c.Product
		if len(c.UID) > 0 {
			card = strings.TrimSpace(card + fmt.Sprintf(" %X", c.UID))
		}
		cards = append(cards, card)
	}
	if len(cards) > 0 {
		words += " with " + strings.Join(cards, " and ")
	}
	return words + ". Format found: " + rec.Format.String() + "."
}

func (s *Summary) verdict(r *dissect.Result) {
	v := r.Verified
	checks := v.Authentications + v.MACs + v.CRCs
	switch {
	case v.Verdict == trace.Verified:
		s.Verdict, s.Class, s.Means = "right", "good", "Everything that is protected was checked and is right."
	case v.Verdict == trace.Failed && v.Mistakes():
		s.Verdict, s.Class, s.Means = "refused", "doubt", "The reader made mistakes, and the card refused them. What it did carry out was checked and is right."
	case v.Verdict == trace.Failed:
		s.Verdict, s.Class, s.Means = "failed", "bad", "A check failed under keys that fit."
	case checks > 0:
		s.Verdict, s.Class, s.Means = "in part", "doubt", "Something could not be checked; what could is right."
	case plainOnly(r):
		s.Verdict, s.Class, s.Means = "in clear", "", "Nothing in it is protected, so that there is nothing to check. Anybody on the air can have written it."
	default:
		s.Verdict, s.Class, s.Means = "not checked", "doubt", "Something in it is protected, but no key that is known fits. Give the key below."
	}
}

// plainOnly reports whether nothing in a recording is protected.
func plainOnly(r *dissect.Result) bool {
	for _, m := range r.Messages {
		if m.Protection != dissect.Clear {
			return false
		}
	}
	return true
}

func (s *Summary) ticks(r *dissect.Result) {
	n := len(r.Messages)
	per := (n + mostTicks - 1) / mostTicks
	right, wrong, open, clear := 0, 0, 0, 0
	where := ""
	for i := 0; i < n; i += per {
		worst := ""
		for _, m := range r.Messages[i:min(i+per, n)] {
			class := tickOf(m)
			switch class {
			case "x":
				if wrong++; where == "" {
					where = fmt.Sprintf(", the first at exchange %d", m.No)
				}
			case "q":
				open++
			case "g":
				right++
			default:
				clear++
			}
			if rank(class) > rank(worst) {
				worst = class
			}
		}
		s.Ticks = append(s.Ticks, Tick{worst})
	}
	s.Label = fmt.Sprintf("Commands in order: %d right, %d wrong or refused%s, %d not checked, %d in clear", right, wrong, where, open, clear)
}

func rank(class string) int { return strings.Index("-gqx", class) }

func tickOf(m *dissect.Message) string {
	switch outcome, checked, _ := m.Verdict(); {
	case outcome == dissect.Refused:
		return "x"
	case outcome == dissect.Proved:
		return "g"
	case checked:
		return "q"
	}
	return ""
}

// Row is one line of a list of messages.
type Row struct {
	*dissect.Message
	Tag     Tag
	Bracket string // classes of the line that shows a session
}

// RowOf makes the line of a message.
func RowOf(m *dissect.Message) Row {
	r := Row{Message: m, Tag: tagOf(m)}
	if m.Session.No > 0 {
		r.Bracket = "on"
		if m.Session.First {
			r.Bracket += " first"
		}
		switch {
		case m.Session.Cut:
			r.Bracket += " cut"
		case m.Session.Last:
			r.Bracket += " last"
		}
	}
	return r
}

// Short is the verdict as a list has room for it.
func (r Row) Short() string {
	outcome, checked, words := r.Verdict()
	switch {
	case outcome == dissect.Refused && !r.Good && r.Answered:
		return r.Status.String()
	case outcome == dissect.Refused && !r.Answered && r.Foreign == "":
		return "no answer"
	case outcome == dissect.Refused:
		for _, v := range r.Verdicts {
			if v.Outcome == dissect.Refused && v.Check != "" {
				return string(v.Check) + " wrong"
			}
		}
		return "wrong"
	case outcome == dissect.Proved:
		if rest, ok := strings.CutPrefix(words, "both "); ok {
			words = strings.TrimSuffix(rest, "s right")
		}
		return strings.ReplaceAll(strings.TrimSuffix(words, " right"), " and ", ", ")
	case !checked && !r.Good && r.Answered && r.Foreign == "":
		return r.Status.String()
	}
	return words
}
