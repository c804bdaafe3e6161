package wire

import "fmt"

// Status is a 16-bit status word. A native status byte s is Status 0x9100|s,
// so that native, wrapped and ISO 7816-4 answers share one type. Every status
// other than success is an error.
type Status uint16

// Native status codes, as the wrapped form carries them (command reference 4.1).
const (
	StatusOK                  Status = 0x9100
	StatusStateError          Status = 0x910B // the names of sources differ: the card waits for another command
	StatusNoChanges           Status = 0x910C
	StatusOutOfEEPROM         Status = 0x910E
	StatusIllegalCommand      Status = 0x911C
	StatusIntegrityError      Status = 0x911E
	StatusNoSuchKey           Status = 0x9140
	StatusLengthError         Status = 0x917E
	StatusSignatureOK         Status = 0x9190 // success of Read_Sig and the proximity check
	StatusPermissionDenied    Status = 0x919D
	StatusParameterError      Status = 0x919E
	StatusApplicationNotFound Status = 0x91A0
	StatusApplIntegrityError  Status = 0x91A1
	StatusAuthenticationDelay Status = 0x91AD
	StatusAuthenticationError Status = 0x91AE
	StatusAdditionalFrame     Status = 0x91AF
	StatusBoundaryError       Status = 0x91BE
	StatusPICCIntegrityError  Status = 0x91C1
	StatusCommandAborted      Status = 0x91CA
	StatusPICCDisabled        Status = 0x91CD
	StatusCountError          Status = 0x91CE
	StatusDuplicateError      Status = 0x91DE
	StatusEEPROMError         Status = 0x91EE
	StatusFileNotFound        Status = 0x91F0
	StatusFileIntegrityError  Status = 0x91F1
)

// ISO 7816-4 status words (command reference 4.4).
const (
	StatusISOOK                   Status = 0x9000
	StatusISOEndOfFile            Status = 0x6282
	StatusISOLimitReached         Status = 0x6283 // SELECT succeeded, the TMC limit is reached
	StatusISOAuthFailed           Status = 0x6300
	StatusISOMemoryFailure        Status = 0x6581
	StatusISOWrongLength          Status = 0x6700
	StatusISOSecurityStatus       Status = 0x6982
	StatusISOConditionsOfUse      Status = 0x6985
	StatusISOCommandNotAllowed    Status = 0x6986
	StatusISOWrongData            Status = 0x6A80
	StatusISOFunctionNotSupported Status = 0x6A81
	StatusISOFileNotFound         Status = 0x6A82
	StatusISORecordNotFound       Status = 0x6A83
	StatusISONotEnoughMemory      Status = 0x6A84
	StatusISOWrongP1P2            Status = 0x6A86
	StatusISOLcInconsistent       Status = 0x6A87
	StatusISOInsNotSupported      Status = 0x6D00
	StatusISOClassNotSupported    Status = 0x6E00
	StatusISONoPreciseDiagnosis   Status = 0x6F00
)

type statusText struct {
	status     Status
	name, text string
}

