package pkcs11

import (
	"errors"
	"fmt"
)

// Error is a return value of a module (CK_RV). It matches the conditions of this
// package with errors.Is.
type Error uint64

// Return values that this package tells apart.
const (
	codeOK                    Error = 0x000
	codeSlotInvalid           Error = 0x003
	codeCantLock              Error = 0x00A
	codeAttributeSensitive    Error = 0x011
	codeAttributeTypeInvalid  Error = 0x012
	codeDeviceError           Error = 0x030
	codeDeviceRemoved         Error = 0x032
	codeFunctionUnsupported   Error = 0x054
	codeKeyHandleInvalid      Error = 0x060
	codeKeyTypeInconsistent   Error = 0x063
	codeKeyNotPermitted       Error = 0x068
	codeMechanismInvalid      Error = 0x070
	codeObjectInvalid         Error = 0x082
	codeOperationActive       Error = 0x090
	codeOperationNotBegun     Error = 0x091
	codePINIncorrect          Error = 0x0A0
	codePINInvalid            Error = 0x0A1
	codePINLength             Error = 0x0A2
	codePINExpired            Error = 0x0A3
	codePINLocked             Error = 0x0A4
	codeSessionClosed         Error = 0x0B0
	codeSessionCount          Error = 0x0B1
	codeSessionInvalid        Error = 0x0B3
	codeTokenAbsent           Error = 0x0E0
	codeTokenUnknown          Error = 0x0E1
	codeAlreadyLoggedIn       Error = 0x100
	codeNotLoggedIn           Error = 0x101
	codePINNotInitialized     Error = 0x102
	codeOtherUser             Error = 0x104
	codeBufferTooSmall        Error = 0x150
	codeNotInitialized        Error = 0x190
	codeAlreadyInitialized    Error = 0x191
	codeFunctionRejected      Error = 0x200
	codeTokenResourceExceeded Error = 0x201
)

var codes = map[Error]struct{ name, text string }{
	0x002:                     {"CKR_HOST_MEMORY", "the module has not enough memory"},
	codeSlotInvalid:           {"CKR_SLOT_ID_INVALID", "the slot is gone"},
	0x005:                     {"CKR_GENERAL_ERROR", "the module failed and does not say why"},
	0x006:                     {"CKR_FUNCTION_FAILED", "the module failed and does not say why"},
	0x007:                     {"CKR_ARGUMENTS_BAD", "the module does not take these arguments"},
	0x009:                     {"CKR_NEED_TO_CREATE_THREADS", "the module must create threads and was told not to"},
	codeCantLock:              {"CKR_CANT_LOCK", "the module cannot lock as threads need it"},
	codeAttributeSensitive:    {"CKR_ATTRIBUTE_SENSITIVE", "the token does not give this away"},
	codeAttributeTypeInvalid:  {"CKR_ATTRIBUTE_TYPE_INVALID", "the object has no such attribute"},
	0x020:                     {"CKR_DATA_INVALID", "the token does not take these data"},
	0x021:                     {"CKR_DATA_LEN_RANGE", "the token does not take data of this length"},
	codeDeviceError:           {"CKR_DEVICE_ERROR", "the token or slot failed"},
	0x031:                     {"CKR_DEVICE_MEMORY", "the token has not enough memory"},
	codeDeviceRemoved:         {"CKR_DEVICE_REMOVED", "the token was removed"},
	0x050:                     {"CKR_FUNCTION_CANCELED", "the call was cancelled"},
	codeFunctionUnsupported:   {"CKR_FUNCTION_NOT_SUPPORTED", "the module has no such function"},
	codeKeyHandleInvalid:      {"CKR_KEY_HANDLE_INVALID", "the key is gone from the token"},
	0x062:                     {"CKR_KEY_SIZE_RANGE", "the mechanism does not take keys of this length"},
	codeKeyTypeInconsistent:   {"CKR_KEY_TYPE_INCONSISTENT", "the mechanism does not take keys of this type"},
	codeKeyNotPermitted:       {"CKR_KEY_FUNCTION_NOT_PERMITTED", "the key was made without leave for this: CKA_ENCRYPT, CKA_DECRYPT or CKA_SIGN"},
	codeMechanismInvalid:      {"CKR_MECHANISM_INVALID", "the token does not have this mechanism"},
	0x071:                     {"CKR_MECHANISM_PARAM_INVALID", "the token does not take the mechanism's parameter"},
	codeObjectInvalid:         {"CKR_OBJECT_HANDLE_INVALID", "the object is gone from the token"},
	codeOperationActive:       {"CKR_OPERATION_ACTIVE", "another operation is active in the session"},
	codeOperationNotBegun:     {"CKR_OPERATION_NOT_INITIALIZED", "the operation was ended from elsewhere"},
	codePINIncorrect:          {"CKR_PIN_INCORRECT", "the PIN is wrong"},
	codePINInvalid:            {"CKR_PIN_INVALID", "the PIN has characters that the token does not take"},
	codePINLength:             {"CKR_PIN_LEN_RANGE", "the PIN is too long or too short"},
	codePINExpired:            {"CKR_PIN_EXPIRED", "the PIN has expired and must be changed with the token's own tool"},
	codePINLocked:             {"CKR_PIN_LOCKED", "the PIN is locked; the token's security officer can set a new one"},
	codeSessionClosed:         {"CKR_SESSION_CLOSED", "the session was closed from elsewhere"},
	codeSessionCount:          {"CKR_SESSION_COUNT", "the token has no session left"},
	codeSessionInvalid:        {"CKR_SESSION_HANDLE_INVALID", "the session is gone"},
	codeTokenAbsent:           {"CKR_TOKEN_NOT_PRESENT", "there is no token in the slot"},
	codeTokenUnknown:          {"CKR_TOKEN_NOT_RECOGNIZED", "the module does not know the token"},
	codeAlreadyLoggedIn:       {"CKR_USER_ALREADY_LOGGED_IN", "the user is logged in"},
	codeNotLoggedIn:           {"CKR_USER_NOT_LOGGED_IN", "nobody is logged in"},
	codePINNotInitialized:     {"CKR_USER_PIN_NOT_INITIALIZED", "the token's user PIN was never set"},
	codeOtherUser:             {"CKR_USER_ANOTHER_ALREADY_LOGGED_IN", "the security officer is logged in by another part of this program"},
	0x105:                     {"CKR_USER_TOO_MANY_TYPES", "the token has too many kinds of users logged in"},
	codeBufferTooSmall:        {"CKR_BUFFER_TOO_SMALL", "the module wants to answer more than there is room for"},
	codeNotInitialized:        {"CKR_CRYPTOKI_NOT_INITIALIZED", "another part of this program has ended the module"},
	codeAlreadyInitialized:    {"CKR_CRYPTOKI_ALREADY_INITIALIZED", "the module is initialized"},
	codeFunctionRejected:      {"CKR_FUNCTION_REJECTED", "the person at the token's key pad refused"},
	codeTokenResourceExceeded: {"CKR_TOKEN_RESOURCE_EXCEEDED", "the token has no resources left"},
}

