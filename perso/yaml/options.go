package yaml

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// options reads what SetConfiguration makes: what can be undone, and what cannot.
func (r *reader) options(undoable, forever *node, level *perso.Level) {
	r.doc.card.options = map[string]yamlnode.Position{}
	all := perso.Options()
	var names, ever []string
	for _, o := range all {
		if o.Forever {
			ever = append(ever, o.Name)
		} else {
			names = append(names, o.Name)
		}
	}
	if undoable != nil && r.members(undoable, "options by their names") {
		for _, m := range undoable.Members {
			if slices.Contains(ever, m.Name.Text) {
				r.fault(m.Name.Position, "%s can never be undone: it stands in irreversible, as a word of a list", m.Name.Text)
				return
			}
		}
		f := r.fields(undoable, "options", names...)
		for i := range all {
			if n, ok := f[all[i].Name]; ok {
				r.option(&all[i], n, level)
			}
		}
	}
	if forever == nil || !r.list(forever, "a list of "+strings.Join(ever, ", ")) {
		return
	}
	for _, item := range forever.Items {
		s, ok := r.word(item, "irreversible", ever...)
		if !ok {
			continue
		}
		if _, twice := r.doc.card.options[s]; twice {
			r.fault(item.Position, "%s stands here twice", s)
			continue
		}
		o := &all[slices.IndexFunc(all, func(o perso.OptionInfo) bool { return o.Name == s })]
		r.addOption(o, item, "", level)
	}
}

// option reads one that can be undone.
func (r *reader) option(o *perso.OptionInfo, n *node, level *perso.Level) {
	switch o.Name {
	case perso.OptionDefaultKey:
		if k, ok := r.key(n, o.Name); ok {
			r.place(n, k, keystore.Ref{Key: keystore.RoleDefault.ID()})
			r.onThese(o, n)
			r.doc.card.options[o.Name] = n.Position
			level.Options = append(level.Options, perso.Option{Name: o.Name})
		}
		return
	case "no-messaging":
		if n.Kind == yamlnode.Sequence {
			words := make([]string, 0, len(n.Items))
			for _, item := range n.Items {
				if s, ok := r.text(item, "d40, ev1 or chained-writing"); ok {
					words = append(words, s)
				}
			}
			text := strings.Join(words, ",")
			if text == "" {
				text = "none"
			}
			r.addOption(o, n, text, level)
			return
		}
		r.fault(n.Position, "no-messaging is %s: want a list such as [d40, ev1], or [] to allow all", n.Describe())
		return
	case "failed-attempts":
		if text, ok := r.failedAttempts(n); ok {
			r.addOption(o, n, text, level)
		}
		return
	}
	if o.Value == "" {
		yes, err := n.Bool(o.Name)
		if !r.failed(err) {
			r.addOption(o, n, strconv.FormatBool(yes), level)
		}
		return
	}
	if text, ok := r.text(n, o.What); ok {
		r.addOption(o, n, text, level)
	}
}

// failedAttempts reads {limit: N, decrement: M}, or off.
func (r *reader) failedAttempts(n *node) (string, bool) {
	if n.Kind == yamlnode.Scalar && n.Text == "off" {
		return "off", true
	}
	if !r.members(n, "{limit: N, decrement: M}, or off") {
		return "", false
	}
	f := r.fields(n, "failed-attempts", "limit", "decrement")
	limit, ok := f["limit"]
	if !ok {
		r.fault(n.Position, "the member limit is missing: want a number, 1 to 65535")
		return "", false
	}
	l, ok := r.number(limit, "limit", 1, 0xFFFF)
	text := strconv.FormatInt(l, 10)
	if d, there := f["decrement"]; there && ok {
		m, fine := r.number(d, "decrement", 0, l)
		return text + ":" + strconv.FormatInt(m, 10), fine
	}
	return text, ok
}

func (r *reader) addOption(o *perso.OptionInfo, n *node, text string, level *perso.Level) {
	s, err := o.Read(text)
	if err != nil {
		r.fault(n.Position, "%s: %v", o.Name, bare(err))
	}
	if err != nil || !(&perso.Option{Setting: s}).Off() {
		r.onThese(o, n)
	}
	if err != nil {
		return
	}
	r.doc.card.options[o.Name] = n.Position
	level.Options = append(level.Options, perso.Option{Name: o.Name, Setting: s})
}

// onThese notes generations that lack an option.
func (r *reader) onThese(o *perso.OptionInfo, n *node) {
	for _, g := range r.doc.layout.Generations {
		if !o.Has(g) {
			r.fault(n.Position, "%s cards have no %s: leave it out, or the generation", lower(g), o.Name)
		}
	}
}

func lower(g wire.Generation) string { return strings.ToLower(g.String()) }
