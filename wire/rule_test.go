package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// masterTable is the table of command reference 5.4, transcribed a second time,
// row by row: command, level, clear bytes, and what protects command and
// response in D40, EV1 and EV2 sessions.
//
//	P plain, C plain with a CMAC in the answer, M MAC, F full, E own format,
//	x as the file says, X session over: without, - not possible,
//	? not known
const masterTable = `
Authenticate                both all EE -- --
AuthenticateISO             both all -- EE --
AuthenticateAES             both all -- EE --
AuthenticateEV2First        both all -- -- EE
AuthenticateLRPFirst        both all -- -- EE
AuthenticateEV2NonFirst     both all -- -- EE
AuthenticateLRPNonFirst     both all -- -- EE
ChangeKeySettings           both 0   FP FC FM
SetConfiguration            both 1   FP FC FM
ChangeKey                   both 1   EP EC EM
ChangeKeyEV2                app  2   EP EC EM
GetKeyVersion               both all PP PC MM
GetKeySettings              both 0   PP PC MM
InitializeKeySet            app  all MP MC MM
FinalizeKeySet              app  all MP MC MM
RollKeySet                  app  all MP MX MX
CreateApplication           picc all PP PC MM
DeleteApplication           both all PP PC MM
CreateDelegatedApplication  picc all PP PC MM
GetDelegatedInfo            picc 2   PP PC MM
SelectApplication           both all PP PP PP
GetApplicationIDs           picc 0   PP PC MM
GetDFNames                  picc 0   PP PP MM
FreeMemory                  both 0   PP PC MM
GetVersion                  both 0   PP PC MM
GetCardUID                  both 0   PF PF MF
FormatPICC                  both 0   PP PC MM
ReadSignature               both 1   PF PF MF
GetFileIDs                  app  0   PP PC MM
GetISOFileIDs               app  0   PP PC MM
GetFileSettings             app  1   PP PC MM
GetFileCounters             app  1   ?F ?F MF
ChangeFileSettings          app  1   FP FC FM
CreateStdDataFile           app  all PP PC MM
CreateBackupDataFile        app  all PP PC MM
CreateValueFile             app  all PP PC MM
CreateLinearRecordFile      app  all PP PC MM
CreateCyclicRecordFile      app  all PP PC MM
CreateTransactionMACFile    app  5   FP FC FM
DeleteFile                  app  1   PP PC MM
ReadData                    app  7   Px Px Mx
ReadDataISO                 app  7   Px Px Mx
WriteData                   app  7   xP xC xM
WriteDataISO                app  7   xP xC xM
GetValue                    app  1   Px Px Mx
Credit                      app  1   xP xC xM
Debit                       app  1   xP xC xM
LimitedCredit               app  1   xP xC xM
WriteRecord                 app  7   xP xC xM
WriteRecordISO              app  7   xP xC xM
UpdateRecord                app  10  xP xC xM
UpdateRecordISO             app  10  xP xC xM
ReadRecords                 app  7   Px Px Mx
ReadRecordsISO              app  7   Px Px Mx
ClearRecordFile             app  1   PP PC MM
RestoreTransfer             app  all PP PC MM
CommitTransaction           app  all PP PC MM
AbortTransaction            app  0   PP PC MM
CommitReaderID              app  all MP MC MF
PreparePC                   both all PP PP PP
ProximityCheck              both all PP PP PP
VerifyPC                    both all PP PP PP
CreateMFCMapping            app  -8  FP FC FM
GetTTStatus                 app  0   -- -- ?F
`

// Rows that the table does not have: second parts of handshakes, ISO 7816-4
// commands, and what has no layout. All of them pass every channel by.
func notInTable(s *wire.Spec) bool {
	return s.Class == wire.ClassISO || s.INS == 0xAF || s.Unknown != ""
}

func TestMasterTable(t *testing.T) {
	specs := map[string]*wire.Spec{}
	for s := range wire.Commands() {
		specs[s.Name] = s
		if notInTable(s) && s.Rule != wire.RulePlain {
			t.Errorf("%s: want RulePlain", s.Name)
		}
	}
	seen := map[string]bool{}
	for _, row := range strings.Split(strings.TrimSpace(masterTable), "\n") {
		f := strings.Fields(row)
		s := specs[f[0]]
		if s == nil {
			t.Errorf("%s is not declared", f[0])
			continue
		}
		seen[s.Name] = true
		if want := map[string]wire.Level{"both": wire.LevelBoth, "picc": wire.LevelPICC, "app": wire.LevelApp}[f[1]]; s.Level != want {
			t.Errorf("%s: level %v, want %s", s.Name, s.Level, f[1])
		}
		for i, scheme := range [...][]wire.Scheme{{wire.SchemeD40}, {wire.SchemeEV1}, {wire.SchemeEV2, wire.SchemeLRP}} {
			for _, sc := range scheme {
				checkProtection(t, s, sc, false, f[3+i][0])
				checkProtection(t, s, sc, true, f[3+i][1])
			}
		}
		checkOutsideSession(t, s)
	}
	for name, s := range specs {
		if !seen[name] && !notInTable(s) {
			t.Errorf("%s stands in no row of the table", name)
		}
	}
}

