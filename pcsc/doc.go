// Package pcsc reaches cards through PC/SC, the system's smart card service:
// pcscd on Linux, PCSC.framework on macOS, winscard.dll on Windows. It loads
// the platform's library when Open is called, without cgo, and needs none to
// be built.
//
// [Open] gives every contactless reader, now and later, as a desfire.Source.
// desfire.Cards, Serve and Keep do the rest:
//
//	readers, err := pcsc.Open(nil)
//	for card, err := range desfire.Cards(ctx, readers, nil) { ... }
//
// # What it does by itself
//
// Readers may come and go, and so may the service: Events waits for it. Where
// the service reports readers (\\?PnP?\Notification) nothing is polled; macOS
// does not, and the list of readers is read there once a second. A card is
// reported once per insertion, also one that left and came back within a
// moment, as far as the service noticed: pcscd looks at some readers every
// 400 ms only.
//
// Slots for SAMs, contact readers and contact cards are reported with a reason
// and take no part.
//
// A connection is exclusive. Where another program shares the card it is
// shared, too, with a word in the log, and a PC/SC transaction keeps the other
// out from the first command until Close. The card is left as it is on Close,
// or reset after ResetOnClose(true), which desfire calls when something was
// authenticated; it is always reset after an exchange that was given up.
//
// # Contract of a connection
//
// [Conn] keeps the contract of desfire.Transport. A native call cannot be
// interrupted, so one goroutine owns the handle: when the context of an
// exchange ends, Transmit returns at once, the connection is finished, and the
// handle is given back when the reader lets go. A new connection to that
// reader waits for this. Close never waits for an exchange.
//
// # Errors
//
// Every error is an [OpError] that says what to do. Ask for the condition:
// [ErrUnavailable], [ErrNoService], [ErrNoReader], [ErrReaderBusy],
// [ErrRemoved], [ErrReset], [ErrClosed]; or for the [Error] code.
//
// # Readers
//
// Readers of the ACR122 family stop looking for cards while we are connected
// and get native frames as commands of their chip. Both follow the makers'
// manuals and were not verified on hardware; Config.NoEscapes turns them off.
// Package acr122 has their other commands, for light and buzzer; Readers.Control and
// Conn.Control carry them. docs/readers.md says what is known of readers.
//
// On Linux a program that uses this package is linked dynamically, against the
// C library of the machine it is built for (glibc, or musl under another
// loader), even with CGO_ENABLED=0.
package pcsc
