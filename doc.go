// Package desfire talks to MIFARE DESFire cards of every generation: D40, EV1,
// EV2, EV3, DESFire Light and NTAG 424 DNA.
//
// Three calls do most of the work. Choose an application, open a session with
// one of its keys, and use its files:
//
//	err := card.SelectApplication(ctx, 0x121314)
//	err = card.Authenticate(ctx, 1, readKey)
//	data, err := card.ReadData(ctx, 1, 0, 32)
//
// A [Transport] carries frames to one card, and [Connect] makes a [Card] of it.
// A [Source] reports cards as they are presented to readers; [Cards], [Serve]
// and [Keep] turn its events into work. Package pcsc has readers, package
// simreader has simulated ones. Any command of package wire runs with [Do]; the
// methods of Card are those that people use most.
//
// # Sessions
//
// A session lasts from [Card.Authenticate] to the next selection or
// authentication, or an error. Inside it each message is protected as its
// command and file demand, and nothing reaches the caller that was not checked.
// A Card never goes on in plain by itself: after a session that ended otherwise
// than by the caller's doing, what it would have protected is a
// [*SessionLostError] until the caller authenticates, selects, or says
// [Card.AllowPlain]. Keys, and data of enciphered files, do not go out in clear
// either ([*ProtectionError], [Card.AllowSecretsInClear]).
//
// # Settings of files
//
// How data travels depends on the mode and the rights of the file. In a session
// a Card asks for them when it first needs them, once for each file, and
// remembers them across sessions and selections. What it created or changed
// itself it knows. It never asks while changes are pending: a refusal would cost
// them. [Card.AssumeFileSettings] states settings that are known beforehand,
// which saves that exchange, and helps where a card does not tell them
// ([*FileSettingsError]).
//
// What a card said without protection is a hint that never weakens a session.
// D40 sessions protect no settings: there [Exchange] says Unprotected, and
// [Config] has RequireProtected.
//
// # Transactions
//
// Changes of value, backup and record files are pending until a commit makes
// all of them happen, or none. [Card.Transact] runs a function and commits what
// it left. A selection drops what is pending, an authentication does not.
//
// # What errors mean
//
// They answer the question that matters with stored value: did it happen?
//
//   - [*CommandError]: the card refused, or so the air says.
//   - [*OutcomeUnknownError]: it may have happened. Look at the card;
//     [Card.Settle] makes sure that nothing happens later.
//   - [*TransportError], [*IntegrityError]: no answer, or none that can be
//     trusted. This command changed nothing for good.
//   - [*PartialWriteError]: a part of the data was written.
//   - [*BrokenError]: not sent, since what went wrong before leaves open what
//     the card holds. Select again, reconnect, or settle.
//   - [*NoRightError], [*ArgumentError], [*UnsupportedError],
//     [*WeakMethodError]: not sent, for a reason that will not go away.
//
// [SafeToRetry] says of a whole job, from the selection on, whether repeating it
// does nothing twice.
//
// # What can be forged
//
// Outside a session everything can, the answer to a selection included. Inside
// one, no status other than success is authenticated: a refusal opens no door
// and proves nothing. D40 sessions bind no answer to its command. A card says
// itself of which generation it is: Config.Weakest is the weakest authentication
// that is accepted, and its zero value accepts all. SECURITY.md has the rest.
package desfire
