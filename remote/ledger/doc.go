// Package ledger brings the changes of purses at the edge to a centre, so that each stands in
// its ledger once, and brings back what the centre found out of those that are in doubt.
//
// At the edge an Outbox reads the log of a journal (purse.ChangeLog) and ships what changed. Nothing
// there waits for the centre. It begins where the centre says that it is: a centre that has
// lost something, or was restored, gets it again, and what comes twice does no harm. What the centre
// confirmed stays in the journal for 30 days from then on, if nothing else is said.
//
// The Centre keeps, in JetStream:
//
//	CHANGES      every batch as it was shipped, for ever; the rest follows from it
//	LEDGER       one message for each transaction that was decided, for ever: what it was and what became of it
//	ENTRIES      what is known of each transaction now
//	CORRECTIONS  decisions that are others than what stands in the ledger
//	ALARMS       what a person should look at
//
// and buckets: whose journal is which, what is open, what is to be told to agents, the books of each card,
// mandates. Who ships is known by the subject, which the server checks: what an agent says of its own
// name counts nowhere. The centre's judgement is purse.Reconcile.
//
// # Open entries
//
// A change whose answer was lost is open. Open entries are told to all agents (Opens), so that a
// gate that sees the card settles it (purse.Purse.SettleOther). What it found goes through its outbox to the
// centre, and from there to the journal of the owner.
//
// # What survives what
//
// JetStream acknowledges what it has written before it is on disk, unless the server is told to sync always; see
// Config.SyncAfter. A Watermark tells both how far the centre is and how far that survives a loss of power.
// Its epoch is the identity of CHANGES: it changes where the stream was made anew or restored.
//
// # Clocks
//
// No clock of an agent decides anything alone: for how long the journal keeps what is confirmed goes by the clocks of
// the agent and of the centre, whichever says less. Times in entries are for people.
package ledger
