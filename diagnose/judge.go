package diagnose

import (
	"fmt"

	"github.com/go-desfire/desfire/internal/securemsg"
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
	if err := securemsg.Fits(d.t.Method, d.t.Type); err != nil {
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
	d.Causes = append(d.Causes, causes[d.t.Status]...)
}

// causes are what each status may mean, besides what the probes show.
var causes = map[wire.Status][]Cause{
	wire.StatusAuthenticationError: {
		{60, "the key is another one than on the card", "check the key; a diversified key depends on the UID and on the order of the AID's bytes"},
		{20, "the session was already over when the command came", "authenticate again after every refusal: an error ends EV1 and EV2 sessions"},
		{15, "the session's key does not have the right", "look at the access rights of the file"},
	},
	wire.StatusIntegrityError: {
		{60, "a key change was made with a wrong old key", "give the exact old key, with its version bits for DES keys"},
		{40, "the parity bits of a DES key, which hold its version, are not those that the card has", "state the version bits of DES keys alike for the old and the new key"},
		{30, "the message was enciphered or MACed in another mode than the file has", "read the file's settings before the session"},
		{10, "the command counter or running value is out of step after a lost answer", "authenticate anew"},
	},
	wire.StatusLengthError: {
		{60, "a MAC or padding was sent where the card wants plain data, or the other way round", "read the settings before the session; access that is merely free is plain even in a session"},
		{40, "the session had ended before, and the card took the MAC for surplus bytes", "authenticate again"},
		{20, "the command has a wrong number of bytes", "compare with docs/commands.md"},
	},
	wire.StatusPermissionDenied: {
		{60, "the settings forbid it to every key: an access right is never, or the key settings are frozen", "it cannot be done without other settings"},
		{40, "the command belongs to the other level: application or card", "select the application, or the card, first"},
		{30, "EV2NonFirst without a session", "begin with EV2First"},
		{20, "the key is disabled, or not meant to authenticate", "enable the key first"},
	},
	wire.StatusNoSuchKey: {
		{70, "the key number does not exist here", "look at the number of keys"},
		{30, "another application, or the card itself, is selected", "select the application"},
	},
	wire.StatusAuthenticationDelay: {
		{100, "the card slows down after many failed authentications", "repeat the authentication until the card answers otherwise"},
	},
}