func checkProtection(t *testing.T, s *wire.Spec, scheme wire.Scheme, response bool, want byte) {
	t.Helper()
	for _, file := range []wire.CommMode{wire.CommPlain, 2, wire.CommMAC, wire.CommFull} {
		got := s.Rule.Protection(scheme, response, file)
		mode := file
		if mode == 2 {
			mode = wire.CommPlain
		}
		follows := s.Rule == wire.RuleRead || s.Rule == wire.RuleWrite
		var ok bool
		switch want {
		case '?', 'X':
			ok = true
		case '-':
			ok = true
		case 'P', 'C':
			ok = got == wire.CommPlain
		case 'M':
			if ok = got == wire.CommMAC; follows && mode == wire.CommPlain {
				ok = got == wire.CommPlain // "M(P)"
			}
		case 'F':
			ok = got == wire.CommFull
		case 'x':
			ok = got == mode
		case 'E':
			ok = got == wire.CommOwn || s.Rule == wire.RulePlain // handshakes bring their own
		}
		if !ok {
			t.Errorf("%s in %v, response %v, file %v: %v, table says %c", s.Name, scheme, response, file, got, want)
		}
	}
}

func checkOutsideSession(t *testing.T, s *wire.Spec) {
	t.Helper()
	for _, response := range []bool{false, true} {
		if got := s.Rule.Protection(wire.SchemeNone, response, wire.CommFull); got != wire.CommPlain {
			t.Errorf("%s outside a session: %v", s.Name, got)
		}
	}
}

// The clear header of every vector has the length that the table gives.
func TestHeaderLengths(t *testing.T) {
	hdr := map[string]string{}
	for _, row := range strings.Split(strings.TrimSpace(masterTable), "\n") {
		f := strings.Fields(row)
		hdr[f[0]] = f[2]
	}
	for _, v := range loadVectors(t) {
		want, ok := hdr[v.Command]
		if v.Response || !ok {
			continue
		}
		var c wire.Coder
		e, err := c.Encode(nil, build(t, v))
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		n := len(e.Bytes)
		switch want {
		case "all":
			// Nothing is ever enciphered, so it does not matter where the header
			// ends. It ends before what is judged by length.
			if v.Spec().Rule == wire.RuleManage && e.Head < n {
				n = e.Head
			}
		case "-8":
			n -= 8
		case "0":
			n = 0
		case "1":
			n = 1
		case "2":
			n = 2
		case "5":
			n = 5
		case "7":
			n = 7
		case "10":
			n = 10
		default:
			t.Fatalf("header %q", want)
		}
		if e.Head != n {
			t.Errorf("%v: %d clear bytes, table says %s of %d", v, e.Head, want, len(e.Bytes))
		}
		head, err := c.DecodeHead(v.Encoded.Bytes, v.New())
		if err != nil || head != n {
			t.Errorf("%v: DecodeHead %d, %v, want %d", v, head, err, n)
		}
	}
}

// The clear header must be found whatever secure messaging appends: the card
// looks for it before it can tell a MAC from an optional field.
func TestHeaderIgnoresTrailer(t *testing.T) {
	for _, v := range loadVectors(t) {
		if v.Response || v.Spec().Rule == wire.RulePlain {
			continue
		}
		var c wire.Coder
		want, err := c.DecodeHead(v.Encoded.Bytes, v.New())
		if err != nil {
			t.Errorf("%v: %v", v, err)
		}
		for _, mac := range [][]byte{make([]byte, 8), {1, 2, 3, 4, 5, 6, 7, 8}, {0xFF, 0xFF, 0xFF, 0xFF}} {
			got, err := c.DecodeHead(append(bytes.Clone(v.Encoded.Bytes), mac...), v.New())
			if err != nil || got != want {
				t.Errorf("%v: header %d with %X behind it, %v, else %d", v, got, mac, err, want)
			}
		}
	}
}

