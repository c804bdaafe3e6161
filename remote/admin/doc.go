// Package admin is what people ask the centre of a fleet, over NATS, and both ends of it:
// Serve in the centre, over values of package fleet, and Client in a tool. What only
// reads viewers may ask as well; see centre.RightsOf.
package admin
