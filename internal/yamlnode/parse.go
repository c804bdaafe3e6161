// Package yamlnode reads YAML as text with positions, for files that programs
// act on: keyrings and layouts. Of YAML's types it keeps text, members and lists.
// What is written once and stands for more (anchors, tags) is refused, and so are
// depth and a second document.
package yamlnode

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file.
const (
	MaxFile  = 1 << 20
	maxDepth = 16
)

// Words are what errors say of a kind of file.
type Words struct {
	Empty string // what is wanted of an empty one
	Deep  string // what levels there are
	At    string // of text that begins with @ and is not quoted
}

// Parse reads a text. Errors are a *Fault.
func Parse(text []byte, w Words) (root *Node, err error) {
	// The parser is somebody else's: that it gives up on some text must not end
	// the program, nor print what stands there.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, Position{}.Fault("the YAML in it cannot be read")
		}
	}()
	p := parsing{w}
	tokens := lexer.Tokenize(string(text))
	if err := p.check(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return nil, positionOf(doc.Body).Fault("a second document begins here: want one")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return nil, Position{}.Fault("the file is empty: want %s", w.Empty)
	}
	return p.convert(body, 0)
}

type parsing struct{ words Words }

// check refuses what such files have no use for before the parser sees it: what is
// written once and stands for more, and depth.
func (p *parsing) check(tokens token.Tokens) error {
	depth, entries := 0, 0
	var levels levels
	for i, t := range tokens {
		at := at(t)
		entries++
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return at.Fault("anchors and aliases (& * <<) are not taken: write it out, and text that begins so in quotes")
		case token.TagType:
			return at.Fault("tags (!) are not taken: write text that begins so in quotes")
		case token.DirectiveType:
			return at.Fault("directives (%%) are not taken")
		case token.MappingKeyType:
			return at.Fault("? is not taken: write NAME: VALUE")
		case token.InvalidType:
			if strings.HasPrefix(strings.TrimSpace(t.Value), "@") || strings.HasPrefix(strings.TrimSpace(t.Origin), "@") {
				return at.Fault("%s", p.words.At)
			}
			return at.Fault("%s", message(t.Error))
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			if i > 0 && tokens[i-1].Type != token.SequenceEntryType {
				entries = 0
			}
		}
		if depth == 0 && !levels.take(t) {
			return at.Fault("too many members at one level: a file has some thousands at most")
		}
		if depth > maxDepth || t.Type == token.SequenceEntryType && entries > maxDepth || t.Position.IndentNum > 1<<10 {
			return p.deep(at)
		}
	}
	return nil
}

// levels count the members of block mappings. The parser takes time by the square of
// how many one has.
type levels struct {
	open []level
	cost int
}

type level struct{ column, members int }

// maxCost is that of a mapping of some ten thousand members, about a second.
const maxCost = 60e6

// take counts a token; false if there are too many.
func (l *levels) take(t *token.Token) bool {
	switch t.Type {
	case token.SequenceEntryType: // another item: its mappings are others
		for n := len(l.open); n > 0 && l.open[n-1].column > t.Position.Column; n-- {
			l.open = l.open[:n-1]
		}
	case token.MappingValueType:
		column := t.Position.Column
		if t.Prev != nil && t.Prev.Position != nil {
			column = t.Prev.Position.Column
		}
		for n := len(l.open); n > 0 && l.open[n-1].column > column; n-- {
			l.open = l.open[:n-1]
		}
		n := len(l.open)
		if n == 0 || l.open[n-1].column < column {
			l.open, n = append(l.open, level{column: column}), n+1
		}
		l.open[n-1].members++
		l.cost += l.open[n-1].members
	}
	return l.cost <= maxCost
}

func (p *parsing) deep(at Position) error { return at.Fault("too deep: %s", p.words.Deep) }

func at(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{}
	}
	return Position{t.Position.Line, t.Position.Column}
}

func positionOf(n ast.Node) Position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return at(m.Values[0].Key.GetToken())
	}
	return at(n.GetToken())
}

func syntaxFault(err error) error {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return Position{}.Fault("this is no YAML")
	}
	return at(ye.GetToken()).Fault("%s", message(ye.GetMessage()))
}

// message is what the parser says, if it quotes nothing.
func message(text string) string {
	if text == "" || strings.ContainsAny(text, "\"`\n") || len(text) > 100 {
		return "this is no YAML"
	}
	return "this is no YAML: " + text
}

func (p *parsing) convert(n ast.Node, depth int) (*Node, error) {
	if n == nil {
		return nil, Position{}.Fault("the YAML in it cannot be read")
	}
	c := &Node{Position: positionOf(n)}
	if depth > maxDepth {
		return nil, p.deep(c.Position)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		c.Kind = Mapping
		for _, v := range n.Values {
			if err := p.add(c, v, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		c.Kind, c.Position = Mapping, positionOf(n.Key)
		if err := p.add(c, n, depth); err != nil {
			return nil, err
		}
	case *ast.SequenceNode:
		c.Kind = Sequence
		for _, v := range n.Values {
			item, err := p.convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			c.Items = append(c.Items, item)
		}
	case *ast.LiteralNode:
		c.Text, c.Quoted = n.Value.Value, true
	case *ast.StringNode:
		c.Text = n.Value
		c.Quoted = n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
	case *ast.NullNode:
		c.Null = true
		if t := n.GetToken(); t.Type != token.ImplicitNullType {
			c.Text = t.Value
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		c.Text = n.GetToken().Value
	default:
		return nil, c.Fault("want text, members or a list here")
	}
	return c, nil
}

func (p *parsing) add(n *Node, v *ast.MappingValueNode, depth int) error {
	name, err := p.convert(v.Key, depth+1)
	if err != nil {
		return err
	}
	if name.Kind != Scalar {
		return name.Fault("want a name before the colon")
	}
	value, err := p.convert(v.Value, depth+1)
	if err != nil {
		return err
	}
	n.Members = append(n.Members, Member{name, value})
	return nil
}
