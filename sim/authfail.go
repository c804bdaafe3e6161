package sim

import "github.com/go-desfire/desfire/wire"

// Failed authentications are counted on Light and NTAG 424 DNA, on EV3 if
// SetConfiguration 0A says so. Originality keys are exempt (command reference
// 6).

// failures counts for one key. It is kept without power.
type failures struct {
	Sequence int `json:"sequence"`
	Total    int `json:"total"`
}

// failedAuth is what SetConfiguration 0A sets.
type failedAuth struct {
	Enabled   bool `json:"enabled"`
	Limit     int  `json:"limit"`
	Decrement int  `json:"decrement"`
}

// failuresAllow answers 9D where the key is disabled, AD where the card waits.
func (c *Card) failuresAllow(k *cardKey) wire.Status {
	f := &c.nvm.config.failed
	switch {
	case !f.Enabled || c.isOriginality(k.no):
		return wire.StatusOK
	case k.failures.Total >= f.Limit:
		return wire.StatusPermissionDenied
	case k.failures.Sequence < c.quirks.DelayAfter:
		return wire.StatusOK
	}
	if c.v.delays < c.quirks.DelayAnswers {
		c.v.delays++
		return wire.StatusAuthenticationDelay
	}
	c.v.delays = 0
	return wire.StatusOK
}

func (c *Card) countFailure(no wire.KeyNo) wire.Status {
	return c.count(no, func(f *failures) { f.Sequence++; f.Total++ })
}

func (c *Card) countSuccess(no wire.KeyNo) wire.Status {
	return c.count(no, func(f *failures) {
		f.Sequence, f.Total = 0, max(0, f.Total-c.nvm.config.failed.Decrement)
	})
}

// count changes the counters of a key of the selected level.
func (c *Card) count(no wire.KeyNo, change func(*failures)) wire.Status {
	if !c.nvm.config.failed.Enabled || c.isOriginality(no) {
		return wire.StatusOK
	}
	next := findKey(c.levelKeys(), no).failures
	change(&next)
	if next == findKey(c.levelKeys(), no).failures {
		return wire.StatusOK
	}
	return c.setKey(no, func(k *cardKey) { k.failures = next })
}

// setKey changes one key of the selected level, which is added if it is not
// there.
func (c *Card) setKey(no wire.KeyNo, change func(*cardKey)) wire.Status {
	next := c.nvm.edit()
	keys := &next.keys
	if c.call.app != nil {
		keys = &next.editApp(c.call.app.aid).keys
	}
	*keys = append([]cardKey(nil), *keys...)
	k := findKey(*keys, no)
	if k == nil {
		*keys = append(*keys, cardKey{no: no})
		k = &(*keys)[len(*keys)-1]
	}
	change(k)
	return c.commit(next)
}
