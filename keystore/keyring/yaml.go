package keyring

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file. A keyring has six levels.
const (
	maxFile  = 1 << 20
	maxDepth = 16
)

// node is a value of the file with its text as it stands there: of YAML's types
// only these three are kept.
type node struct {
	position
	kind    nodeKind
	text    string // of a scalar
	quoted  bool
	null    bool
	members []member
	items   []*node
}

type nodeKind uint8

const (
	scalar nodeKind = iota
	mapping
	sequence
)

func (n *node) String() string { return [...]string{"text", "members", "a list"}[n.kind] }

// empty reports whether nothing stands there.
func (n *node) empty() bool { return n.null }

type member struct{ name, value *node }

// parse reads YAML. Errors are *FileError.
func parse(text []byte) (root *node, err error) {
	// The parser is somebody else's: that it gives up on some text must not end
	// the program, nor print what stands there.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, position{}.fault("the YAML in it cannot be read")
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if err := check(tokens); err != nil {
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
			return nil, positionOf(doc.Body).fault("a second document begins here: want one")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return nil, position{}.fault("the file is empty: want desfire: keys/v1, and keys")
	}
	return convert(body, 0)
}

// check refuses what keyrings have no use for before the parser sees it: what is
// written once and stands for more, and depth.
func check(tokens token.Tokens) error {
	depth, entries := 0, 0
	for i, t := range tokens {
		at := at(t)
		entries++
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return at.fault("anchors and aliases (& * <<) are not taken: write it out, and text that begins so in quotes")
		case token.TagType:
			return at.fault("tags (!) are not taken: write text that begins so in quotes")
		case token.DirectiveType:
			return at.fault("directives (%%) are not taken")
		case token.MappingKeyType:
			return at.fault("? is not taken: write NAME: VALUE")
		case token.InvalidType:
			if strings.HasPrefix(strings.TrimSpace(t.Value), "@") || strings.HasPrefix(strings.TrimSpace(t.Origin), "@") {
				return at.fault(`text that begins with @ must be in quotes: "@FILE"`)
			}
			return at.fault("%s", message(t.Error))
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			if i > 0 && tokens[i-1].Type != token.SequenceEntryType {
				entries = 0
			}
		}
		if depth > maxDepth || t.Type == token.SequenceEntryType && entries > maxDepth || t.Position.IndentNum > 1<<10 {
			return at.fault("too deep: a keyring has places in keys, keys in places, and lists of keys")
		}
	}
	return nil
}

func at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

func positionOf(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return at(m.Values[0].Key.GetToken())
	}
	return at(n.GetToken())
}

func syntaxFault(err error) error {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return position{}.fault("this is no YAML")
	}
	return at(ye.GetToken()).fault("%s", message(ye.GetMessage()))
}

// message is what the parser says, if it quotes nothing.
func message(text string) string {
	if text == "" || strings.ContainsAny(text, "\"`\n") || len(text) > 100 {
		return "this is no YAML"
	}
	return "this is no YAML: " + text
}

func convert(n ast.Node, depth int) (*node, error) {
	if n == nil {
		return nil, position{}.fault("the YAML in it cannot be read")
	}
	c := &node{position: positionOf(n)}
	if depth > maxDepth {
		return nil, c.fault("too deep: a keyring has places in keys, keys in places, and lists of keys")
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		c.kind = mapping
		for _, v := range n.Values {
			if err := c.add(v, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		c.kind, c.position = mapping, positionOf(n.Key)
		if err := c.add(n, depth); err != nil {
			return nil, err
		}
	case *ast.SequenceNode:
		c.kind = sequence
		for _, v := range n.Values {
			item, err := convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			c.items = append(c.items, item)
		}
	case *ast.LiteralNode:
		c.text, c.quoted = n.Value.Value, true
	case *ast.StringNode:
		c.text = n.Value
		c.quoted = n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
	case *ast.NullNode:
		c.null = true
		if t := n.GetToken(); t.Type != token.ImplicitNullType {
			c.text = t.Value
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		c.text = n.GetToken().Value
	default:
		return nil, c.fault("want text, members or a list here")
	}
	return c, nil
}

func (n *node) add(v *ast.MappingValueNode, depth int) error {
	name, err := convert(v.Key, depth+1)
	if err != nil {
		return err
	}
	if name.kind != scalar {
		return name.fault("want a name before the colon")
	}
	value, err := convert(v.Value, depth+1)
	if err != nil {
		return err
	}
	n.members = append(n.members, member{name, value})
	return nil
}

// wantMembers is an error if n is not a mapping.
func (n *node) wantMembers(want string) error {
	if n.kind != mapping {
		return n.fault("want %s, not %v", want, n.describe())
	}
	return nil
}

func (n *node) describe() string {
	switch {
	case n.empty():
		return "nothing"
	case n.kind == scalar:
		return "the text " + shown(n.text)
	}
	return n.String()
}

// wantText is the text of a scalar.
func (n *node) wantText(want string) (string, error) {
	if n.kind != scalar || n.empty() {
		return "", n.fault("want %s, not %s", want, n.describe())
	}
	return n.text, nil
}

// fields takes the members of a mapping by name. Those that are not named are an
// error, so are those that stand twice.
func (n *node) fields(what string, names ...string) (map[string]*node, error) {
	found := map[string]*node{}
	first := map[string]position{}
	for _, m := range n.members {
		known := false
		for _, name := range names {
			known = known || name == m.name.text
		}
		if !known {
			return nil, m.name.fault("%s has no member %s: want %s", what, shown(m.name.text), either(names))
		}
		if p, twice := first[m.name.text]; twice {
			return nil, m.name.fault("%s stands here a second time, after line %d", m.name.text, p.line)
		}
		found[m.name.text], first[m.name.text] = m.value, m.name.position
	}
	return found, nil
}

// either is "a", "a or b", "a, b or c".
func either(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return fmt.Sprintf("%s or %s", strings.Join(names[:last], ", "), names[last])
}
