package sim

import "github.com/go-desfire/desfire/wire"

// Quirks is what silicon does and no public document says, or what sources
// tell differently. Each field names its evidence; QuirksOf gives the defaults
// of a generation. C-n are the numbers of command reference 22, HN the
// sections of the hardware notes.
type Quirks struct {
	// PlainFrame is how many data bytes an answer frame carries outside a
	// session: 59 fits an FSD of 64 (command reference 2.3). A card emulator's
	// constant says 58 for EV3, never seen on one.
	PlainFrame int
	// SessionFrame is the same for data and records in an EV1 session: 48, plain
	// MAC and full alike, recorded from an EV3. Assumed for EV2 sessions.
	SessionFrame int
	// D40Frame is the same in a D40 session in full mode: 56, the largest
	// multiple of the DES block (inferred).
	D40Frame int
	// ISOFileIDFrame is how many bytes of file identifiers one frame carries:
	// 54 on EV3 (HN 6), else as many as fit.
	ISOFileIDFrame int
	// ISOKeepsChain: an ISO 7816-4 command while a native chain is open is
	// executed and the chain dropped. Recorded from an EV3 (SELECT after the
	// first frame of GetVersion); a native command is answered CA there.
	ISOKeepsChain bool
	// StatusMoreWithoutChain answers AF where no chain is open: 1C (inferred,
	// emulators differ).
	StatusMoreWithoutChain wire.Status
	// StatusWrongP1P2 answers a wrapped command whose P1 or P2 is not 00: 6A86
	// on later chips; 917E is told as well (command reference 2.2).
	StatusWrongP1P2 wire.Status
	// ErrorEndsSession: any error status ends an EV1 or EV2 session (EV3, C-38).
	// A D40 session survives.
	ErrorEndsSession bool
	// StreamedWrites: the pieces of an AF-chained plain or MACed write to a
	// standard file reach the memory as they come (command reference 2.4 gives
	// it as the reason to switch chaining off); loss of power leaves part.
	StreamedWrites bool
	// AbsentKeyInRights: rights may name a key that the application does not
	// have. NTAG 424 DNA answers 9E (command reference 13.2); for DESFire there is
	// no source, so it may.
	AbsentKeyInRights bool
	// PICCSettingsRFU: ChangeKeySettings at PICC level takes reserved bits, as
	// some chips do (command reference 7.2); else 9E.
	PICCSettingsRFU bool
	// ISOAuthZeroIV: the last cryptogram of the ISO 7816-4 authentication starts
	// at zero, not at the one before it. No recording; both sources carry on.
	ISOAuthZeroIV bool
	// DFNamesInSession answers GetDFNames in an EV1 session: C1 on three EV1 8K
	// (command reference 7.1), OPERATION_OK for the list.
	DFNamesInSession wire.Status
	// DelayAfter is after how many failed authentications with a key in a row AD
	// is answered: 50 on NTAG 424 DNA. DelayAnswers is how many AD there are
	// before the next attempt; how the delay grows is not public.
	DelayAfter, DelayAnswers int
	// UnknownVCAnswered: SELECT of an installation identifier of NXP's that the
	// card does not have is answered with a random FCI: EV2 (AN12752 table 9).
	UnknownVCAnswered bool
	// WarnEndOfFile: ISO READ BINARY with an Le that is longer than the rest ends
	// with 6282, as notes on EV1 say; false: 9000, as on Light and NTAG 424 (C-16).
	WarnEndOfFile bool
	// StatusUpdateBeyondEnd answers ISO UPDATE BINARY beyond the end: 6985 on
	// Light (HN 8), else not public.
	StatusUpdateBeyondEnd wire.Status
	// ReaderIDNeedsSession: in an application whose transactions need
	// CommitReaderID, free access to files that change at Commit is not enough
	// (EV3, command reference 10.7).
	ReaderIDNeedsSession bool
	// SelectFailureKeeps: after SelectApplication of an unknown AID the
	// selection is what it was; false: the PICC level (7.2, sources differ).
	SelectFailureKeeps bool
}

// QuirksOf returns the defaults of a generation.
func QuirksOf(g wire.Generation) Quirks {
	q := Quirks{
		PlainFrame:             59,
		SessionFrame:           48,
		D40Frame:               56,
		ISOFileIDFrame:         58,
		ISOKeepsChain:          true,
		StatusMoreWithoutChain: wire.StatusIllegalCommand,
		StatusWrongP1P2:        wire.StatusISOWrongP1P2,
		ErrorEndsSession:       true,
		StreamedWrites:         true,
		SelectFailureKeeps:     true,
		DFNamesInSession:       wire.StatusOK,
		StatusUpdateBeyondEnd:  wire.StatusISONotEnoughMemory,
		ReaderIDNeedsSession:   true,
		DelayAfter:             50,
		DelayAnswers:           1,
	}
	q.AbsentKeyInRights = g.Has(wire.FeatureClassic)
	switch g {
	case wire.EV2:
		q.UnknownVCAnswered = true
	case wire.Light:
		q.StatusUpdateBeyondEnd = wire.StatusISOConditionsOfUse
	}
	q.WarnEndOfFile = g == wire.EV1
	if g == wire.EV1 {
		q.DFNamesInSession = wire.StatusPICCIntegrityError
	}
	if g == wire.EV3 {
		q.ISOFileIDFrame = 54
	}
	return q
}
