// Package chip is a PN532 as a host sees it, with a simulated card in the field of its antenna: on a
// serial line (HSU), on I2C and on SPI. It is the other side of package pn532, for tests
// and for programs of others that expect such a chip; the two share nothing but the manual (NXP UM0701-02, cited by
// its sections) and are compared by running them against each other.
//
//	reader := simreader.New("simulated", card)
//	c := chip.New(chip.Simulated(reader, nil), nil)
//	err := c.ServeHSU(ctx, line)
//
// A chip starts asleep, in the mode of low battery: a serial line has to wake it, and before a
// SAMConfiguration it does not answer commands that use the antenna. Where the
// manual leaves open what a chip does, this one does what makes more trouble.
package chip
