// Package e2e has tests only: reader, simulated card and a real PC/SC stack
// together, and programs of others that meet the card there.
package e2e
