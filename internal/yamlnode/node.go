package yamlnode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
)

// Node is a value of a file with its text as it stands there.
type Node struct {
	Position
	Kind    Kind
	Text    string // of a scalar
	Quoted  bool
	Null    bool
	Members []Member
	Items   []*Node
}

// Kind is what a Node is.
type Kind uint8

// Kinds.
const (
	Scalar Kind = iota
	Mapping
	Sequence
)

// Member is a name and what stands behind its colon.
type Member struct{ Name, Value *Node }

// Position is a place in a file, from 1; 0 is the whole file.
type Position struct{ Line, Column int }

// Fault says what is wrong in a file, and where. It never shows a key.
type Fault struct {
	Position
	Reason string
}

func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Reason
	}
	return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Reason)
}

// Fault makes a Fault.
func (p Position) Fault(format string, args ...any) *Fault {
	return &Fault{p, fmt.Sprintf(format, args...)}
}

func (n *Node) String() string { return [...]string{"text", "members", "a list"}[n.Kind] }

// Empty reports whether nothing stands there.
func (n *Node) Empty() bool { return n.Null }

// WantMembers is an error if n is not a mapping.
func (n *Node) WantMembers(want string) error {
	if n.Kind != Mapping {
		return n.Fault("want %s, not %v", want, n.Describe())
	}
	return nil
}

// Describe says what stands there, for errors.
func (n *Node) Describe() string {
	switch {
	case n.Empty():
		return "nothing"
	case n.Kind == Scalar:
		return "the text " + Shown(n.Text)
	}
	return n.String()
}

// WantText is the text of a scalar.
func (n *Node) WantText(want string) (string, error) {
	if n.Kind != Scalar || n.Empty() {
		return "", n.Fault("want %s, not %s", want, n.Describe())
	}
	return n.Text, nil
}

// Bool reads true or false; what says what it is of.
func (n *Node) Bool(what string) (bool, error) {
	if n.Kind != Scalar || n.Quoted || n.Text != "true" && n.Text != "false" {
		return false, n.Fault("%s is %s: want true or false", what, n.Describe())
	}
	return n.Text == "true", nil
}

// Byte reads the version of a key.
func (n *Node) Byte() (byte, error) {
	digits, base := n.Text, 10
	if rest, ok := strings.CutPrefix(n.Text, "0x"); ok {
		digits, base = rest, 16
	}
	v, err := strconv.ParseUint(digits, base, 8)
	if n.Kind != Scalar || n.Quoted || err != nil || base == 10 && len(digits) > 1 && digits[0] == '0' {
		return 0, n.Fault("version is %s: want a number, 0 to 255, or 0x00 to 0xFF", n.Describe())
	}
	return byte(v), nil
}

// Fields takes the members of a mapping by name. Those that are not named are a
// fault, so are those that stand twice; the others are in the map all the same.
func (n *Node) Fields(what string, names ...string) (map[string]*Node, []*Fault) {
	found := map[string]*Node{}
	first := map[string]Position{}
	var faults []*Fault
	for _, m := range n.Members {
		known := false
		for _, name := range names {
			known = known || name == m.Name.Text
		}
		if !known {
			want := "want " + Either(names)
			if near := Nearest(m.Name.Text, names); near != "" {
				want = fmt.Sprintf("did you mean %s? %s", near, want)
			}
			faults = append(faults, m.Name.Fault("%s has no member %s: %s", what, Shown(m.Name.Text), want))
			continue
		}
		if p, twice := first[m.Name.Text]; twice {
			faults = append(faults, m.Name.Fault("%s stands here a second time, after line %d", m.Name.Text, p.Line))
			continue
		}
		found[m.Name.Text], first[m.Name.Text] = m.Value, m.Name.Position
	}
	return found, faults
}

// Either is "a", "a or b", "a, b or c".
func Either(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return fmt.Sprintf("%s or %s", strings.Join(names[:last], ", "), names[last])
}

// Nearest is the name that differs from a word least, and little; empty if none.
func Nearest(word string, names []string) string {
	if len(word) > 40 {
		return ""
	}
	best, least := "", min(2, len(word)/2)
	for _, name := range names {
		if d := distance(strings.ToLower(word), name); d <= least && (best == "" || d < least) {
			best, least = name, d
		}
	}
	return best
}

// distance is how many letters are to be changed, added, left out or swapped.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := 1; j <= len(b); j++ {
			if i == 0 {
				rows[i][j] = j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// Shown quotes text from a file, unless it is long or may hold a key or a part of
// one.
func Shown(text string) string {
	if keytext.HexRun(text) >= 8 || len(text) > 40 {
		return "(not shown)"
	}
	return strconv.Quote(text)
}

// Plain is a node as a schema sees it: names of members as they stand there, and
// values of the types of JSON.
func (n *Node) Plain() any {
	switch n.Kind {
	case Mapping:
		m := map[string]any{}
		for _, x := range n.Members {
			m[x.Name.Text] = x.Value.Plain()
		}
		return m
	case Sequence:
		list := []any{}
		for _, x := range n.Items {
			list = append(list, x.Plain())
		}
		return list
	}
	switch {
	case n.Null:
		return nil
	case n.Quoted:
	case n.Text == "true" || n.Text == "false":
		return n.Text == "true"
	default:
		if i, err := strconv.ParseInt(n.Text, 0, 64); err == nil && !strings.Contains(n.Text, "_") {
			return float64(i)
		}
	}
	return n.Text
}
