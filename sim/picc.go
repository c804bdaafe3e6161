package sim

import (
	"slices"

	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/wire"
)

func piccCommands() []*command {
	return []*command{
		on((*Card).getVersion),
		on((*Card).freeMemory),
		on((*Card).formatPICC),
	}
}

// getVersion answers hardware, software and production. A random identifier
// hides the real one.
func (c *Card) getVersion(_ *wire.GetVersion, rsp *wire.Version) wire.Status {
	v := &c.nvm.version
	*rsp = wire.Version{
		Hardware: chipVersion(v.Hardware), Software: chipVersion(v.Software),
		Batch: [5]byte(v.Production[:5]), Week: v.Production[5], Year: v.Production[6],
	}
	if c.nvm.config.flags&wire.PICCRandomID == 0 {
		rsp.UID = c.nvm.uid
	}
	return wire.StatusOK
}

func chipVersion(b [7]byte) wire.ChipVersion {
	return wire.ChipVersion{
		Vendor: b[0], Type: b[1], SubType: b[2], Major: b[3], Minor: b[4], Storage: b[5], Protocol: b[6],
	}
}

// freeMemory answers what can still be given out. What was deleted is not.
func (c *Card) freeMemory(_ *wire.FreeMemory, rsp *wire.Memory) wire.Status {
	rsp.Bytes = uint32(c.nvm.free())
	return wire.StatusOK
}

// formatPICC deletes everything and gives the memory back. Settings and keys of
// the PICC level stay.
func (c *Card) formatPICC(*wire.FormatPICC, *wire.Empty) wire.Status {
	if c.call.app != nil {
		return c.formatDelegated()
	}
	switch {
	case c.nvm.config.flags&wire.PICCNoFormat != 0:
		return wire.StatusPermissionDenied
	case !c.authenticated(masterKey):
		return wire.StatusAuthenticationError
	}
	next := c.nvm.edit()
	next.apps, next.slots, next.used = nil, nil, 0
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	c.v.pending.clear()
	if c.quirks.FormatEndsSession {
		c.endSession()
	}
	return wire.StatusOK
}

// formatDelegated deletes the files of the selected application, which must be
// a delegated one, and gives their memory back to its slot (one source).
func (c *Card) formatDelegated() wire.Status {
	a := c.call.app
	switch {
	case c.nvm.slotOf(a.aid) == nil:
		return wire.StatusPermissionDenied
	case !c.authenticated(masterKey):
		return wire.StatusAuthenticationError
	}
	next := c.nvm.edit()
	next.slots = slices.Clone(next.slots)
	next.editApp(a.aid).files = nil
	next.slotOf(a.aid).Used = int(a.cost() / blocks.Size)
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	c.v.pending.clear()
	return wire.StatusOK
}
