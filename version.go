package desfire

import "github.com/go-desfire/desfire/wire"

// KnownVersion is a copy of what the card last answered to Version, nil if it
// was not asked: Connect asks unless Config.Generation is set.
func (c *Card) KnownVersion() *wire.Version {
	if c.version == nil {
		return nil
	}
	v := *c.version
	return &v
}
