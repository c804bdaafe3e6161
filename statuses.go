package desfire

import "github.com/go-desfire/desfire/wire"

// canAnswer reports whether a card can answer a command with a status.
func canAnswer(spec *wire.Spec, status wire.Status) bool {
	return spec.Class == wire.ClassISO || status.IsNative() && status.Known()
}
