// Package trace reads, records, replays and explains what a reader and a card
// said to each other, and verifies and deciphers it with keys afterwards.
//
//	Recording   one session: the frames, what is known of the card, keys
//	Parse       reads a Recording: JSON, hex lines, and the logs of pcscd, pyscard and Proxmark
//	Recorder    records a transport
//	Player      replays a Recording as a transport
//	Explainer   says in words what each message is, as it happens
//	Verify      finds the authentications and checks every MAC, CMAC and CRC
//
// Keys and key bytes in messages are never printed, and never written into a
// recording. What carries keys is cut from recordings, and all that depends on
// it: see Recording.Cut and RecorderConfig.KeepKeys.
package trace
