package yaml

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// columnTemplate is a content with columns: text, {{.column}}, and the functions below.
// What else text/template can do is refused, so that no layout loops or calls.
type columnTemplate struct {
	source  string
	tmpl    *template.Template
	columns []string
}

// maxTemplate bounds the text of a template, and what a function makes.
const maxTemplate = 1 << 16

var errLong = fmt.Errorf("a function makes more than %d bytes", maxTemplate)

// functions are all that templates may call.
var functions = template.FuncMap{
	"upper": strings.ToUpper,
	"lower": strings.ToLower,
	"trim":  strings.TrimSpace,
	"hex":   func(s string) (string, error) { return bounded(fmt.Sprintf("%X", s[:min(len(s), maxTemplate)])) },
	"cut": func(n int, s string) string {
		r := []rune(s)
		return string(r[:max(0, min(n, len(r)))])
	},
	"pad":     func(n int, s string) (string, error) { return fill(n, s, " ", false) },
	"zeropad": func(n int, s string) (string, error) { return fill(n, s, "0", true) },
}

func bounded(s string) (string, error) {
	if len(s) > maxTemplate {
		return "", errLong
	}
	return s, nil
}

// fill makes a text as long as n bytes, on its left or right.
func fill(n int, s, with string, left bool) (string, error) {
	if n > maxTemplate {
		return "", errLong
	}
	more := strings.Repeat(with, max(0, n-len(s)))
	if left {
		return more + s, nil
	}
	return s + more, nil
}

func functionNames() []string {
	var names []string
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func newTemplate(source string) (*columnTemplate, error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("it has %d bytes: %d at most", len(source), maxTemplate)
	}
	tmpl, err := template.New("content").Option("missingkey=error").Funcs(functions).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("want text with {{.column}}: %s", inTemplate(err))
	}
	t := &columnTemplate{source: source, tmpl: tmpl}
	if len(tmpl.Templates()) > 1 {
		return nil, errors.New("define and block are not taken")
	}
	if tmpl.Tree != nil {
		for _, n := range tmpl.Tree.Root.Nodes {
			if err := t.walk(n, 0); err != nil {
				return nil, err
			}
		}
	}
	if len(t.columns) == 0 {
		return nil, errors.New("it has no column: want {{.column}} in it, or text instead of template")
	}
	slices.Sort(t.columns)
	return t, nil
}

// inTemplate is an error of text/template without its beginning.
func inTemplate(err error) string {
	text := strings.TrimPrefix(err.Error(), "template: ")
	text = strings.TrimPrefix(text, "content:")
	if _, rest, ok := strings.Cut(text, ": "); ok {
		text = rest
	}
	return text
}

// walk refuses all but columns, constants and our functions.
func (t *columnTemplate) walk(n parse.Node, depth int) error {
	if depth > 16 {
		return errors.New("it is too deep")
	}
	switch n := n.(type) {
	case *parse.TextNode, *parse.CommentNode, *parse.StringNode, *parse.NumberNode:
		return nil
	case *parse.ActionNode:
		return t.walk(n.Pipe, depth+1)
	case *parse.PipeNode:
		if n == nil || len(n.Decl) > 0 || len(n.Cmds) > 16 {
			return errors.New("variables are not taken, and 16 functions in a row at most")
		}
		for _, c := range n.Cmds {
			for _, arg := range c.Args {
				if err := t.walk(arg, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	case *parse.FieldNode:
		if len(n.Ident) != 1 {
			return fmt.Errorf("%s: want the name of one column", n)
		}
		if !slices.Contains(t.columns, n.Ident[0]) {
			t.columns = append(t.columns, n.Ident[0])
		}
		return nil
	case *parse.IdentifierNode:
		if functions[n.Ident] == nil {
			return fmt.Errorf("the function %s is not taken: there are %s", n.Ident, strings.Join(functionNames(), ", "))
		}
		return nil
	}
	return fmt.Errorf("%s: want {{.column}}, with functions %s", strconv.Quote(clip(n.String())), strings.Join(functionNames(), ", "))
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

// text fills it in. More than a little beyond most is cut off.
func (t *columnTemplate) text(row map[string]string, most int) (string, error) {
	w := &limited{most: most + maxTemplate}
	if err := t.tmpl.Execute(w, row); err != nil {
		return "", fmt.Errorf("template: %s", inTemplate(err))
	}
	return w.String(), nil
}

// limited is a buffer of bounded size.
type limited struct {
	strings.Builder
	most int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > l.most {
		return 0, errLong
	}
	return l.Builder.Write(b)
}