var statusTexts = [...]statusText{
	{StatusOK, "OPERATION_OK", "done"},
	{StatusStateError, "STATE_ERROR", "the card is in a state (proximity check, mandatory check missing) that does not allow this command"},
	{StatusNoChanges, "NO_CHANGES", "nothing was pending"},
	{StatusOutOfEEPROM, "OUT_OF_EEPROM_ERROR", "not enough memory left on the card"},
	{StatusIllegalCommand, "ILLEGAL_COMMAND_CODE", "the card does not know this command, not in this state, or has it switched off"},
	{StatusIntegrityError, "INTEGRITY_ERROR", "CRC or MAC does not match the data, or the padding is wrong"},
	{StatusNoSuchKey, "NO_SUCH_KEY", "there is no key with this number"},
	{StatusLengthError, "LENGTH_ERROR", "the command has the wrong length, or lacks or has a MAC it should not"},
	{StatusSignatureOK, "SIGNATURE_OK", "done"},
	{StatusPermissionDenied, "PERMISSION_DENIED", "settings, level or state forbid this, whatever the key"},
	{StatusParameterError, "PARAMETER_ERROR", "the value of a parameter is not valid"},
	{StatusApplicationNotFound, "APPLICATION_NOT_FOUND", "there is no such application"},
	{StatusApplIntegrityError, "APPL_INTEGRITY_ERROR", "an error that cannot be mended: the application is disabled"},
	{StatusAuthenticationDelay, "AUTHENTICATION_DELAY", "the card waits after failed authentications: ask again"},
	{StatusAuthenticationError, "AUTHENTICATION_ERROR", "not authenticated with a key that allows this"},
	{StatusAdditionalFrame, "ADDITIONAL_FRAME", "more to come"},
	{StatusBoundaryError, "BOUNDARY_ERROR", "beyond the end of the file or the limit of the value"},
	{StatusPICCIntegrityError, "PICC_INTEGRITY_ERROR", "an error that cannot be mended: the card disables itself"},
	{StatusCommandAborted, "COMMAND_ABORTED", "an earlier command was not finished: not all its frames were sent or asked for"},
	{StatusPICCDisabled, "PICC_DISABLED_ERROR", "the card has disabled itself after an error that cannot be mended"},
	{StatusCountError, "COUNT_ERROR", "the number of applications or files is at its limit"},
	{StatusDuplicateError, "DUPLICATE_ERROR", "this application, file or name exists already"},
	{StatusEEPROMError, "EEPROM_ERROR", "the memory could not be written: power was lost, or it is worn out"},
	{StatusFileNotFound, "FILE_NOT_FOUND", "there is no such file"},
	{StatusFileIntegrityError, "FILE_INTEGRITY_ERROR", "an error that cannot be mended: the file is disabled"},
	{StatusISOOK, "OK", "done"},
	{StatusISOEndOfFile, "END_OF_FILE", "end of file before Le bytes"},
	{StatusISOLimitReached, "LIMIT_REACHED", "selected, but the transaction MAC counter is at its limit"},
	{StatusISOAuthFailed, "AUTHENTICATION_FAILED", "the authentication failed"},
	{StatusISOMemoryFailure, "MEMORY_FAILURE", "the memory could not be written"},
	{StatusISOWrongLength, "WRONG_LENGTH", "Lc or Le is wrong"},
	{StatusISOSecurityStatus, "SECURITY_STATUS", "access is not granted in the present state of authentication"},
	{StatusISOConditionsOfUse, "CONDITIONS_OF_USE", "not possible in this state or with this file"},
	{StatusISOCommandNotAllowed, "COMMAND_NOT_ALLOWED", "no elementary file is selected"},
	{StatusISOWrongData, "WRONG_DATA", "the data field is wrong"},
	{StatusISOFunctionNotSupported, "FUNCTION_NOT_SUPPORTED", "the card does not know this function"},
	{StatusISOFileNotFound, "FILE_NOT_FOUND", "file or application not found"},
	{StatusISORecordNotFound, "RECORD_NOT_FOUND", "record not found"},
	{StatusISONotEnoughMemory, "NOT_ENOUGH_MEMORY", "beyond the end of the file"},
	{StatusISOWrongP1P2, "WRONG_P1_P2", "P1 or P2 is wrong"},
	{StatusISOLcInconsistent, "LC_INCONSISTENT", "Lc does not fit P1 and P2"},
	{StatusISOInsNotSupported, "INS_NOT_SUPPORTED", "the card does not know this instruction"},
	{StatusISOClassNotSupported, "CLASS_NOT_SUPPORTED", "the card does not know this class"},
	{StatusISONoPreciseDiagnosis, "NO_PRECISE_DIAGNOSIS", "the card gives no reason"},
}

// Native makes a Status of a native status byte.
func Native(status byte) Status { return 0x9100 | Status(status) }

// Byte is the native status byte. It is meaningful only if IsNative.
func (s Status) Byte() byte { return byte(s) }

// IsNative reports whether s is a DESFire status and not one of ISO 7816-4.
func (s Status) IsNative() bool { return s>>8 == 0x91 }

// Known reports whether s stands in the tables of this package.
func (s Status) Known() bool {
	_, ok := s.lookup()
	return ok
}

func (s Status) lookup() (statusText, bool) {
	for _, t := range statusTexts {
		if t.status == s {
			return t, true
		}
	}
	return isoText(s)
}

// String is the name NXP or ISO 7816 gives the status, or its number.
func (s Status) String() string {
	if t, ok := s.lookup(); ok {
		return t.name
	}
	return fmt.Sprintf("status %04X", uint16(s))
}

// Error says the status in words.
func (s Status) Error() string {
	if t, ok := s.lookup(); ok {
		return fmt.Sprintf("%s (%04X): %s", t.name, uint16(s), t.text)
	}
	return fmt.Sprintf("unknown status %04X", uint16(s))
}
