// Package acr122 makes and reads the commands of the ACS ACR122U to itself: light,
// buzzer, what it looks for, firmware, antenna. Source: ACS, "ACR122U Application
// Programming Interface", version 2.04, sections 6.2 to 6.7 and 7.0.
//
// A [Reader] needs a way to send: Readers.Control or Conn.Control of package pcsc,
// which leave other readers alone. In a session:
//
//	reader := acr122.New(conn.Control)
//	err := reader.Beep(ctx, 100*time.Millisecond, 2)
//
// The reader keeps nothing of it when it loses power. Package pcsc sets the
// [Parameter] itself, with each connection and when it is first seen without a card.
// The bytes are those of the manual; none of it was verified on hardware.
package acr122
