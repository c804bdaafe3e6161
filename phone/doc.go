// Package phone makes a phone a reader of a computer: the phone, or any other program
// that has a card, connects over WebSocket with TLS 1.3 and carries commands of the
// computer to its card.
//
// The computer listens ([Listen]) and is a [desfire.Source]: a phone that connects is a
// reader, and the card that it offers is one that lies there. The phone pairs once
// ([Pair]): it shows six digits, which a person types at the computer. Then it connects
// with the [Credential] that it got ([Dial]) and offers cards ([Link.Offer]), or leaves
// both to [Run].
//
// Both ends have a key of their own, P-256, and show it in the handshake of TLS. The
// computer keeps the hashes of the keys of its phones in a file (a [Book]), the phone
// that of its computer. The protocol is in docs/phone.md, what it is guarded against in
// docs/threats.md.
//
// A phone is a relay: it sees and can change all that goes by, like every reader. What
// protects a card from it is the card's own secure messaging.
package phone
