package fleet

import (
	"cmp"
	"fmt"
	"time"
)

// Words say how an agent is.
func (a *Agent) Words() string {
	switch {
	case a.Revoked:
		return "revoked: it is not let in any more"
	case a.State == Never:
		return "let in, never heard"
	case a.State == Away:
		return "offline"
	case a.State == Late:
		return "silent for a moment"
	case a.Problem != "":
		return "online: " + a.Problem
	case a.Draining:
		return "being drained: it ends what it does, and takes nothing new"
	case a.State == Here:
		return "online"
	}
	return string(a.State)
}

// Words say what lies on a reader and who has it, as its agent said last.
func (r *Reader) Words() string {
	switch {
	case r.Problem != "":
		return r.Problem
	case r.Ignored != "":
		return "takes no part: " + r.Ignored
	case r.Card == nil:
		return "no card"
	}
	w := cmp.Or(r.Card.Product, "a card")
	if r.Card.UID != "" {
		w += " " + r.Card.UID
	}
	switch {
	case r.Card.Ignored != "":
		w += ", takes no part: " + r.Card.Ignored
	case r.Lease != nil:
		w += ", in use" + by(r.Lease.Holder)
	}
	return w
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// Ago says how long ago something was.
func Ago(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case then.IsZero():
		return "never"
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Words say what the counts are.
func (c Counts) Words() string {
	w := fmt.Sprintf("%s of %s online, %s, %s", number(c.Here), plural(c.Agents, "agent"), plural(c.Readers, "reader"), plural(c.Cards, "card"))
	if c.Leased > 0 {
		w += ", " + number(c.Leased) + " in use"
	}
	return w
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return number(n) + " " + what
}

func number(n int) string { return fmt.Sprint(n) }

// SkewWords say how far an agent's clock is off.
func (a *Agent) SkewWords() string {
	d := time.Duration(a.Skew * float64(time.Second)).Abs().Round(100 * time.Millisecond)
	switch {
	case d < time.Second:
		return "agrees with that of the centre"
	case a.Skew < 0:
		return fmt.Sprintf("%v behind that of the centre", d)
	}
	return fmt.Sprintf("%v ahead of that of the centre", d)
}

// Words say what a file was moved by.
func (s Sum) Words() string {
	w := fmt.Sprintf("%s/%d %+d", s.Application, s.File, s.Happened)
	if s.InDoubt != 0 {
		w += fmt.Sprintf(" and %+d in doubt", s.InDoubt)
	}
	return w
}

// Words say what the whole ledger is.
func (t *Totals) Words() string {
	w := fmt.Sprintf("%s on %s, %d open", plural(t.Lines, "change"), plural(t.Cards, "card"), t.Open)
	for i, s := range t.Sums {
		sep := ", "
		if i == 0 {
			sep = "; "
		}
		w += sep + s.Words()
	}
	return w
}
