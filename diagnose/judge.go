package diagnose

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

func (d *diagnosis) judge() {
	if d.noApp {
		d.cause(100, "list the applications; AIDs are six hexadecimal digits of the number, not the bytes on the wire", "there is no %v on this card", d.t.Place.Words())
		return
	}
	if d.noKey || d.settings != nil && !d.t.Place.IsCard() && int(d.t.No) >= d.settings.KS2.Keys() {
		d.cause(100, "use a key number that the application has", "the application has no key %d", d.t.No)
		return
	}
	if d.settings != nil && d.settings.KS2.KeyType() != d.t.Type.Wire() {
		d.cause(95, fmt.Sprintf("use a key of type %v", d.settings.KS2.KeyType()), "the keys here are of type %v, the key tried is %v", d.settings.KS2.KeyType(), d.t.Type)
	}
	if err := d.t.Method.Fits(d.t.Type); err != nil {
		d.cause(95, "let Authenticate choose the method", "%v", err)
	}
	switch status := d.begins[d.t.Method]; status {
	case wire.StatusIllegalCommand, wire.StatusPermissionDenied:
		d.cause(90, "use a stronger method", "the card does not begin %v authentication (%v): switched off by SetConfiguration, or unknown to it", d.t.Method, status)
	case wire.StatusAuthenticationError:
		d.cause(90, "use the method that fits the key's type on the card", "the card refuses %v authentication with this key at once: the key on the card is of another type", d.t.Method)
	}
	if d.version >= 0 && d.t.HasVersion && byte(d.version) != d.t.Version {
		d.cause(80, "look for the key with the card's version", "the key on the card has version %02X, the key tried %02X: it was changed", d.version, d.t.Version)
	}
	for _, c := range causes[d.t.Status] {
		d.Causes = append(d.Causes, c.Cause)
	}
}
