package wire

// Instruction bytes of the commands, by chapter of the command reference.
const (
	// authentication (6)
	InsAuthenticate            = 0x0A
	InsAdditionalFrame         = 0xAF // goes on with a command, an answer or a handshake
	InsAuthenticateISO         = 0x1A
	InsAuthenticateAES         = 0xAA
	InsAuthenticateEV2First    = 0x71 // LRP too
	InsAuthenticateEV2NonFirst = 0x77 // LRP too
	InsISOGetChallenge         = 0x84
	InsISOExternalAuthenticate = 0x82
	InsISOInternalAuthenticate = 0x88

	// card (7.1)
	InsGetVersion       = 0x60
	InsFreeMemory       = 0x6E
	InsGetCardUID       = 0x51
	InsFormatPICC       = 0xFC
	InsReadSignature    = 0x3C
	InsSetConfiguration = 0x5C

	// applications (7.2)
	InsSelectApplication = 0x5A
	InsGetApplicationIDs = 0x6A
	InsGetDFNames        = 0x6D
	InsCreateApplication = 0xCA
	InsDeleteApplication = 0xDA

	// keys (7.2 to 7.4)
	InsGetKeySettings    = 0x45
	InsChangeKeySettings = 0x54
	InsGetKeyVersion     = 0x64
	InsChangeKey         = 0xC4
	InsChangeKeyEV2      = 0xC6
	InsInitializeKeySet  = 0x56
	InsFinalizeKeySet    = 0x57
	InsRollKeySet        = 0x55

	// delegated applications (7.5)
	InsCreateDelegatedApplication = 0xC9
	InsGetDelegatedInfo           = 0x69

	// files (8)
	InsGetFileIDs               = 0x6F
	InsGetISOFileIDs            = 0x61
	InsGetFileSettings          = 0xF5
	InsChangeFileSettings       = 0x5F
	InsGetFileCounters          = 0xF6
	InsCreateStdDataFile        = 0xCD
	InsCreateBackupDataFile     = 0xCB
	InsCreateValueFile          = 0xCC
	InsCreateLinearRecordFile   = 0xC1
	InsCreateCyclicRecordFile   = 0xC0
	InsCreateTransactionMACFile = 0xCE
	InsDeleteFile               = 0xDF

	// data (9)
	InsReadData        = 0xBD
	InsWriteData       = 0x3D
	InsReadDataISO     = 0xAD
	InsWriteDataISO    = 0x8D
	InsGetValue        = 0x6C
	InsCredit          = 0x0C
	InsDebit           = 0xDC
	InsLimitedCredit   = 0x1C
	InsRestoreTransfer = 0xB1
	InsWriteRecord     = 0x3B
	InsReadRecords     = 0xBB
	InsUpdateRecord    = 0xDB
	InsClearRecordFile = 0xEB
	InsWriteRecordISO  = 0x8B
	InsReadRecordsISO  = 0xAB
	InsUpdateRecordISO = 0xBA

	// transactions (10)
	InsCommitTransaction = 0xC7
	InsAbortTransaction  = 0xA7
	InsCommitReaderID    = 0xC8

	// proximity and virtual cards (11, 12)
	InsPreparePC      = 0xF0
	InsProximityCheck = 0xF2
	InsVerifyPC       = 0xFD
	InsISOSelect      = 0xA4

	// ISO 7816-4 (15)
	InsISOReadBinary      = 0xB0
	InsISOUpdateBinary    = 0xD6
	InsISOReadRecord      = 0xB2
	InsISOAppendRecord    = 0xE2
	InsISOUpdateRecord    = 0xDC
	InsISOUpdateRecordOdd = 0xDD

	// parts of their own (17, 18)
	InsGetTTStatus              = 0xF7
	InsCreateMFCMapping         = 0xCF
	InsRestrictMFCUpdate        = 0xBF
	InsNotifyTransactionSuccess = 0xEE
)
