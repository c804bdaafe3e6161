// Package view is a fleet as it is seen over NATS: what agents say of themselves and their
// readers, put together with who has joined, the ledger and the uses of keys. It is what
// the page and the tool show; it decides nothing.
package view
