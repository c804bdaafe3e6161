package wire

import "fmt"

// isoTexts are status words of ISO 7816-4, 5.1.3 that DESFire cards do not give,
// but what answers in their place does: phones, other applications, readers.
var isoTexts = [...]statusText{
	{0x6200, "WARNING", "a warning without a reason"},
	{0x6281, "DATA_MAY_BE_CORRUPTED", "a part of the answer may be corrupted"},
	{0x6284, "FCI_NOT_FORMATTED", "file control information is not formatted as it should be"},
	{0x6285, "TERMINATED", "the selected file is in termination state"},
	{0x6381, "FILE_FILLED_UP", "the file was filled up by the last write"},
	{0x6400, "EXECUTION_ERROR", "an execution error; nothing was changed"},
	{0x6401, "IMMEDIATE_RESPONSE_REQUIRED", "the card wants an immediate response"},
	{0x6500, "EXECUTION_ERROR", "an execution error; something was changed"},
	{0x6600, "SECURITY_ISSUE", "a security issue without a reason"},
	{0x6800, "CLA_FUNCTION_NOT_SUPPORTED", "a function in the class byte is not supported: what answers does not take this class"},
	{0x6881, "CHANNEL_NOT_SUPPORTED", "logical channels are not supported"},
	{0x6882, "SECURE_MESSAGING_NOT_SUPPORTED", "secure messaging of ISO 7816-4 is not supported"},
	{0x6883, "LAST_COMMAND_EXPECTED", "the last command of a chain is expected"},
	{0x6884, "CHAINING_NOT_SUPPORTED", "command chaining is not supported"},
	{0x6900, "COMMAND_NOT_ALLOWED", "the command is not allowed"},
	{0x6981, "FILE_STRUCTURE", "the command does not fit the file's structure"},
	{0x6983, "METHOD_BLOCKED", "the authentication method is blocked: too many failed tries"},
	{0x6984, "REFERENCE_DATA_UNUSABLE", "the key or password cannot be used"},
	{0x6987, "SM_OBJECTS_MISSING", "data objects of secure messaging are missing"},
	{0x6988, "SM_OBJECTS_INCORRECT", "data objects of secure messaging are wrong"},
	{0x6999, "APPLET_SELECT_FAILED", "the application does not let itself be selected (Java Card)"},
	{0x6A00, "WRONG_PARAMETERS", "P1 or P2 is wrong"},
	{0x6A85, "NC_INCONSISTENT", "Lc does not fit the data objects"},
	{0x6A88, "REFERENCED_DATA_NOT_FOUND", "what the command refers to is not there"},
	{0x6A89, "FILE_EXISTS", "the file exists already"},
	{0x6A8A, "DF_NAME_EXISTS", "the name of the application exists already"},
	{0x6B00, "WRONG_P1_P2", "P1 or P2 is wrong: often an offset behind the end"},
}

// isoRanges are those whose second byte counts something.
var isoRanges = [...]struct {
	from, to   Status
	name, text string
}{
	{0x6100, 0x61FF, "MORE_DATA", "%d bytes more are there to be had with GET RESPONSE"},
	{0x63C0, 0x63CF, "WRONG_PASSWORD", "%d tries are left"},
	{0x6C00, 0x6CFF, "WRONG_LE", "Le is wrong: %d bytes are there"},
}

// isoText finds a status of ISO 7816-4 that is not in the table of DESFire.
func isoText(s Status) (statusText, bool) {
	for _, t := range isoTexts {
		if t.status == s {
			return t, true
		}
	}
	for _, r := range isoRanges {
		if r.from <= s && s <= r.to {
			n := int(s & 0xFF)
			if r.from&0xF0 == 0xC0 {
				n &= 0xF
			} else if n == 0 {
				n = 256
			}
			return statusText{s, r.name, fmt.Sprintf(r.text, n)}, true
		}
	}
	return statusText{}, false
}
