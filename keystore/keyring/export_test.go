package keyring

import (
	"strconv"

	"github.com/go-desfire/desfire/keystore"
)

// Read makes a ring of a text, without files.
func Read(text []byte) (*Ring, error) {
	r := &Ring{name: "k.yaml", masters: map[string]*cell{}, slots: map[keystore.Ref][]*slot{}}
	if err := r.read(text); err != nil {
		return nil, err
	}
	return r, nil
}

// Plain is a text as a schema sees it: names of members as they stand there, and
// values of the types of JSON.
func Plain(text string) (any, error) {
	n, err := parse([]byte(text))
	if err != nil {
		return nil, err
	}
	return n.plain(), nil
}

func (n *node) plain() any {
	switch n.kind {
	case mapping:
		m := map[string]any{}
		for _, x := range n.members {
			m[x.name.text] = x.value.plain()
		}
		return m
	case sequence:
		list := []any{}
		for _, x := range n.items {
			list = append(list, x.plain())
		}
		return list
	}
	switch {
	case n.null:
		return nil
	case n.quoted:
	case n.text == "true" || n.text == "false":
		return n.text == "true"
	default:
		if i, err := strconv.ParseInt(n.text, 0, 64); err == nil {
			return float64(i)
		}
	}
	return n.text
}
