package sim

import "github.com/go-desfire/desfire/wire"

// configureValueFile is option 09 of DESFire Light: the limits of its value
// file, once and before its first use.
func (c *Card) configureValueFile(next *memory, s *wire.ValueFileConfig) wire.Status {
	f := c.call.app.file(s.File)
	if f == nil || f.typ != wire.FileValue || f.configured {
		return wire.StatusPermissionDenied
	}
	if s.Lower > s.Value || s.Value > s.Upper || s.Flags&^(wire.ValueLimitedCredit|wire.ValueFreeGet) != 0 {
		return wire.StatusParameterError
	}
	e := next.editApp(c.call.app.aid).editFile(s.File)
	e.lower, e.upper, e.value, e.limited = s.Lower, s.Upper, s.Value, 0
	e.limitedOn, e.freeGet, e.configured = s.Flags.Has(wire.ValueLimitedCredit), s.Flags.Has(wire.ValueFreeGet), true
	return wire.StatusOK
}
