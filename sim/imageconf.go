package sim

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// image is the configuration in the form that is stored.
func (c *configuration) image() ImageConfig {
	i := ImageConfig{ATS: slices.Clone(c.ats), SAK: slices.Clone(c.sak), Name: slices.Clone(c.vcName), Renamed: c.renamed}
	if c.flags != 0 {
		i.Flags = Hex{byte(c.flags)}
	}
	if c.messaging != 0 {
		i.SecureMessaging = Hex{byte(c.messaging)}
	}
	if c.capabilities != [10]byte{} {
		i.Capabilities = slices.Clone(c.capabilities[:])
	}
	if c.failed != (failedAuth{}) {
		f := c.failed
		i.FailedAuth = &f
	}
	if c.hardware != 0 {
		i.Hardware = Hex{c.hardware}
	}
	if c.tamper != [2]byte{} && c.tamper != tamperUnset {
		i.Tamper = slices.Clone(c.tamper[:])
	}
	if c.atqa != 0 {
		i.ATQA = Hex{byte(c.atqa >> 8), byte(c.atqa)}
	}
	return i
}

// configure reads the stored form.
func (i *ImageConfig) configure(c *configuration) error {
	var flags, messaging [1]byte
	var hardware [1]byte
	var atqa [2]byte
	c.tamper = tamperUnset
	for _, f := range []struct {
		name string
		from Hex
		to   []byte
	}{
		{"flags", i.Flags, flags[:]},
		{"secureMessaging", i.SecureMessaging, messaging[:]},
		{"capabilities", i.Capabilities, c.capabilities[:]},
		{"hardware", i.Hardware, hardware[:]},
		{"atqa", i.ATQA, atqa[:]},
		{"tamper", i.Tamper, c.tamper[:]},
	} {
		if len(f.from) != 0 && len(f.from) != len(f.to) {
			return fmt.Errorf("image: configuration.%s has %d bytes, want %d", f.name, len(f.from), len(f.to))
		}
		copy(f.to, f.from)
	}
	if len(i.ATS) > 20 || len(i.SAK) != 0 && len(i.SAK) != 2 || len(i.Name) > wire.MaxDFName {
		return fmt.Errorf("image: configuration: ats, sak or name is too long")
	}
	c.flags, c.messaging, c.hardware = wire.PICCFlags(flags[0]), wire.SecureMessagingFlags(messaging[0]), hardware[0]
	c.atqa = uint16(atqa[0])<<8 | uint16(atqa[1])
	c.ats, c.sak, c.vcName, c.renamed = i.ATS, i.SAK, i.Name, i.Renamed
	if i.FailedAuth != nil {
		c.failed = *i.FailedAuth
		if c.failed.Limit < 0 || c.failed.Decrement < 0 {
			return fmt.Errorf("image: configuration.failedAuthentications is negative")
		}
	}
	return nil
}