// generations is the table of command reference 19.1, transcribed a second
// time: D40, EV1, EV2, EV3, Light, NTAG 424. For the ISO 7816-4 authentication
// it has D40 with software 0.6, chapter 6.7 has EV1 and later; it leads into the
// secure messaging of EV1, which D40 lacks.
const generations = `
Authenticate                1 1 1 1 0 0
AuthenticateISO             0 1 1 1 0 0
AuthenticateAES             0 1 1 1 0 0
AuthenticateEV2First        0 0 1 1 1 1
AuthenticateEV2NonFirst     0 0 1 1 1 1
AuthenticateLRPFirst        0 0 0 0 1 1
AuthenticateLRPNonFirst     0 0 0 0 1 1
GetVersion                  1 1 1 1 1 1
FreeMemory                  0 1 1 1 0 0
GetCardUID                  0 1 1 1 1 1
SetConfiguration            0 1 1 1 1 1
FormatPICC                  1 1 1 1 0 0
CreateApplication           1 1 1 1 0 0
DeleteApplication           1 1 1 1 0 0
SelectApplication           1 1 1 1 0 0
GetApplicationIDs           1 1 1 1 0 0
GetDFNames                  0 1 1 1 0 0
GetKeySettings              1 1 1 1 0 0
ChangeKeySettings           1 1 1 1 0 0
ChangeKey                   1 1 1 1 1 1
ChangeKeyEV2                0 0 1 1 0 0
RollKeySet                  0 0 1 1 0 0
InitializeKeySet            0 0 1 1 0 0
FinalizeKeySet              0 0 1 1 0 0
GetKeyVersion               1 1 1 1 1 1
CreateDelegatedApplication  0 0 1 1 0 0
GetDelegatedInfo            0 0 1 1 0 0
GetFileIDs                  1 1 1 1 1 0
GetISOFileIDs               0 1 1 1 1 0
GetFileSettings             1 1 1 1 1 1
ChangeFileSettings          1 1 1 1 1 1
CreateStdDataFile           1 1 1 1 0 0
CreateBackupDataFile        1 1 1 1 0 0
CreateValueFile             1 1 1 1 0 0
CreateLinearRecordFile      1 1 1 1 0 0
CreateCyclicRecordFile      1 1 1 1 0 0
CreateTransactionMACFile    0 0 1 1 1 0
DeleteFile                  1 1 1 1 1 0
ReadData                    1 1 1 1 0 0
WriteData                   1 1 1 1 0 0
ReadRecords                 1 1 1 1 0 0
WriteRecord                 1 1 1 1 0 0
ReadDataISO                 0 0 1 1 1 1
WriteDataISO                0 0 1 1 1 1
ReadRecordsISO              0 0 1 1 1 0
WriteRecordISO              0 0 1 1 1 0
UpdateRecordISO             0 0 1 1 1 0
UpdateRecord                0 0 1 1 0 0
GetValue                    1 1 1 1 1 0
Credit                      1 1 1 1 1 0
Debit                       1 1 1 1 1 0
LimitedCredit               1 1 1 1 1 0
ClearRecordFile             1 1 1 1 1 0
CommitTransaction           1 1 1 1 1 0
AbortTransaction            1 1 1 1 1 0
CommitReaderID              0 0 1 1 1 0
RestoreTransfer             0 0 1 1 0 0
PreparePC                   0 0 1 1 0 0
ProximityCheck              0 0 1 1 0 0
VerifyPC                    0 0 1 1 0 0
ReadSignature               0 0 1 1 1 1
GetFileCounters             0 0 0 1 0 1
ISOSelect                   1 1 1 1 1 1
ISOReadBinary               1 1 1 1 1 1
ISOUpdateBinary             1 1 1 1 1 1
ISOReadRecord               1 1 1 1 1 0
ISOAppendRecord             1 1 1 1 1 0
ISOUpdateRecord             0 0 0 1 0 0
ISOUpdateRecordOdd          0 0 0 1 0 0
ISOGetChallenge             0 1 1 1 0 0
ISOExternalAuthenticate     0 1 1 1 0 0
ISOInternalAuthenticate     0 1 1 1 0 0
ISOSelectVC                 0 0 1 1 0 0
ISOExternalAuthenticateVC   0 0 1 1 0 0
CreateMFCMapping            0 0 0 0 0 0
RestrictMFCUpdate           0 0 0 0 0 0
NotifyTransactionSuccess    0 0 0 0 0 0
GetTTStatus                 0 0 0 0 0 1
`

func TestGenerations(t *testing.T) {
	want := map[string][]string{}
	for _, row := range strings.Split(strings.TrimSpace(generations), "\n") {
		f := strings.Fields(row)
		want[f[0]] = f[1:]
	}
	for s := range wire.Commands() {
		row := want[strings.TrimSuffix(s.Name, "Part2")]
		if row == nil {
			t.Errorf("%s stands in no row of the table", s.Name)
			continue
		}
		for i, g := range wire.Generations {
			if s.In(g) != (row[i] == "1") {
				t.Errorf("%s in %v: %v, table says %s", s.Name, g, s.In(g), row[i])
			}
		}
		if s.In(wire.UnknownGeneration) != s.In(wire.EV3) {
			t.Errorf("%s: an unknown generation is not treated as EV3", s.Name)
		}
	}
}
