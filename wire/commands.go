package wire

import "iter"

// commands holds every command, by chapter of the command reference.
var commands = [...]*Spec{
	// authentication (6)
	&authenticateSpec, &authenticatePart2Spec, &authenticateISOSpec, &authenticateISOPart2Spec,
	&authenticateAESSpec, &authenticateAESPart2Spec,
	&authenticateEV2FirstSpec, &authenticateEV2FirstPart2Spec,
	&authenticateEV2NonFirstSpec, &authenticateEV2NonFirstPart2Spec,
	&authenticateLRPFirstSpec, &authenticateLRPFirstPart2Spec,
	&authenticateLRPNonFirstSpec, &authenticateLRPNonFirstPart2Spec,
	&isoGetChallengeSpec, &isoExternalAuthenticateSpec, &isoInternalAuthenticateSpec,
	// card (7.1)
	&getVersionSpec, &freeMemorySpec, &getCardUIDSpec, &formatPICCSpec, &readSignatureSpec, &setConfigurationSpec,
	// applications (7.2)
	&selectApplicationSpec, &getApplicationIDsSpec, &getDFNamesSpec, &createApplicationSpec, &deleteApplicationSpec,
	// keys (7.2 to 7.4)
	&getKeySettingsSpec, &changeKeySettingsSpec, &getKeyVersionSpec, &changeKeySpec, &changeKeyEV2Spec,
	&initializeKeySetSpec, &finalizeKeySetSpec, &rollKeySetSpec,
	// delegated applications (7.5)
	&createDelegatedApplicationSpec, &getDelegatedInfoSpec,
	// files (8)
	&getFileIDsSpec, &getISOFileIDsSpec, &getFileSettingsSpec, &changeFileSettingsSpec, &getFileCountersSpec,
	&createStdDataFileSpec, &createBackupDataFileSpec, &createValueFileSpec,
	&createLinearRecordFileSpec, &createCyclicRecordFileSpec, &createTransactionMACFileSpec, &deleteFileSpec,
	// data (9)
	&readDataSpec, &writeDataSpec, &readDataISOSpec, &writeDataISOSpec,
	&getValueSpec, &creditSpec, &debitSpec, &limitedCreditSpec, &restoreTransferSpec,
	&writeRecordSpec, &readRecordsSpec, &updateRecordSpec, &clearRecordFileSpec,
	&writeRecordISOSpec, &readRecordsISOSpec, &updateRecordISOSpec,
	// transactions (10)
	&commitTransactionSpec, &abortTransactionSpec, &commitReaderIDSpec,
	// proximity and virtual cards (11, 12)
	&preparePCSpec, &proximityCheckSpec, &verifyPCSpec, &isoSelectVCSpec, &isoExternalAuthenticateVCSpec,
	// ISO 7816-4 (15)
	&isoSelectSpec, &isoReadBinarySpec, &isoUpdateBinarySpec,
	&isoReadRecordSpec, &isoAppendRecordSpec, &isoUpdateRecordSpec, &isoUpdateRecordOddSpec,
	// parts of their own (17, 18)
	&getTTStatusSpec, &createMFCMappingSpec, &restrictMFCUpdateSpec, &notifyTransactionSuccessSpec,
}

// Commands yields the declaration of every command. They belong to the package
// and must not be changed.
func Commands() iter.Seq[*Spec] {
	return func(yield func(*Spec) bool) {
		for _, s := range commands {
			if !yield(s) {
				return
			}
		}
	}
}

// Find returns the declaration for class, INS and variant, or nil, as Commands
// does.
func Find(class Class, ins byte, variant string) *Spec {
	for _, s := range commands {
		if s.Class == class && s.INS == ins && s.Variant == variant {
			return s
		}
	}
	return nil
}
