package foreign_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/foreign"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// What commands are that no DESFire card has, and which bytes of them may be
// keys.
func TestDescribe(t *testing.T) {
	for _, tc := range []struct {
		command, name, whose string
		secret               string // bytes that may be a key, empty for none
		answer               bool   // that of its answer may stay
	}{
		{"FFCA000000", "Get UID", foreign.Reader, "", true},
		{"FFCA010000", "Get ATS", foreign.Reader, "", true},
		{"FFCA300300", "Get Data", foreign.Reader, "", true},
		{"FF82000006A0A1A2A3A4A5", "Load Keys", foreign.Reader, "A0A1A2A3A4A5", true},
		{"FF82200110000102030405060708090A0B0C0D0E0F", "Load Keys", foreign.Reader, "000102030405060708090A0B0C0D0E0F", true},
		{"FF860000050100046000", "General Authenticate", foreign.Reader, "", true},
		{"FF880004026000", "Authenticate", foreign.Reader, "", true},
		{"FFD6000310A0A1A2A3A4A5FF078069B0B1B2B3B4B5", "Update Binary", foreign.Reader, "A0A1A2A3A4A5FF078069B0B1B2B3B4B5", true},
		{"FFB0000410", "Read Binary", foreign.Reader, "", true},
		{"FF00480000", "Get Firmware Version", foreign.Reader, "", true},
		{"FF00400F0404030101", "LED and Buzzer", foreign.Reader, "", true},
		{"FF0051FF00", "Set PICC Operating Parameter", foreign.Reader, "", true},
		{"FF9901020311223300", "reader command 99", foreign.Reader, "112233", false},
		{"FF00000004D44A0100", "Direct Transmit", foreign.Reader, "", true},
		{"FF0000000FD44001600412345678901211223344", "Direct Transmit", foreign.Reader, "12345678901211223344", true},
		{"FF00000008D442" + "1B11223344", "Direct Transmit", foreign.Reader, "11223344", true},
		{"D44A0100", "InListPassiveTarget", foreign.Chip, "", true},
		{"FFC20000028100", "Manage Session", foreign.Reader, "", true},
		{"806000000000", "SAM_GetVersion", foreign.SAM, "", true},
		{"80A4000002000000", "SAM_AuthenticateHost", foreign.SAM, "", true},
		{"80C100FF040102030400", "SAM_ChangeKeyEntry", foreign.SAM, "01020304", false},
		{"80D5000000", "SAM_DumpSessionKey", foreign.SAM, "", false},
		{"80CA000000", "SAM_KillAuthentication", foreign.SAM, "", true},
		{"80CA9F7F00", "GET DATA (EMV, GlobalPlatform)", foreign.Application, "", true},
		{"80A8000002830000", "GET PROCESSING OPTIONS (EMV)", foreign.Application, "", true},
		{"8050000008010203040506070800", "INITIALIZE UPDATE (GlobalPlatform)", foreign.Application, "", true},
		{"8482000010000102030405060708090A0B0C0D0E0F", "EXTERNAL AUTHENTICATE (GlobalPlatform)", foreign.Application, "000102030405060708090A0B0C0D0E0F", false},
		{"00CA7F6800", "GET DATA", foreign.Application, "", true},
		{"002000810431323334", "VERIFY", foreign.Application, "31323334", true},
		{"00DB3FFF03010203", "PUT DATA", foreign.Application, "010203", false},
		{"0CA4040C021234", "SELECT", foreign.Application, "", true},
		{"A0A40000023F00", "SELECT", foreign.Application, "", true},
		{"B412000003010203", "command B4 12", foreign.Application, "010203", false},
		{"8099", "no command", foreign.Application, "", true},
	} {
		b := unhex(tc.command)
		c := foreign.Describe(b)
		if c.Name != tc.name || c.Whose != tc.whose || c.KeepAnswer != tc.answer {
			t.Errorf("%s: %s of %s, answer kept %v", tc.command, c.Name, c.Whose, c.KeepAnswer)
		}
		if got := fmt.Sprintf("%X", b[c.Kept:max(c.Kept, c.End)]); got != tc.secret {
			t.Errorf("%s: cuts %q, want %q", tc.command, got, tc.secret)
		}
		for _, f := range c.Fields {
			if len(tc.secret) >= 8 && strings.Contains(f.Value, tc.secret[:8]) {
				t.Errorf("%s: %s shows %s", tc.command, f.Name, f.Value)
			}
		}
	}
}

