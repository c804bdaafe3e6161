// Package keyring reads keys from a file: which key each card, application and
// key number has, and how it is made.
//
//	desfire: keys/v1
//	masters:
//	  campus-2026: "@campus.key"
//	  campus-2024: exec:pass show desfire/campus-2024
//	keys:
//	  card:
//	    0: {from: campus-2026, diversify: {an10922: {uid: true, system: "text:demo"}}}
//	  F48121:
//	    0: aes:env:CAMPUS_APP
//	    1: # newest first: cards are changed from one to the next
//	      - {from: campus-2026, version: 2, diversify: {an10922: {uid: true, aid: true}}}
//	      - {from: campus-2024, version: 1, diversify: {an10922: {uid: true, aid: true}}}
//	    tmac: prompt
//	cards:
//	  "04112233445566":
//	    card: {0: "aes:@one.key"}
//
// The file is YAML; docs/keyring.schema.json is its schema. Nothing in it is
// ignored: what is not known, stands there twice or makes no sense is a
// [*FileError] with line and column. Anchors, aliases and tags are refused. Text
// counts as it stands there, so that 000010 is an AID and no number.
//
// # Places and keys
//
// A member of keys is a place as [wire.ParsePlace] reads it: card, app, an AID, or
// df: and a DF name. A member of a place is a key as [keystore.ParseID] reads it:
// a number, SET:NUMBER, or a role such as tmac. A card under cards, by its UID,
// has keys of its own; what is not there is looked for under keys.
//
// # Keys
//
// A key is one of these, or a list of them, the newest first:
//
//   - Its written form as [keystore.ParseSpec] reads it: aes:HEX/VV, "@FILE",
//     env:NAME, exec:PROGRAM ARGS, prompt, or as one of [Config].Providers does,
//     such as os:SERVICE/NAME and pkcs11:URI; with or without a type before the
//     last of these. Names of files begin at the folder of the keyring.
//   - A block that age has enciphered, armored, as the text of the value:
//     TYPE:HEX/VV for the identity of [Config], or for a passphrase. So is a whole
//     key file, or the keyring itself.
//   - {from: NAME, version: N, type: TYPE, diversify: {an10922: ...}}: the master
//     of that name, or what AN10922 derives from it. The input is UID, AID with
//     its most significant byte first, and system, of those that are said, in this
//     order. At the card level the AID is 000000. system is bytes if it is
//     hexadecimal, else text; text: or hex: before it decides. version is a number,
//     decimal or with 0x; without it the key has that of the master. type must be
//     the master's; it is for masters that are not known before they are asked for.
//
// # What happens when
//
// [Open] reads the file. If the file as a whole is for a passphrase it asks for
// it. Has, Slots and Refs read files and variables, and never ask, run or decipher
// by passphrase; what they cannot know so is not in the Facts. Key does what it
// takes, once: what was read, typed or printed is kept until Close, and so is a
// handle to a key whose bytes stay with its provider. What is derived of such a key
// is derived anew each time: [keystore.NewCache] keeps it.
//
// # Who may write a keyring
//
// exec: runs programs, and a pkcs11: that names a module loads it, which is to run
// it. So they count only in a file that the user or root owns and that nobody else
// can write; in others such a key is an error, the rest can be used. A program or
// module in the folder of the keyring must be so as well. Windows does not tell it
// in these terms: there, and where a keyring comes through a pipe, code runs only
// with [Config].TrustExec. A keyring or key file that others can read or write is
// warned about.
package keyring
