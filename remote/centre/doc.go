// Package centre says who may take part in a fleet and what each may say: the keys of
// the fleet, the tokens by which somebody joins, the permissions that are signed for
// one, revocation, certificates, and the fleet files that programs connect with.
//
// The engine is NATS in operator mode. The centre, an [Authority], holds the keys of
// operator and account. A member makes a key of its own and sends the public half with
// a token; what it gets back is a JWT with the permissions of its role, which is worth
// nothing without the key that never left. [Rights] is the one table of who may send
// and hear what.
//
// A fleet file, [File], is what agents, gates and tools connect with; [File.Dial] is the
// only place that does. Everything that does not stay on the machine needs TLS.
package centre
