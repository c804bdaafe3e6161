// Package desfire talks to MIFARE DESFire cards of every generation: D40, EV1,
// EV2, EV3, DESFire Light and NTAG 424 DNA.
//
// A [Transport] carries frames to one card; [Connect] makes a [Card] of it. A
// [Source] reports cards as they are presented to readers; [Cards], [Serve]
// and [Keep] turn its events into work. Any command of package wire runs with
// [Do]; the methods of Card are the ones that people use most.
//
// Errors answer the question that matters with stored value: did it happen?
// See [OutcomeUnknownError] and [SafeToRetry].
package desfire
