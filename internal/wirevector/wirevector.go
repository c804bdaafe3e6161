// Package wirevector reads the vectors of single messages in
// wire/testdata/vectors.txt, which describes its format.
package wirevector

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Vector is one message as it must be on the wire.
type Vector struct {
	Line     int
	Command  string // the name in the Spec
	Response bool   // the answer to it
	Kind     string // captured, published or derived
	Source   string
	Encoded  wire.Encoded
	Values   []Value // every field that is not zero
}

// Value is one field of a message: the path to it, and the value in words.
type Value struct{ Path, Text string }

func (v *Vector) String() string {
	what := "command"
	if v.Response {
		what = "response"
	}
	return fmt.Sprintf("line %d: %s %s", v.Line, what, v.Command)
}

// Load reads a file of vectors.
func Load(file string) ([]*Vector, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []*Vector
	var v *Vector
	for i, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0][0] == '#':
			continue
		case line[0] != ' ':
			if len(words) != 2 || words[0] != "command" && words[0] != "response" {
				return nil, fmt.Errorf("%s:%d: want command or response and a name", file, i+1)
			}
			v = &Vector{Line: i + 1, Command: words[1], Response: words[0] == "response"}
			v.Encoded.Le = -1
			all = append(all, v)
			continue
		case v == nil:
			return nil, fmt.Errorf("%s:%d: no command yet", file, i+1)
		}
		if err := v.parse(words); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	return all, nil
}

// parse reads one line below the name.
func (v *Vector) parse(words []string) error {
	switch words[0] {
	case "captured", "published", "derived":
		v.Kind, v.Source = words[0], strings.Join(words[1:], " ")
		return nil
	case "hex":
		return v.parseHex(words[1:])
	case "p1p2le":
		return v.parseHeader(words[1:])
	}
	for _, w := range words {
		path, text, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%q: want FIELD=VALUE", w)
		}
		v.Values = append(v.Values, Value{path, text})
	}
	return nil
}

func (v *Vector) parseHex(words []string) error {
	for _, w := range words {
		if w == "|" {
			v.Encoded.Marks = append(v.Encoded.Marks, len(v.Encoded.Bytes))
			continue
		}
		b, err := hex.DecodeString(w)
		if err != nil {
			return err
		}
		v.Encoded.Bytes = append(v.Encoded.Bytes, b...)
	}
	return nil
}

func (v *Vector) parseHeader(words []string) error {
	if len(words) != 3 {
		return fmt.Errorf("want P1, P2 and Le")
	}
	h, err := hex.DecodeString(words[0] + words[1])
	if err != nil {
		return err
	}
	if v.Encoded.Le, err = strconv.Atoi(words[2]); err != nil {
		return err
	}
	v.Encoded.P1, v.Encoded.P2 = h[0], h[1]
	return nil
}

// Spec is the command's declaration, nil if there is none of that name.
func (v *Vector) Spec() *wire.Spec {
	for s := range wire.Commands() {
		if s.Name == v.Command {
			return s
		}
	}
	return nil
}

// New makes an empty message of the vector's type.
func (v *Vector) New() wire.Message {
	if v.Response {
		return v.Spec().NewResponse()
	}
	return v.Spec().New()
}
