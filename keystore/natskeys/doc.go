// Package natskeys is a key store whose keys are in the centre of a fleet, which is asked
// over NATS.
//
//	keys, err := natskeys.New(conn, "main", "gate7", nil)
//	k, err := keys.Key(ctx, keystore.Ref{UID: uid, Place: place, Key: keystore.Number(1)})
//	err = card.Authenticate(ctx, 1, k)
//
// A key from here is a key.Handshaker: an authentication costs two questions, one for the
// answer to the card's challenge and one for the session keys. It ciphers
// nothing, gives no bytes, has no check value and takes part in no key change: the
// centre changes keys, while this side carries frames. What the centre allows, its
// policy says; see package keyservice.
//
// # When the centre is away
//
// A question that is not answered ends with an *AwayError, after Config.Timeout or
// with the context. Nothing is asked twice. A handshake whose answer is lost leaves
// the card without a session, and may be begun again.
//
// # What is kept
//
// Types and versions of keys, for as long as the policy says, by default not at all.
// Session keys are the caller's. A keystore.Cache in front keeps handles, and asks each
// time what they are.
package natskeys
