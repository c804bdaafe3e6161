// Package doctor finds out what is missing on a machine for a reader to work.
//
// [Examine] looks at one place where cards are presented, and at what it
// stands on: libraries, services, groups, drivers, modules of the kernel, other
// programs, cables. What it finds is a list of [Finding], each with an ID that
// does not change, what is wrong, where, and the one line that mends it. [Causes]
// is all that it can find, with the sources.
//
// It changes nothing and needs no rights. It connects to the PC/SC service, as
// each program does that lists readers, which starts one that waits for that. It
// writes to a serial port or bus only if that was named, or if Config.Probe asks
// for it. It connects to a card only where no other program uses it. It ends
// within [Limit], and says what it could not look at, and why.
//
// Of what it knows, the service, socket, processes and ports of Linux were tried
// on a machine; what it says of drivers of the kernel, polkit, containers, WSL,
// Windows, macOS and the Raspberry Pi comes from the sources of each cause, and
// was tried on descriptions of such machines.
package doctor
