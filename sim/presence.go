package sim

import (
	"errors"
	"fmt"
)

// Lift takes the card out of the field: the activation is over. A Locker is
// unlocked, so that another reader may have the card meanwhile.
func (c *Card) Lift() { _ = c.Close() }

// Close is Lift, and tells whether the store could be unlocked. The card can be
// put back.
func (c *Card) Close() error {
	c.placing.Lock()
	defer c.placing.Unlock()
	c.setPresent(false)
	if !c.held {
		if c.mu.TryLock() { // an exchange under way finds out by itself
			c.powerOff()
			c.mu.Unlock()
		}
		return nil
	}
	c.mu.Lock() // an exchange under way still saves
	defer c.mu.Unlock()
	c.powerOff()
	c.held = false
	return c.locker.Unlock()
}

// Return puts the card back into the field, not activated. A Locker is locked
// again and its image loaded, which another reader may have changed; that can
// fail, and then the card stays where it is.
func (c *Card) Return() error {
	c.placing.Lock()
	defer c.placing.Unlock()
	if err := c.hold(); err != nil {
		return err
	}
	c.setPresent(true)
	return nil
}

// hold gets the store back.
func (c *Card) hold() error {
	if c.locker == nil || c.held {
		return nil
	}
	if err := c.locker.Lock(); err != nil {
		return err
	}
	m, err := loadMemory(&Config{Store: c.store, Generation: c.gen, UID: c.uid[:]})
	if err == nil && m == nil {
		err = fmt.Errorf("%v is gone", c.store)
	}
	if err != nil {
		return errors.Join(err, c.locker.Unlock())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.nvm, c.before, c.after = true, m, nil, nil
	return nil
}

func (c *Card) setPresent(present bool) {
	f := &c.field
	f.mu.Lock()
	defer f.mu.Unlock()
	if !present {
		f.endActivation()
	}
	if f.present != present {
		f.present = present
		if !present {
			f.lifts++
		}
		if f.changed != nil {
			close(f.changed)
			f.changed = nil
		}
	}
}
