package keyring

import (
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
)

// Read makes a ring of a text, without files.
func Read(text []byte) (*Ring, error) {
	r := &Ring{name: "k.yaml", masters: map[string]*cell{}, slots: map[keystore.Ref][]*slot{}, ages: ages{turn: make(chan struct{}, 1)}}
	if err := r.read(text); err != nil {
		return nil, err
	}
	return r, nil
}

// Plain is a text as a schema sees it: names of members as they stand there, and
// values of the types of JSON.
func Plain(text string) (any, error) {
	n, err := yamlnode.Parse([]byte(text), words)
	if err != nil {
		return nil, err
	}
	return n.Plain(), nil
}
