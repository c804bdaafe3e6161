// Package keystore says which key of which card, and asks a store for it.
//
// A Ref names a key: the card, the place on it, and a number, a key set and
// number, or a role. A Store gives the key as a key.Key, a handle whose bytes may
// never leave an HSM, a SAM or another computer. Map is one in memory; Chain asks
// several. Programs take a Store and leave to their users where keys are.
//
// # Writing a store
//
// Has must be free: no prompt, no login, no touch. A store whose entries are
// secret until it is unlocked keeps a list of them beside it, or what it was
// configured with: the names of keys, their types and versions are no secrets.
// What it cannot know, such as the check value of a key that will be derived, is
// zero in Facts.
//
//   - A file of keys, enciphered as a whole or key by key: Has reads the list,
//     Key asks Prompt for the passphrase once and keeps what it opened.
//   - A program that is run: Has answers from the table that says which Refs the
//     program is asked for, Key runs it.
//   - The keyring of the operating system: an item that opens a window is not
//     looked at in Has.
//   - PKCS#11: Has answers from configured labels, Key logs in with a PIN from
//     Prompt. The key.Key that comes back ciphers in the token; one that is also
//     a key.Handshaker does authentications without ciphering for anybody, a
//     key.Wrapper changes keys whose bytes never leave.
//   - Another computer: Has may ask it, since that prompts nobody; ctx bounds it.
//
// A key derived from a master key is made in Key: Ref has the UID and the place
// that the derivation needs. A Ref with a Role that a store does not know is
// simply not there.
//
// A Cache in front of a store keeps what is dear to get, an Audited one tells a hook
// of each use.
//
// Cards are changed from one key to the next over weeks. Key gives the one that
// cards should have now; a store that still has older ones is Rotating, and who
// opens a session takes the one whose version the card tells. A program that
// changes keys has two stores, for the old keys and for the new.
//
// # Keys as people write them
//
// ParseSpec takes the written form of a key apart: digits, a file, a variable, a
// program, a prompt. Config says which of that may happen, and who is asked.
package keystore
