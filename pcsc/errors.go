package pcsc

import "fmt"

// Error is a return code of PC/SC, or of the system below it.
//
// It matches the conditions of this package:
//
//	errors.Is(err, pcsc.ErrRemoved)
type Error uint32

// Return codes that this package tells apart.
const (
	codeOK                 Error = 0
	codeInternal           Error = 0x80100001
	codeCancelled          Error = 0x80100002
	codeInvalidHandle      Error = 0x80100003
	codeInvalidParameter   Error = 0x80100004
	codeInsufficientBuffer Error = 0x80100008
	codeUnknownReader      Error = 0x80100009
	codeTimeout            Error = 0x8010000A
	codeSharingViolation   Error = 0x8010000B
	codeNoSmartcard        Error = 0x8010000C
	codeProtoMismatch      Error = 0x8010000F
	codeSystemCancelled    Error = 0x80100012
	codeCommError          Error = 0x80100013
	codeNotTransacted      Error = 0x80100016
	codeReaderUnavailable  Error = 0x80100017
	codeNoService          Error = 0x8010001D
	codeServiceStopped     Error = 0x8010001E
	codeUnexpected         Error = 0x8010001F // on pcsc-lite: an unsupported feature
	codeUnsupportedFeature Error = 0x80100022
	codeNoReaders          Error = 0x8010002E
	codeCommDataLost       Error = 0x8010002F
	codeUnsupportedCard    Error = 0x80100065
	codeUnresponsiveCard   Error = 0x80100066
	codeUnpoweredCard      Error = 0x80100067
	codeResetCard          Error = 0x80100068
	codeRemovedCard        Error = 0x80100069
	codeSecurityViolation  Error = 0x8010006A

	// Windows passes these through from the driver and the remote procedure call.
	codeInvalidFunction     Error = 1
	codeInvalidSystemHandle Error = 6
	codeNotReady            Error = 21
	codeBadCommand          Error = 22
	codeGenFailure          Error = 31
	codeNotSupported        Error = 50
	codeBrokenPipe          Error = 109
	codeSemTimeout          Error = 121
	codeOperationAborted    Error = 995
	codeNoMedia             Error = 1112
	codeIODevice            Error = 1117
	codeDeviceNotConnected  Error = 1167
	codeDeviceRemoved       Error = 1617
	codeServerUnavailable   Error = 1722
	codeCallFailed          Error = 1726
	codeCallFailedDNE       Error = 1727
)

// Error gives the name, what it means and the number.
func (e Error) Error() string {
	if n, ok := e.entry(); ok {
		return fmt.Sprintf("%s (%s, 0x%08X)", n.text, n.name, uint32(e))
	}
	return fmt.Sprintf("PC/SC error 0x%08X", uint32(e))
}

// Name is the constant's name in winscard.h, empty for an unknown code.
func (e Error) Name() string {
	n, _ := e.entry()
	return n.name
}

// Is reports whether the code means the condition target.
func (e Error) Is(target error) bool {
	switch target {
	case ErrRemoved:
		return e.removed()
	case ErrReset:
		return e == codeResetCard
	case ErrNoService:
		return e.serviceGone()
	case ErrNoReader:
		return e == codeNoReaders || e == codeUnknownReader || e == codeReaderUnavailable
	case ErrReaderBusy:
		return e == codeSharingViolation
	}
	return false
}

// serviceGone: the service, and with it every handle, is gone.
func (e Error) serviceGone() bool {
	switch e {
	case codeNoService, codeServiceStopped, codeSystemCancelled, codeCommError, codeServerUnavailable, codeBrokenPipe,
		codeCallFailed, codeCallFailedDNE:
		return true
	}
	return false
}