// Frames for the card inside of those for readers.
func TestOpen(t *testing.T) {
	for _, tc := range []struct {
		command, answer  string
		frame, got       string
		failed, via      string
		waits, no, reset bool
	}{
		{command: "FF00000004D4400160", answer: "D54100AF04010133001805 9000", frame: "60", got: "AF04010133001805"},
		{command: "FF00000003D4400160", answer: "D54100AF04010133001805 9000", frame: "60", got: "AF04010133001805", via: "Lc says 3 bytes, 4 follow"}, // a report's Lc
		{command: "FF00000008D440019060000000", answer: "D54100 0401013300180591AF 9000", frame: "9060000000", got: "0401013300180591AF"},
		{command: "FF00000008D440019060000000", answer: "D54100 0401013300180591AF", frame: "9060000000", got: "0401013300180591AF"}, // without the reader's status
		{command: "FF00000007D4429060000000", answer: "D54300 0401013300180591AF 9000", frame: "9060000000", got: "0401013300180591AF"},
		{command: "FF00000008D442029060000000", answer: "D54300 02 0401013300180591AF 9000", frame: "9060000000", got: "0401013300180591AF"}, // PCB
		{command: "FF00000005D4420A0060", answer: "D54300 0A00 AF04010133001805 9000", frame: "60", got: "AF04010133001805"},                 // PCB and CID
		{command: "FF00000004D4420A00", answer: "D54300 AF1122334455667788 9000", frame: "0A00", got: "AF1122334455667788"},                  // Authenticate with key 0
		{command: "FF00000004D4400160", answer: "D54101 9000", frame: "60", failed: "01, time out"},
		{command: "FF00000004D4400160", answer: "6300", frame: "60", failed: "6300"},
		{command: "FF00000004D4400160", answer: "610E", frame: "60", waits: true},
		{command: "FF00000004D4400160", answer: "", frame: "60"},
		{command: "D4400160", answer: "D54100AF04010133001805", frame: "60", got: "AF04010133001805", via: "InDataExchange"},
		{command: "FFFE000005906000000000", answer: "0401013300180591AF9000", frame: "9060000000", got: "0401013300180591AF", via: "Encapsulate"},
		{command: "FFC2000107950590600000 0000", answer: "C003009000 9201009602000097090401013300180591AF 9000", frame: "9060000000", got: "0401013300180591AF"},
		{command: "FFCA000000", answer: "04112233445580 9000", no: true},
		{command: "FF00000004D44A0100", answer: "D54B00 9000", no: true},
		{command: "FF0000000FD44001600412345678901211223344", answer: "D54100 9000", no: true}, // MIFARE Classic
		{command: "FF00000003D44001", no: true},
		{command: "9060000000", no: true},
	} {
		c, a := unhex(tc.command), unhex(tc.answer)
		o, ok := foreign.Open(c, a)
		if ok == tc.no {
			t.Errorf("%s: opened %v", tc.command, ok)
			continue
		}
		if !ok {
			continue
		}
		if got := fmt.Sprintf("%X", c[o.From:o.To]); got != tc.frame {
			t.Errorf("%s: frame %s, want %s", tc.command, got, tc.frame)
		}
		if got := fmt.Sprintf("%X", a[o.AnswerFrom:max(o.AnswerFrom, o.AnswerTo)]); got != tc.got {
			t.Errorf("%s: answer %s, want %s", tc.answer, got, tc.got)
		}
		if !strings.Contains(o.Failed, tc.failed) || (o.Failed == "") != (tc.failed == "") || !strings.Contains(o.Via, tc.via) || o.Waits != tc.waits {
			t.Errorf("%s %s: %+v", tc.command, tc.answer, o)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, tc := range []struct {
		whose string
		sw    uint16
		want  string
	}{
		{foreign.Reader, 0x6300, "operation failed"},
		{foreign.Application, 0x6300, "AUTHENTICATION_FAILED"},
		{foreign.Application, 0x63C2, "2 tries"},
		{foreign.SAM, 0x90AF, "more to come"},
		{foreign.SAM, 0x901E, "cryptography failed"},
		{foreign.Application, 0x6A88, "refers to"},
		{foreign.Application, 0x9F17, "23 bytes"},
		{foreign.Application, 0x6110, "16 bytes"},
	} {
		if got := foreign.Status(tc.whose, tc.sw); !strings.Contains(got, tc.want) {
			t.Errorf("%04X from %s: %s", tc.sw, tc.whose, got)
		}
	}
}

// FuzzDescribe takes anything apart: what is found lies within it, and no field
// shows what is to be cut.
func FuzzDescribe(f *testing.F) {
	for _, s := range []string{"FFCA000000", "FF00000004D4400160", "FFC2000107950590600000 0000", "806000000000", "D4400160", "FF82000006A0A1A2A3A4A5", "00A4040007D2760000850101", "FFC2000104955F464182"} {
		f.Add(unhex(s), unhex("D54100AF9000"))
	}
	f.Add(unhex("FFC2000107950590600000 0000"), unhex("C003009000 97090401013300180591AF 9000"))
	f.Fuzz(func(t *testing.T, command, answer []byte) {
		c := foreign.Describe(command)
		if c.Name == "" && len(command) > 1 && command[0] != 0xD4 || c.Kept < 0 || c.End > len(command) || c.At > len(command) {
			t.Fatalf("%+v", c)
		}
		for _, field := range append(c.Fields, c.Answer(answer)...) {
			if c.End-c.Kept < 4 || field.Offset < 0 {
				continue
			}
			secret := fmt.Sprintf("%X", command[c.Kept:c.End])
			if i := strings.Index(fmt.Sprintf("%X", answer), secret); i < 0 && strings.Contains(field.Value, secret) && !strings.Contains(fmt.Sprintf("%X", command[:c.Kept]), secret) {
				t.Fatalf("%s shows %s", field.Name, field.Value)
			}
		}
		o, ok := foreign.Open(command, answer)
		if !ok {
			return
		}
		if o.From < 0 || o.From >= o.To || o.To > len(command) || o.AnswerFrom < 0 || o.AnswerTo > len(answer) {
			t.Fatalf("%+v of %d and %d bytes", o, len(command), len(answer))
		}
		if o.Waits {
			foreign.Reopen(command, answer)
		}
	})
}
