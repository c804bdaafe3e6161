package diagnose

import (
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// cause is what a status may mean, for a live card and for a recording.
type cause struct {
	Cause
	kind string                           // of what is found out otherwise: "crypto", "mode", "session"
	only func(*walk, *trace.Message) bool // in recordings: where it applies; nil: everywhere
}

func inSession(w *walk, m *trace.Message) bool { return w.auth != nil || m.Session != nil }
func noSession(w *walk, m *trace.Message) bool { return w.auth == nil && m.Session == nil }
func isKeyChange(_ *walk, m *trace.Message) bool {
	return m.INS == wire.InsChangeKey || m.INS == wire.InsChangeKeyEV2
}

func onRecords(_ *walk, m *trace.Message) bool {
	return m.INS == wire.InsReadRecords || m.INS == wire.InsReadRecordsISO || m.INS == wire.InsUpdateRecord || m.INS == wire.InsUpdateRecordISO
}

func authenticates(_ *walk, m *trace.Message) bool { return isAuth(m) }
func notAuth(_ *walk, m *trace.Message) bool       { return !isAuth(m) }

// causes are what each status may mean, besides what probes and bytes show,
// the likeliest first.
var causes = map[wire.Status][]cause{
	wire.StatusAuthenticationError: {
		{Cause{60, "the key is another one than on the card", "check the key; a diversified key depends on the UID and on the order of the AID's bytes"}, "", authenticates},
		{Cause{20, "the session was already over when the command came", "authenticate again after every refusal: an error ends EV1 and EV2 sessions"}, "session", notAuth},
		{Cause{15, "the session's key does not have the right", "look at the access rights of the file"}, "", notAuth},
	},
	wire.StatusIntegrityError: {
		{Cause{60, "a key change was made with a wrong old key", "give the exact old key, with its version bits for DES keys"}, "", isKeyChange},
		{Cause{40, "the parity bits of a DES key, which hold its version, are not those that the card has", "state the version bits of DES keys alike for the old and the new key"}, "", isKeyChange},
		{Cause{30, "the message was enciphered or MACed in another mode than the file has", "read the file's settings before the session"}, "mode", inSession},
		{Cause{10, "the command counter or running value is out of step after a lost answer", "authenticate anew"}, "crypto", inSession},
		{Cause{5, "the command carried a MAC or cryptogram that the card could not check", "authenticate first, and let the session's keys make it"}, "crypto", noSession},
	},
	wire.StatusLengthError: {
		{Cause{60, "a MAC or padding was sent where the card wants plain data, or the other way round", "read the settings before the session; access that is merely free is plain even in a session"}, "mode", inSession},
		{Cause{40, "the session had ended before, and the card took the MAC for surplus bytes", "authenticate again"}, "session", inSession},
		{Cause{20, "the command has a wrong number of bytes", "compare with docs/commands.md"}, "", nil},
		{Cause{10, "the frame that was sent is not the one that was recorded, or the card wants a field that others do not", "record what goes over the air, and compare with what GetVersion says of the card"}, "", noSession},
	},
	wire.StatusPermissionDenied: {
		{Cause{60, "the settings forbid it to every key: an access right is never, or the key settings are frozen", "it cannot be done without other settings"}, "", nil},
		{Cause{40, "the command belongs to the other level: application or card", "select the application, or the card, first"}, "", nil},
		{Cause{30, "EV2NonFirst without a session", "begin with EV2First"}, "", authenticates},
		{Cause{20, "the key is disabled, or not meant to authenticate", "enable the key first"}, "", authenticates},
	},
	wire.StatusNoSuchKey: {
		{Cause{70, "the key number does not exist here", "look at the number of keys"}, "", nil},
		{Cause{30, "another application, or the card itself, is selected", "select the application"}, "", nil},
	},
	wire.StatusAuthenticationDelay: {
		{Cause{100, "the card slows down after many failed authentications", "repeat the authentication until the card answers otherwise"}, "", nil},
	},
	wire.StatusIllegalCommand: {
		{Cause{50, "the card does not know this command: it is of another generation, or no DESFire", "ask GetVersion which generation it is"}, "", nil},
		{Cause{30, "the command is switched off by SetConfiguration, or another one is expected now", "begin anew with the selection of the application"}, "", nil},
		{Cause{20, "another program sent a command in between", "keep the reader to one program"}, "", nil},
	},
	wire.StatusParameterError: {
		{Cause{60, "a parameter has a value that this card does not take: a number, a right, a length, or an option", "compare each field with the data sheet; numbers go with their low byte first"}, "", nil},
		{Cause{20, "the parameter contradicts the settings: of the file, of its keys, or of the application", "ask for the settings first"}, "", nil},
		{Cause{15, "the enciphered parameters decipher to something else than was meant", "check the IV and the session key"}, "crypto", inSession},
	},
	wire.StatusApplicationNotFound: {
		{Cause{70, "there is no application with this number", "list the applications with GetApplicationIDs"}, "", nil},
		{Cause{40, "the bytes of the number stand in the wrong order", "send the number with its low byte first"}, "", nil},
	},
	wire.StatusFileNotFound: {
		{Cause{70, "there is no file with this number in the selected application", "list the files with GetFileIDs"}, "", nil},
		{Cause{30, "another application, or the card itself, is selected", "select the application"}, "", nil},
	},
	wire.StatusBoundaryError: {
		{Cause{60, "the access goes beyond the end of the file, or the value beyond its limits", "ask GetFileSettings for size, records and limits"}, "", nil},
		{Cause{30, "the bytes of offset, length or amount stand in the wrong order", "send numbers with their low byte first"}, "", nil},
		{Cause{20, "there are fewer records than are asked for; what is written counts after the commit only", "commit first, and ask GetFileSettings"}, "", onRecords},
	},
	wire.StatusDuplicateError: {
		{Cause{80, "an application, file, or ISO name or identifier of this kind exists already", "choose another one, or delete it first"}, "", nil},
	},
	wire.StatusCountError: {
		{Cause{80, "the card has as many applications, or the application as many files, as it can", "delete one first"}, "", nil},
	},
	wire.StatusOutOfEEPROM: {
		{Cause{80, "the memory of the card is used up; deleted applications do not give theirs back before the card is formatted", "ask FreeMemory, make the file smaller, or format the card"}, "", nil},
	},
	wire.StatusEEPROMError: {
		{Cause{60, "the memory could not be written: the field was too weak, or the card was taken away", "hold the card still and nearer, and do it again"}, "", nil},
		{Cause{20, "the memory of the card is worn out", "use another card"}, "", nil},
	},
	wire.StatusNoChanges: {
		{Cause{80, "nothing is pending: no value, record or backup file was changed since the selection or the last commit", "commit only after a change; data files that are no backup files need none"}, "", nil},
	},
	wire.StatusCommandAborted: {
		{Cause{60, "an earlier command was not finished: the card was waiting for a frame AF", "send the command again, and finish every command that is answered with AF"}, "", nil},
		{Cause{30, "another program sent a command in between", "keep the reader to one program"}, "", nil},
	},
	wire.StatusPICCDisabled: {
		{Cause{100, "the card says that it has disabled itself", "it does not come back by a command; activate it anew, and if it says so again use another card"}, "", nil},
	},
	wire.StatusPICCIntegrityError: {
		{Cause{100, "the card says that its own memory is damaged, and disables itself", "activate the card anew; if it says so again use another one"}, "", nil},
	},
	wire.StatusApplIntegrityError: {
		{Cause{100, "the card says that the application is damaged, and disables it", "delete the application and create it anew"}, "", nil},
	},
	wire.StatusFileIntegrityError: {
		{Cause{100, "the card says that the file is damaged, and disables it", "delete the file and create it anew"}, "", nil},
	},
	wire.StatusStateError: {
		{Cause{60, "the card waits for another command: a proximity check has begun, or is demanded", "finish the check, or select the application anew"}, "", nil},
	},
	wire.StatusISOWrongLength: {
		{Cause{60, "Lc or Le is wrong, or a parameter too long or too short", "compare both with the data; a command without an answer has no Le"}, "", nil},
		{Cause{30, "the frame has another form than the card wants: native where it wants wrapped ones, or the other way round", "wrap native commands: 90 INS 00 00 Lc data 00"}, "", nil},
	},
	wire.StatusISOFileNotFound: {
		{Cause{60, "there is no application or file with this name or identifier", "look at the name: its bytes, not the digits of its text"}, "", nil},
		{Cause{30, "the card has another application, or none is created with an ISO name", "list the names with GetDFNames"}, "", nil},
	},
	wire.StatusISOWrongP1P2: {
		{Cause{60, "P1 or P2 is wrong for this command: another way to select, an offset or short identifier that there is not", "compare P1 and P2 with the data sheet"}, "", nil},
		{Cause{30, "no file is selected that the command could work on", "select the file first, or name it in P1"}, "", nil},
	},
	wire.StatusISOLcInconsistent: {
		{Cause{80, "Lc does not fit the name or identifier that P1 and P2 announce", "a name has 5 to 16 bytes, an identifier two"}, "", nil},
	},
	wire.StatusISOSecurityStatus: {
		{Cause{70, "the access right of the file wants a session with its key", "authenticate first, or make the access free"}, "", nil},
	},
	wire.StatusISOConditionsOfUse: {
		{Cause{60, "the command is not possible in this state or with this file", "select the application and the file, and look at the file's type"}, "", nil},
	},
	wire.StatusISOCommandNotAllowed: {
		{Cause{80, "no file is selected", "select the file, or name it by its short identifier in P1"}, "", nil},
	},
	wire.StatusISOInsNotSupported: {
		{Cause{60, "whoever answered does not know the instruction", "select the application that has it, by its name"}, "", nil},
	},
	wire.StatusISOClassNotSupported: {
		{Cause{60, "whoever answered does not know the class", "wrap native commands with class 90; others have 00"}, "", nil},
	},
	wire.StatusISOAuthFailed: {
		{Cause{70, "the cryptogram was made with another key than the card's, or in another way", "check the key, and the order of the random numbers"}, "", nil},
	},
}
