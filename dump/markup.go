package dump

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// node is an element of an XML file, with the text that is directly in it.
type node struct {
	name     string
	attrs    map[string]string
	text     string
	children []*node
	line     int
	unended  bool // the file ends within it
}

// Limits that no file of a card goes beyond.
const (
	maxDepth = 16
	maxNodes = 1 << 18
)

// parseMarkup reads an XML file. One that ends too early is read as far as it
// goes; cut is the line in which that is, else 0.
func parseMarkup(data []byte) (root *node, cut int, err error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	var open []*node
	nodes := 0
	fault := func(line int, reason string) (*node, int, error) {
		return nil, 0, &FormatError{FormatFarebot, line, reason, nil}
	}
	for {
		line, _ := dec.InputPos()
		t, err := dec.Token()
		var syntax *xml.SyntaxError
		switch {
		case errors.Is(err, io.EOF) && root != nil && len(open) == 0:
			return root, 0, nil
		case root == nil && err != nil:
			return nil, 0, &FormatError{"", line, "it is no XML file of a card", nil}
		case errors.Is(err, io.EOF), errors.As(err, &syntax) && cutShort(syntax) && dec.InputOffset() >= int64(len(data)):
			for _, n := range open {
				n.unended = true
			}
			return root, 1 + bytes.Count(bytes.TrimRight(data, "\r\n"), []byte("\n")), nil
		case err != nil:
			return fault(line, "it is no XML that makes sense")
		}
		switch t := t.(type) {
		case xml.StartElement:
			nodes++
			switch {
			case len(open) == maxDepth || nodes > maxNodes:
				return fault(line, "there is more in it than in any card")
			case root == nil && t.Name.Local != "card" && t.Name.Local != "cards":
				return nil, 0, &FormatError{"", line, fmt.Sprintf("it begins with <%.40s>, and a file of FareBot with <card> or <cards>", t.Name.Local), nil}
			case root != nil && len(open) == 0:
				return fault(line, "there is something behind the end")
			}
			n := &node{name: t.Name.Local, attrs: map[string]string{}, line: line}
			for _, a := range t.Attr {
				n.attrs[a.Name.Local] = a.Value
			}
			if len(open) == 0 {
				root = n
			} else {
				in := open[len(open)-1]
				in.children = append(in.children, n)
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		}
	}
}

// cutShort reports whether an error is one of a file that ends too early.
func cutShort(err *xml.SyntaxError) bool {
	return strings.Contains(err.Msg, "EOF") || strings.Contains(err.Msg, "no semicolon")
}

func (n *node) fault(format string, args ...any) error {
	return &FormatError{FormatFarebot, n.line, fmt.Sprintf(format, args...), nil}
}

// child is the first element of a name, nil if there is none.
func (n *node) child(name string) *node {
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return n.children[i]
}

// all are the elements of a name.
func (n *node) all(name string) (list []*node) {
	for _, c := range n.children {
		if c.name == name {
			list = append(list, c)
		}
	}
	return list
}

// number is an element that is a decimal number.
func (n *node) number(name string, least, most int64) (int64, error) {
	e := n.child(name)
	if e == nil {
		return 0, n.fault("<%s> is missing in <%s>", name, n.name)
	}
	v, err := strconv.ParseInt(strings.TrimSpace(e.text), 10, 64)
	if err != nil || v < least || v > most {
		return 0, e.fault("<%s>: want a number, %d to %d", name, least, most)
	}
	return v, nil
}

// bytes is an element that is so many bytes in hexadecimal.
func (n *node) bytes(name string, size int) ([]byte, error) {
	e := n.child(name)
	if e == nil {
		return nil, n.fault("<%s> is missing in <%s>", name, n.name)
	}
	b, err := hex.DecodeString(strings.TrimSpace(e.text))
	if err != nil || len(b) != size {
		return nil, e.fault("<%s>: want %d bytes in hexadecimal", name, size)
	}
	return b, nil
}
