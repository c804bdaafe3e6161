// Package pkcs11 gives keys that stay in a hardware security module, a smart card or
// any other token that has a PKCS#11 module. It calls modules without cgo.
//
//	m, err := pkcs11.Open("/usr/lib/softhsm/libsofthsm2.so", &pkcs11.Config{PIN: pkcs11.Ask(prompt)})
//	u, err := pkcs11.ParseURI("pkcs11:token=door;object=master/2A")
//	k, err := m.Key(ctx, u)
//	err = card.Authenticate(ctx, 0, k)
//
// A Module is one library, Modules opens several as their keys are asked for. A URI
// names a key as RFC 7512 does, a Key is the handle.
//
// # What it gives
//
// The token ciphers for the program: a Key authenticates and derives keys of cards
// (package an10922), and its bytes never leave. Session keys, and keys that were
// derived, are made in the program's memory. No mechanism of PKCS#11 makes what a
// card wants for a key change, so that a Key is a key.OpaqueError there, before
// anything is sent. docs/keys.md has the whole of it.
//
// # PINs
//
// A PIN comes from a person, a variable or a program, and never stands in a URI. It
// is asked for when a token wants one, and not again while the process has a session
// with it: a login counts for the whole process. Each answer is tried once. One that
// was refused is not tried again by the same Module, since tokens count and lock;
// where the token says that it would lock with the next, only a person is asked. The
// question says how many are left, as far as the token tells.
//
// # Calls that hang
//
// A call into a module cannot be interrupted. When a context ends, methods return at
// once; the call goes on in a goroutine of its own, which ends with it and gives the
// session back. Close waits a second for such calls.
//
// # Whom to trust
//
// A module is a program that runs inside this one. Open runs what it is given. Text
// from a layout, a dump, a table or a log must not choose it: ParseURI refuses
// module-path and pin-source, ParseTrusted is for what the user wrote.
package pkcs11