// removed: the card, its reader or the service is no longer there.
func (e Error) removed() bool {
	switch e {
	case codeNotTransacted, codeRemovedCard, codeNoSmartcard, codeReaderUnavailable, codeUnknownReader,
		codeNoReaders, codeUnresponsiveCard, codeUnpoweredCard, codeInvalidHandle, codeCommDataLost,
		codeInvalidSystemHandle, codeNotReady, codeBadCommand, codeGenFailure, codeSemTimeout,
		codeOperationAborted, codeNoMedia, codeIODevice, codeDeviceNotConnected, codeDeviceRemoved:
		return true
	}
	return e.serviceGone()
}

// unsent: the service answers so before anything goes to the card.
// Microsoft's drivers report a card that left in mid-command as removed, hence
// codeRemovedCard counts on pcsc-lite only.
func (e Error) unsent(pcscLite bool) bool {
	switch e {
	case codeResetCard, codeSharingViolation, codeInvalidHandle, codeInvalidParameter:
		return true
	case codeRemovedCard, codeReaderUnavailable:
		return pcscLite
	}
	return false
}

type errorEntry struct {
	code       Error
	name, text string
}

func (e Error) entry() (errorEntry, bool) {
	for _, n := range errorTable {
		if n.code == e {
			return n, true
		}
	}
	return errorEntry{}, false
}

