// Package remote is cards on readers elsewhere, over NATS: what agents, programs and the
// centre of a fleet say to each other, and a desfire.Source of readers that are far away.
//
// Every message is a version, a JSON header and bytes; see Encode. Where messages go
// Subjects says.
package remote