// Error is what the value means, its name and number.
func (e Error) Error() string {
	if c, ok := codes[e]; ok {
		return fmt.Sprintf("%s (%s, 0x%X)", c.text, c.name, uint64(e))
	}
	return fmt.Sprintf("PKCS#11 return value 0x%X", uint64(e))
}

// Name is the constant's name in pkcs11.h, empty for an unknown value.
func (e Error) Name() string { return codes[e].name }

// Is reports whether the value means the condition target.
func (e Error) Is(target error) bool {
	switch target {
	case ErrNoToken:
		return e.tokenGone()
	case ErrSessions:
		return e == codeSessionCount
	case errors.ErrUnsupported:
		return e.unsupported()
	}
	return false
}

// unsupported reports that the token does not do this, or not with this key.
func (e Error) unsupported() bool {
	switch e {
	case codeFunctionUnsupported, codeMechanismInvalid, codeKeyTypeInconsistent, codeKeyNotPermitted:
		return true
	}
	return false
}

// tokenGone reports that the token is not where it was.
func (e Error) tokenGone() bool {
	switch e {
	case codeDeviceRemoved, codeTokenAbsent, codeTokenUnknown, codeSlotInvalid:
		return true
	}
	return false
}

// lost reports that a session, a login or an object was taken away from elsewhere.
// What was asked for did not happen and can be asked for again.
func (e Error) lost() bool {
	switch e {
	case codeNotLoggedIn, codeKeyHandleInvalid, codeObjectInvalid:
		return true
	}
	return e.sessionGone() || e.tokenGone()
}

// sessionGone reports that a session is of no use any more.
func (e Error) sessionGone() bool {
	switch e {
	case codeSessionClosed, codeSessionInvalid, codeOperationActive, codeOperationNotBegun:
		return true
	}
	return false
}

// spoils reports that nobody knows what the session is worth after it.
func (e Error) spoils() bool {
	switch e {
	case codeDeviceError, codeBufferTooSmall:
		return true
	}
	return e.sessionGone() || e.tokenGone()
}