// errorTable is in the order of winscard.h.
var errorTable = [...]errorEntry{
	{codeOK, "SCARD_S_SUCCESS", "no error"},
	{codeInternal, "SCARD_F_INTERNAL_ERROR", "internal error of the PC/SC service"},
	{codeCancelled, "SCARD_E_CANCELLED", "cancelled"},
	{codeInvalidHandle, "SCARD_E_INVALID_HANDLE", "the PC/SC service does not know this connection any more"},
	{codeInvalidParameter, "SCARD_E_INVALID_PARAMETER", "invalid parameter"},
	{0x80100005, "SCARD_E_INVALID_TARGET", "start information of the service is missing or invalid"},
	{0x80100006, "SCARD_E_NO_MEMORY", "not enough memory"},
	{0x80100007, "SCARD_F_WAITED_TOO_LONG", "internal time-out of the PC/SC service"},
	{codeInsufficientBuffer, "SCARD_E_INSUFFICIENT_BUFFER", "the answer is longer than the buffer"},
	{codeUnknownReader, "SCARD_E_UNKNOWN_READER", "there is no reader of this name"},
	{codeTimeout, "SCARD_E_TIMEOUT", "time-out"},
	{codeSharingViolation, "SCARD_E_SHARING_VIOLATION", "another program uses the card"},
	{codeNoSmartcard, "SCARD_E_NO_SMARTCARD", "no card in the reader"},
	{0x8010000D, "SCARD_E_UNKNOWN_CARD", "unknown card"},
	{0x8010000E, "SCARD_E_CANT_DISPOSE", "the card cannot be left in that state"},
	{codeProtoMismatch, "SCARD_E_PROTO_MISMATCH", "the card does not speak the requested protocol"},
	{0x80100010, "SCARD_E_NOT_READY", "reader or card is not ready"},
	{0x80100011, "SCARD_E_INVALID_VALUE", "invalid value"},
	{codeSystemCancelled, "SCARD_E_SYSTEM_CANCELLED", "cancelled by the system, which logs off or shuts down"},
	{codeCommError, "SCARD_F_COMM_ERROR", "the PC/SC service broke off in mid-talk"},
	{0x80100014, "SCARD_F_UNKNOWN_ERROR", "internal error of unknown source"},
	{0x80100015, "SCARD_E_INVALID_ATR", "the card's answer to reset is invalid"},
	{codeNotTransacted, "SCARD_E_NOT_TRANSACTED", "the card did not answer; it probably left the field"},
	{codeReaderUnavailable, "SCARD_E_READER_UNAVAILABLE", "the reader was unplugged"},
	{0x80100018, "SCARD_P_SHUTDOWN", "the PC/SC service shuts down"},
	{0x80100019, "SCARD_E_PCI_TOO_SMALL", "the protocol structure is too small"},
	{0x8010001A, "SCARD_E_READER_UNSUPPORTED", "the reader's driver does not meet the requirements"},
	{0x8010001B, "SCARD_E_DUPLICATE_READER", "duplicate reader name"},
	{0x8010001C, "SCARD_E_CARD_UNSUPPORTED", "the card does not meet the requirements"},
	{codeNoService, "SCARD_E_NO_SERVICE", "the PC/SC service does not run"},
	{codeServiceStopped, "SCARD_E_SERVICE_STOPPED", "the PC/SC service has stopped"},
	{codeUnexpected, "SCARD_E_UNEXPECTED", "unexpected card error, or a feature the reader lacks"},
	{codeUnsupportedFeature, "SCARD_E_UNSUPPORTED_FEATURE", "the reader or its driver cannot do this"},
	{0x80100027, "SCARD_E_NO_ACCESS", "access denied"},
	{codeNoReaders, "SCARD_E_NO_READERS_AVAILABLE", "no reader"},
	{codeCommDataLost, "SCARD_E_COMM_DATA_LOST", "the connection to the card broke"},
	{0x80100031, "SCARD_E_SERVER_TOO_BUSY", "the PC/SC service is too busy"},
	{codeUnsupportedCard, "SCARD_W_UNSUPPORTED_CARD", "reader and card cannot agree on parameters"},
	{codeUnresponsiveCard, "SCARD_W_UNRESPONSIVE_CARD", "the card does not answer to reset"},
	{codeUnpoweredCard, "SCARD_W_UNPOWERED_CARD", "the card has no power"},
	{codeResetCard, "SCARD_W_RESET_CARD", "the card was reset"},
	{codeRemovedCard, "SCARD_W_REMOVED_CARD", "the card was removed"},
	{codeSecurityViolation, "SCARD_W_SECURITY_VIOLATION", "access denied by the system's security policy"},
	{codeInvalidFunction, "ERROR_INVALID_FUNCTION", "the reader or its driver cannot do this"},
	{5, "ERROR_ACCESS_DENIED", "access denied"},
	{codeInvalidSystemHandle, "ERROR_INVALID_HANDLE", "the connection to the PC/SC service is gone"},
	{codeNotReady, "ERROR_NOT_READY", "the device is not ready"},
	{codeBadCommand, "ERROR_BAD_COMMAND", "the device does not know the command"},
	{codeGenFailure, "ERROR_GEN_FAILURE", "the reader does not work"},
	{codeNotSupported, "ERROR_NOT_SUPPORTED", "the reader or its driver cannot do this"},
	{87, "ERROR_INVALID_PARAMETER", "the driver does not take this command"},
	{codeBrokenPipe, "ERROR_BROKEN_PIPE", "the PC/SC service broke off, or a remote session has no readers"},
	{codeSemTimeout, "ERROR_SEM_TIMEOUT", "the reader did not answer in time"},
	{122, "ERROR_INSUFFICIENT_BUFFER", "the answer is longer than the buffer"},
	{codeOperationAborted, "ERROR_OPERATION_ABORTED", "the reader was unplugged"},
	{codeNoMedia, "ERROR_NO_MEDIA_IN_DRIVE", "no card in the reader"},
	{codeIODevice, "ERROR_IO_DEVICE", "the reader lost the card"},
	{codeDeviceNotConnected, "ERROR_DEVICE_NOT_CONNECTED", "the reader was unplugged"},
	{codeDeviceRemoved, "ERROR_DEVICE_REMOVED", "the reader was unplugged"},
	{codeServerUnavailable, "RPC_S_SERVER_UNAVAILABLE", "the PC/SC service does not run"},
	{codeCallFailed, "RPC_S_CALL_FAILED", "the PC/SC service broke off in mid-talk"},
	{codeCallFailedDNE, "RPC_S_CALL_FAILED_DNE", "the PC/SC service broke off before the call"},
}
