// Package key has keys as handles. A [Key] ciphers whole messages and tells its
// type, version and check value; its bytes may live in an HSM, a SAM or across
// a network and may never be known here.
//
// # Keys in memory
//
// A [Secret] is a key whose bytes the program has. [New] and its relatives make
// one of bytes, [Parse] of text such as "aes:@door.key", [Generate] one at random,
// [Zero] one as cards are delivered with:
//
//	k, err := key.Parse("aes:env:DOOR_KEY")
//
// No verb of fmt, no logger and no encoder prints its bytes; it shows as type,
// version and check value. Export gives the bytes away, [Write] and [WriteFile]
// write them where the caller says, Wipe overwrites them.
// The check value is the start of a block of zeros, enciphered. It tells keys
// apart and gives none away, unless they are few enough to try.
//
// # Keys in a safe
//
// A handle to a key elsewhere needs the methods of Key, which are asked for CBC
// over whole messages, a few calls an authentication. Session keys are made from
// the answers and live in the program. What more a safe can do it shows by optional
// interfaces:
//
//   - [Handshaker] does the whole of an authentication in two calls, by every
//     method: it answers the card's challenge, checks the card's proof and gives
//     the session keys. It is asked for no cipher, and may refuse to be one: an
//     error from EncryptCBC and DecryptCBC hinders no authentication. [Answer]
//     makes one of a key that ciphers, where that key is;
//   - [MACer] makes a CMAC in one call, for keys that are derived from it;
//   - [Wrapper] makes the cryptogram of a key change, so that neither the old
//     nor the new key leaves;
//   - [Exporter] gives the bytes away. Without it and Wrapper the key can
//     authenticate and cannot be part of a change ([*OpaqueError]).
//
// What a Handshaker answers is looked at: lengths, and with LRP whether the card's
// proof fits the session key. That it checks the proof is otherwise its promise,
// since nobody else can; one that accepts anything opens sessions in which the
// first answer with a MAC or checksum fails.
//
// Contexts are passed on, so that a call over a network can be given up. An
// error of a safe ends the authentication and is found in the error by
// errors.Is.
package key
