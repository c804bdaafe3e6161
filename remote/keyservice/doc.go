// Package keyservice is the keys of a fleet in its centre: it answers the handshakes of
// cards that lie on readers far away, by a policy, and changes keys there.
//
// Agents ask it over NATS, by package natskeys. What it gives them of a key is its type
// and version, answers to challenges of cards, and the session keys of handshakes that
// a card has finished by proving that it has the key. It ciphers nothing for anybody,
// makes no CMACs, gives no key and wraps none: keys of cards are changed by Change, from
// here, and the agent carries frames.
//
// Every use of a key, also one that was refused, is taken down before its answer
// leaves; what could not be taken down is not done.
//
// # Who asks
//
// The subject says it: the permissions that the centre has signed let an agent publish
// under its own name only. Answers go to that agent's own inbox and nowhere else.
//
// # Methods
//
// EV2First, EV2NonFirst, LRPFirst and LRPNonFirst are what a policy allows if it names
// no methods. In these an agent never learns a block of plaintext and what the key has
// made of it: the reader's random stays here, and the session keys are CMACs over it.
//
// D40, ISO and AES make session keys of parts of the two randoms themselves. With a card
// that has the key, an agent learns parts of blocks that the card's key has ciphered, all
// of them with 2K3DES; random ones, and none without such a card. A policy may allow
// them by name, where cards know nothing better.
//
// ISO7816 is never allowed. There the challenge goes under the key as it is, so that each
// answer is a block that the key has enciphered, with its plaintext; and the answer to one
// challenge is a proof for another handshake: session keys without a card.
package keyservice
