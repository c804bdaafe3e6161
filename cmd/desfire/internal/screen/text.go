// Package screen prints for people: text that is safe on a terminal, in colors
// where they are wanted, folded to its width.
//
// What comes from a card, a log or a file is a string; what may go to a terminal
// as it is, is a Text. The functions here make the one from the other, so that a
// byte of a card that a terminal would obey cannot get there by an oversight: the
// two do not mix without a conversion.
package screen

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/go-desfire/desfire/internal/visible"
)

// Text may go to a terminal as it is.
type Text string

// Sprintf is fmt.Sprintf, with every argument that is no Text made visible.
// Errors and what has a String method are taken by their text. The format itself
// is trusted.
func Sprintf(format string, args ...any) Text { return Text(fmt.Sprintf(format, safe(args)...)) }

// Fprintf is fmt.Fprintf as Sprintf prints.
func Fprintf(w io.Writer, format string, args ...any) error {
	_, err := io.WriteString(w, string(Sprintf(format, args...)))
	return err
}

// Lines is text of several lines, such as a dump, made visible line by line.
func Lines(s string) Text { return Text(visible.Lines(s)) }

// Visible is s in one line.
func Visible(s string) Text { return Text(visible.Text(s)) }

func safe(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case Text:
			out[i] = string(v)
		case string:
			out[i] = visible.Text(v)
		case error:
			out[i] = visible.Text(v.Error())
		case fmt.Formatter:
			out[i] = a
		case fmt.Stringer:
			out[i] = stringer{v, a}
		default:
			if v := reflect.ValueOf(a); v.Kind() == reflect.String {
				out[i] = visible.Text(v.String())
			} else {
				out[i] = a
			}
		}
	}
	return out
}

// stringer prints the text of a value made visible for verbs that want its
// text, and the value itself for those that want its bytes or number.
type stringer struct {
	fmt.Stringer
	value any
}

// Format implements fmt.Formatter.
func (s stringer) Format(f fmt.State, verb rune) {
	switch verb {
	case 's', 'v':
		fmt.Fprintf(f, strings.ReplaceAll(strings.ReplaceAll(fmt.FormatString(f, verb), "+", ""), "#", ""), visible.Text(s.String()))
	default:
		fmt.Fprintf(f, fmt.FormatString(f, verb), s.value)
	}
}

// Join joins texts.
func Join(parts []Text, sep Text) Text {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString(string(sep))
		}
		b.WriteString(string(p))
	}
	return Text(b.String())
}

// Width is how many columns the widest line of a text takes.
func Width[T ~string](s T) int { return lipgloss.Width(string(s)) }

// Pad is what brings text to a width, at least nothing.
func Pad[T ~string](text T, width int) Text {
	return Text(strings.Repeat(" ", max(width-Width(text), 0)))
}
