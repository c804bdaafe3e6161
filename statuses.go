package desfire

import "github.com/go-desfire/desfire/wire"

// canAnswer reports whether a card can refuse a command with a status. What
// says that all went well, or that more is to come, is no refusal.
func canAnswer(spec *wire.Spec, status wire.Status) bool {
	switch status {
	case wire.StatusOK, wire.StatusSignatureOK, wire.StatusAdditionalFrame:
		return false
	}
	return spec.CanAnswer(status)
}
