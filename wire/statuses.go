package wire

import "slices"

// statusRow says which native commands can give a status.
type statusRow struct {
	status Status
	ins    []byte // nil: every command
	source string // sections of the command reference, or a recording
}

// nativeStatuses are the statuses that refuse. A status that no row has for a
// command did not come from a card that did or refused it.
var nativeStatuses = [...]statusRow{
	// The frame, the session, the level and the parameters are judged for every
	// command alike (4.3), and a card that is damaged says so to all.
	{StatusStateError, nil, "4.1, 11, C-15"},
	{StatusIllegalCommand, nil, "4.1"},
	{StatusIntegrityError, nil, "4.1, 17: at the end of the command counter to all"},
	{StatusLengthError, nil, "4.1, 4.5: MAC missing or unexpected"},
	{StatusPermissionDenied, nil, "4.1, 4.2"},
	{StatusParameterError, nil, "4.1"},
	{StatusAuthenticationError, nil, "4.1, 4.5"},
	{StatusCommandAborted, nil, "4.1, 17"},
	{StatusEEPROMError, nil, "4.1, 17"},
	{StatusApplIntegrityError, nil, "4.1, D40 and EV1"},
	{StatusPICCIntegrityError, nil, "4.1, D40 and EV1"},
	{StatusPICCDisabled, nil, "4.1, D40 and EV1"},

	{StatusNoChanges, []byte{InsCommitTransaction, InsAbortTransaction}, "4.1, 10.2, 10.3"},
	{StatusNoSuchKey, slices.Concat(firstFrames, []byte{InsGetKeyVersion, InsChangeKey, InsChangeKeyEV2, InsInitializeKeySet, InsFinalizeKeySet, InsRollKeySet}), "6, 7.2, 7.3; of key sets inferred"},
	{StatusAuthenticationDelay, firstFrames, "4.1, 6.4, 17"},
	{StatusApplicationNotFound, []byte{InsSelectApplication, InsDeleteApplication, InsGetDelegatedInfo}, "7.2, 7.5"},
	{StatusDuplicateError, slices.Concat(creations, []byte{InsSetConfiguration}), "7.2, 7.5, 8; names of SetConfiguration inferred from 4.1"},
	{StatusCountError, creations, "4.1, 7.2, 8"},
	{StatusOutOfEEPROM, slices.Concat(creations, dataWrites, valueChanges, []byte{InsCommitTransaction}), "7.2, 7.5, 8, 9, 10.2"},
	{StatusBoundaryError, slices.Concat(dataReads, dataWrites, valueChanges), "4.1, 9"},
	{StatusFileNotFound, slices.Concat(dataReads, dataWrites, valueChanges, fileCommands), "4.1, 8, 9"},
	{StatusFileIntegrityError, slices.Concat(dataReads, dataWrites, valueChanges, fileCommands), "4.1, D40 and EV1"},
}

var (
	firstFrames = []byte{InsAuthenticate, InsAuthenticateISO, InsAuthenticateAES, InsAuthenticateEV2First, InsAuthenticateEV2NonFirst}
	creations   = []byte{
		InsCreateApplication, InsCreateDelegatedApplication, InsCreateStdDataFile, InsCreateBackupDataFile, InsCreateValueFile,
		InsCreateLinearRecordFile, InsCreateCyclicRecordFile, InsCreateTransactionMACFile, InsCreateMFCMapping,
	}
	dataReads    = []byte{InsReadData, InsReadDataISO, InsReadRecords, InsReadRecordsISO}
	dataWrites   = []byte{InsWriteData, InsWriteDataISO, InsWriteRecord, InsWriteRecordISO, InsUpdateRecord, InsUpdateRecordISO}
	valueChanges = []byte{InsCredit, InsDebit, InsLimitedCredit, InsRestoreTransfer}
	fileCommands = []byte{
		InsGetValue, InsClearRecordFile, InsGetFileSettings, InsChangeFileSettings, InsGetFileCounters, InsDeleteFile,
		InsCreateMFCMapping, InsSetConfiguration, InsCommitReaderID,
	}
)

// isoStatuses are what ISO 7816-4 commands answer besides success (4.4, 15).
var isoStatuses = [...]statusRow{
	{StatusISOMemoryFailure, nil, "4.4, 15.2"},
	{StatusISOWrongLength, nil, "4.4, 15"},
	{StatusISOSecurityStatus, nil, "4.4, 15"},
	{StatusISOConditionsOfUse, nil, "4.4, 15"},
	{StatusISOCommandNotAllowed, nil, "4.4"},
	{StatusISOWrongData, nil, "4.4"},
	{StatusISOFunctionNotSupported, nil, "ISO 7816-4"},
	{StatusISOFileNotFound, nil, "4.4, 15"},
	{StatusISOWrongP1P2, nil, "4.4, 15"},
	{StatusISOLcInconsistent, nil, "4.4, 15"},
	{StatusISOInsNotSupported, nil, "4.4"},
	{StatusISOClassNotSupported, nil, "4.4"},
	{StatusISONoPreciseDiagnosis, nil, "4.4"},

	{StatusISOEndOfFile, []byte{InsISOReadBinary, InsISOReadRecord}, "4.4, C-16"},
	{StatusISOLimitReached, []byte{InsISOSelect}, "data sheet of DESFire Light"},
	{StatusISOAuthFailed, []byte{InsISOExternalAuthenticate, InsISOInternalAuthenticate}, "6.7"},
	{StatusISORecordNotFound, []byte{InsISOReadRecord, InsISOUpdateRecord, InsISOUpdateRecordOdd}, "15.4"},
	{StatusISONotEnoughMemory, []byte{InsISOUpdateBinary, InsISOAppendRecord, InsISOUpdateRecord, InsISOUpdateRecordOdd}, "15.3"},
}

const wrongLe = 0x6C // SW1; SW2 is the right Le

// CanAnswer reports whether a card can give the status to the command: its
// success, or a refusal that it has. ADDITIONAL_FRAME belongs to a chain and is
// a status only where it is the success. No native command answers with another
// SW1 than 91. Commands that are not declared can answer every known status.
//
// A status that a card can give proves nothing: no status is authenticated.
func (s *Spec) CanAnswer(st Status) bool {
	if st == s.Success {
		return true
	}
	declared := s.INS == InsAdditionalFrame && s.Class == ClassNative || slices.ContainsFunc(commands[:], func(d *Spec) bool {
		return d.Class == s.Class && d.INS == s.INS && d.Unknown == ""
	})
	if s.Class == ClassISO {
		return st>>8 == wrongLe || !declared && st.Known() && !st.IsNative() || canGive(isoStatuses[:], s.INS, st)
	}
	switch {
	case !st.IsNative():
		return false
	case !declared:
		return st.Known()
	case s.INS == InsReadSignature && st == StatusOK: // in a session (7.1)
		return true
	}
	return canGive(nativeStatuses[:], s.INS, st)
}

// CanRefuse reports whether a card can refuse the command with the status: what
// says that all went well, or that more is to come, is no refusal.
func (s *Spec) CanRefuse(st Status) bool {
	switch st {
	case StatusOK, StatusSignatureOK, StatusAdditionalFrame:
		return false
	}
	return s.CanAnswer(st)
}

func canGive(rows []statusRow, ins byte, st Status) bool {
	for i := range rows {
		if r := &rows[i]; r.status == st {
			return r.ins == nil || slices.Contains(r.ins, ins)
		}
	}
	return false
}
