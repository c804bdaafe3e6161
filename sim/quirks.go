package sim

import (
	"time"

	"github.com/go-desfire/desfire/wire"
)

// Quirks is what silicon does and no public document says, or what sources
// tell differently. Each field names its evidence; QuirksOf gives the defaults
// of a generation. C-n are the numbers of command reference 22, HN the
// sections of the hardware notes.
type Quirks struct {
	// PlainFrame is how many data bytes an answer frame carries outside a
	// session: 59 fits an FSD of 64 (command reference 2.3). A card emulator's
	// constant says 58 for EV3, never seen on one.
	PlainFrame int
	// WholeBlocks: in a session a frame that is not the last carries whole blocks
	// of the session's cipher only: 48 bytes under AES, in plain, MAC and full mode
	// (EV3, testdata/traces/desox-ev3-file-io-3309ce2.json; EV1,
	// skjolber-ev1-testaes3), 56 under DES (EV1, skjolber-ev1-test3k3des2). Assumed
	// for EV2 sessions, and for D40 sessions in full mode.
	WholeBlocks bool
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
	// StatusSignatureInSession ends ReadSignature in a session: 9190 on NTAG 424
	// DNA (testdata/traces/ntag424rs-lrp-key0.json), taken for Light as well; 9100
	// on EV2 and EV3 (command reference 7.1).
	StatusSignatureInSession wire.Status
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
	// PubRespTime and PPS1 are what PreparePC answers: 06A0 on EV2, 0320 on EV3
	// (HN 9); PPS1 is the speed of the link, 00 and 0A were seen.
	PubRespTime uint16
	PPS1        uint8
	// DAMVersionAt is where the key version stands in the plain of EncK (C-11,
	// open): 31, or 23 after two sources.
	DAMVersionAt int
	// SDMAtCreate: CreateStdDataFile takes the option of secure dynamic messaging.
	// Seen working on an EV3 (command reference 13.3) and refused with 9D on another
	// (testdata/traces/taplinx-ev3-create-ndef.json).
	SDMAtCreate bool
	// SDMBlockAtCreate: GetFileSettings of a file that was created with that
	// option, and not changed since, answers a block that allows nothing: options
	// 00, rights FFFF. The layout has the block wherever bit 6 is set, and
	// TalkToYourDESFireCard, written on EV3s, reads it without looking whether it
	// is there. Inferred: no recording shows such a file. false: bit 6 alone.
	SDMBlockAtCreate bool
	// LimitedCreditWhenOff: CommitTransaction sets the limited-credit value of a file
	// that has limited credit switched off. GetFileSettings showed 97 after a debit
	// of 97 on EV1 (libfreefare's tests), 0 on EV2 (libfreefare issue 120). EV3 and
	// Light are taken for EV2s.
	LimitedCreditWhenOff bool
	// TimerUnit is the unit of the transaction timer of EV3, PDCap2.2 in
	// SetConfiguration 05 (HN 3): one second after an emulator; the coding is not
	// public.
	TimerUnit time.Duration
	// StatusChainedWriting answers an AF-chained MACed or enciphered write to a
	// standard file where SetConfiguration 04 has switched it off: 9D (assumed).
	StatusChainedWriting wire.Status
	// ValueWithoutMAC: Credit, Debit and LimitedCredit without a MAC are taken on
	// MACed files in D40 and EV1 sessions (C-8); else 7E. What led to the reports
	// was most likely free access (HN 1).
	ValueWithoutMAC bool
	// SelectByAID: ISO SELECT takes the three bytes of an AID as a name: D40 (C-13).
	SelectByAID bool
	// ISORecordBase is the P1 of ISO READ RECORD that means the newest record: 1
	// in ISO 7816-4 and in the words of Proxmark3's client, where 0 is the current
	// record; 0 in that client's code (C-18). P1 = 0 is the newest either way.
	ISORecordBase uint8
	// ProximityReaderFirst: the reader's part comes first in each round of the MAC
	// of the proximity check (C-14: five sources put the card's first).
	ProximityReaderFirst bool
	// PreparePCInSession: PreparePC without a proximity key works in an EV2 session
	// (EV3, C-34).
	PreparePCInSession bool
	// FirstAbortsTransaction: AuthenticateEV2First drops what is pending (C-31; the
	// public rule of DESFire Light says no).
	FirstAbortsTransaction bool
	// FormatEndsSession: the session does not survive FormatPICC (C-33; it does on
	// an EV1, testdata/traces/rfdoorlock-ev1-picc-des.json).
	FormatEndsSession bool
	// PICCKeyType: GetKeySettings at PICC level tells the type of the master key.
	// nfcjlib's suite, which passed on EV1 cards, expects 01 there whatever the type.
	PICCKeyType bool
	// SettingsShowFlags: GetKeySettings returns the flags of key setting 2, as one
	// source has it for EV2; another says no (HN 7).
	SettingsShowFlags bool
	// KeySetCopiesActive: InitializeKeySet copies the active set's keys and versions
	// (an emulator, HN 7) and does not take the default keys (command reference 7.4).
	KeySetCopiesActive bool
	TransactionQuirks

	// SelectFailureKeeps: after SelectApplication of an unknown AID the
	// selection is what it was; false: the PICC level (7.2, sources differ).
	SelectFailureKeeps bool
}

// QuirksOf returns the defaults of a generation.
func QuirksOf(g wire.Generation) Quirks {
	q := Quirks{
		TransactionQuirks:      transactionQuirks(),
		PlainFrame:             59,
		WholeBlocks:            true,
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
		PubRespTime:            0x0320,
		DAMVersionAt:           31,
		SDMAtCreate:            true,
		SDMBlockAtCreate:       true,
		TimerUnit:              time.Second,
		PreparePCInSession:     true,
		PICCKeyType:            true,
		StatusChainedWriting:   wire.StatusPermissionDenied,
		DelayAfter:             50,
		DelayAnswers:           1,
		ISORecordBase:          1,
	}
	q.AbsentKeyInRights = g.Has(wire.FeatureClassic)
	q.StatusSignatureInSession = wire.StatusSignatureOK
	if g.Has(wire.FeatureClassic) {
		q.StatusSignatureInSession = wire.StatusOK
	}
	switch g {
	case wire.D40:
		q.SelectByAID = true
	case wire.EV2:
		q.UnknownVCAnswered = true
		q.PubRespTime = 0x06A0
	case wire.Light:
		q.StatusUpdateBeyondEnd = wire.StatusISOConditionsOfUse
	}
	q.WarnEndOfFile = g == wire.EV1
	q.LimitedCreditWhenOff = g == wire.D40 || g == wire.EV1
	q.PICCKeyType = g != wire.EV1
	if g == wire.EV1 {
		q.DFNamesInSession = wire.StatusPICCIntegrityError
	}
	if g == wire.EV3 {
		q.ISOFileIDFrame = 54
	}
	return q
}
