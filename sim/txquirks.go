package sim

import "github.com/go-desfire/desfire/wire"

// TransactionQuirks is what only silicon can tell of transactions: where it
// matters to who must know whether something happened. The defaults are what the
// sources make likeliest; a reader has to be right, or to say that it does not
// know, whatever they are.
//
// What a chip keeps of a commit that loses power in the middle is a matter of
// faults, and so is a write that wears the memory out; the coding of the
// transaction timer is Quirks.TimerUnit.
type TransactionQuirks struct {
	// DebitZeroPends: a debit of 0 begins a transaction, as any debit does: the
	// command reference (9) names no lower limit, and no recording shows one.
	// false: it is taken and nothing pends.
	DebitZeroPends bool
	// StatusDebitZero refuses a debit of 0; OPERATION_OK: it is taken. Emulators
	// take it; that a chip checks for it is a guess.
	StatusDebitZero wire.Status
	// DebitZeroResetsLimit: a committed debit of 0 is a debit, and leaves nothing
	// that LimitedCredit could give back. false: it leaves the amount as it was. No
	// source.
	DebitZeroResetsLimit bool
	// CreditResetsLimit: a commit that changed a value file without a debit leaves
	// nothing that LimitedCredit could give back. Command reference 10.6 speaks of
	// what "the last transaction" debited; false after libfreefare's tests.
	CreditResetsLimit bool

	// ChallengeAborts: GET CHALLENGE drops what pends. On a D40 and EV1 a whole
	// authentication does not (command reference 10.4, libfreefare on hardware);
	// no source tries this command, which needs no key.
	ChallengeAborts bool
	// BeginAborts: the first frame of an authentication drops what pends, though
	// a whole one does not (10.4): a chip that remembers it in the session alone.
	BeginAborts bool
	// FailedAuthKeeps: AUTHENTICATION_ERROR in the second frame keeps what pends.
	// 10.4 says that every error status drops it.
	FailedAuthKeeps bool
	// BrokenNonFirstResumes: a NonFirst that another command breaks off keeps what
	// pends, and can be made again, as if the session had only been put aside. false:
	// only First goes on (data sheet of Light; no recording shows either).
	BrokenNonFirstResumes bool
	// PreparePCAborts: PreparePC drops what pends. It ends the session (11); no
	// source speaks of transactions.
	PreparePCAborts bool
	// PlainCommitRefused: CommitTransaction outside a session answers AE where a
	// session left something pending. Commits of free changes without a session
	// work on EV3 (hardware notes 4).
	PlainCommitRefused bool
	// CommitOwnSession: only the session that left something pending can commit
	// it, with what NonFirst made of it. On a D40 and EV1 another key's can (10.4).
	CommitOwnSession bool

	// ReadsStartTransaction: with a transaction MAC file reads make a transaction
	// that can be committed and aborted (data sheet of DESFire Light; assumed for EV2
	// and EV3). false: they enter its input only.
	ReadsStartTransaction bool
	// SecondReaderIDReplaces: a second CommitReaderID is taken in place of the
	// first one. false: 9D, as every error dropping what pends (data sheet of Light).
	SecondReaderIDReplaces bool
	// AbortedReaderRemembered: CommitReaderID answers the reader that was named
	// last, if only in an aborted transaction. false: the one of the last committed
	// transaction (hardware notes 4, recomputed from an EV3).
	AbortedReaderRemembered bool
	// TMCStops: after the highest counter, FFFFFFFF or FFFF under LRP, a card does
	// no more transactions, as at a limit. false: it begins anew. No source.
	TMCStops bool
	// LimitRefusesCommit: at TMCLimit CommitTransaction is refused, not reads and
	// changes, as command reference 8 infers; the data sheet of Light says the other.
	LimitRefusesCommit bool
	// SesTMCCountsAborts: under LRP a transaction that was aborted uses up a
	// sesTMC, which a commit resets. false: each transaction begins with 1. The rule
	// is public, no number is (secure-messaging reference 6.1).
	SesTMCCountsAborts bool
	// TMACKept: a transaction MAC file that is deleted and created again goes on
	// with counter and reader. false: it begins with zeros (command reference 8).
	TMACKept bool

	// StatusTwoApplications answers SelectApplication of two applications;
	// OPERATION_OK: both are selected. What permits that is not public (7.2).
	StatusTwoApplications wire.Status
	// StatusForeignRecord answers WriteRecord into the record that another session
	// left pending; OPERATION_OK: it is written into, as within one session
	// (libfreefare, an EV3; hardware notes 5).
	StatusForeignRecord wire.Status
}

func transactionQuirks() TransactionQuirks {
	return TransactionQuirks{
		DebitZeroPends:        true,
		StatusDebitZero:       wire.StatusOK,
		ReadsStartTransaction: true,
		StatusTwoApplications: wire.StatusOK,
		StatusForeignRecord:   wire.StatusOK,
	}
}
