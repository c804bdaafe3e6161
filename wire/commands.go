package wire

import "iter"

// commands holds every command, by chapter of the command reference.
var commands = [...]*Spec{
	// card (7.1)
	&getVersionSpec, &freeMemorySpec, &formatPICCSpec,
	// applications (7.2)
	&selectApplicationSpec, &getApplicationIDsSpec, &getDFNamesSpec, &createApplicationSpec, &deleteApplicationSpec,
	// keys (7.2, 7.3)
	&getKeySettingsSpec, &changeKeySettingsSpec, &getKeyVersionSpec, &changeKeySpec, &changeKeyEV2Spec,
	// files (8)
	&getFileIDsSpec, &getISOFileIDsSpec, &getFileSettingsSpec, &changeFileSettingsSpec,
	&createStdDataFileSpec, &createBackupDataFileSpec, &createValueFileSpec,
	&createLinearRecordFileSpec, &createCyclicRecordFileSpec, &deleteFileSpec,
	// data (9)
	&readDataSpec, &writeDataSpec, &readDataISOSpec, &writeDataISOSpec,
	&getValueSpec, &creditSpec, &debitSpec, &limitedCreditSpec,
	&writeRecordSpec, &readRecordsSpec, &updateRecordSpec, &clearRecordFileSpec,
	&writeRecordISOSpec, &readRecordsISOSpec, &updateRecordISOSpec,
	// transactions (10)
	&commitTransactionSpec, &abortTransactionSpec,
}

// Commands yields the declaration of every command.
func Commands() iter.Seq[*Spec] {
	return func(yield func(*Spec) bool) {
		for _, s := range commands {
			if !yield(s) {
				return
			}
		}
	}
}

// Find returns the declaration for class, INS and variant, or nil.
func Find(class Class, ins byte, variant string) *Spec {
	for _, s := range commands {
		if s.Class == class && s.INS == ins && s.Variant == variant {
			return s
		}
	}
	return nil
}
