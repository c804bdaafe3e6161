package selftest

import (
	"fmt"
	"io"
	"strings"
)

// String is one line: result, ID, and why, or what was done.
func (s Step) String() string {
	text := s.Title
	if s.Result != Pass {
		text = s.Reason
	}
	return fmt.Sprintf("%s  %-34s  %s", strings.ToUpper(string(s.Result)), s.ID, text)
}

// String is one line: what was asked and seen.
func (f Fact) String() string { return fmt.Sprintf("%s: %s: %s", f.ID, f.What, f.Saw) }

// WriteSummary writes what a person wants to know at the end: the card, what it
// did where documents are silent, which steps failed, and how the card was
// left.
func (r *Report) WriteSummary(w io.Writer) error {
	var b strings.Builder
	c := r.Card
	fmt.Fprintf(&b, "%s, hardware %X, software %X, UID %s, %s frames\n", c.Product, []byte(c.Hardware), []byte(c.Software), c.UID, c.Framing)
	if !c.Known {
		fmt.Fprintf(&b, "This generation is not known: tested as %v.\n", c.Generation)
	}
	if len(r.Facts) > 0 {
		b.WriteString("\nObserved, where no public document says what cards do:\n")
		for _, f := range r.Facts {
			fmt.Fprintf(&b, "  %v\n", f)
		}
	}
	if r.Count(Fail) > 0 {
		b.WriteString("\nFailed:\n")
		for _, s := range r.Steps {
			if s.Result == Fail {
				fmt.Fprintf(&b, "  %s (%s): %s\n", s.ID, s.Title, s.Reason)
			}
		}
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d skipped\n", r.Count(Pass), r.Count(Fail), r.Count(Skip))
	if r.Interrupted != "" {
		fmt.Fprintf(&b, "The run ended early: %s.\n", r.Interrupted)
	}
	fmt.Fprintf(&b, "The card was left %s.\n", r.Left)
	_, err := io.WriteString(w, b.String())
	return err
}
