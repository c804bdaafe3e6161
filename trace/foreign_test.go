package trace

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// said is what Explain says of a recording, without the bytes of frames.
func said(r *Recording) string {
	var b strings.Builder
	for _, l := range Explain(r) {
		l.Raw, l.Frames, l.Took = nil, 0, 0
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

func parsed(t *testing.T, data []byte) *Recording {
	t.Helper()
	r, _, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Frames that are none of a DESFire card, of public reports: nothing in them is
// an unknown status.
func TestCasesOfForeignFrames(t *testing.T) {
	for name, want := range map[string][]string{
		"g01-pcsc-pseudo-apdu.log":         {"-> Get UID\n<- OK  UID=04112233445580\n", "-> GetVersion\n<- OPERATION_OK"},
		"g03-acr122-wrapped-native.log":    {"-> GetVersion   via Direct Transmit (Lc says 3 bytes, 4 follow), InDataExchange\n<- ADDITIONAL_FRAME  Hardware.VendorID=04 "},
		"g04-windows-scard-other-aids.log": {"Microsoft PNP", "-> GET DATA  Tag={7F68", "<- INS_NOT_SUPPORTED", "KnownAs=PIV", "BTFY"},
		"g05-ext-apdu.log":                 {"-> ReadDataISO  FileNo=2 Offset=0 Length=0\n<- LENGTH_ERROR\n", "<- no status  Data=0000\n"},
		"g06-setconfig-nxp1742130.log":     {"<- WRONG_LENGTH\n", "-> CreateValueFile", "<- WRONG_LENGTH   [answered as an APDU"},
		"c16-sam-av2.log": {"-> SAM_GetVersion\n<- OK  Hardware=04010103022801", "Mode=AV1\n-> SAM_GetKeyEntry\n", "-> SAM_AuthenticateHost  Data=0000\n<- more to come (90AF)  Data=8573385F5644106B3985FF45EA110B95\n",
			"<- OK  Data=AB6F8E07EC73588845C5133420B959BD\n"},
		"c12-hce-6800.log":           {"<- CLA_FUNCTION_NOT_SUPPORTED   [an answer of ISO 7816-4"},
		"c13-changekey-devhide.log":  {"-> ChangeKey   [no command frame: Lc says"},
		"c09-pn7150-1081992.log":     {"KnownAs={NFC Forum Type 4 Tag (NDEF)}"},
		"c08-so19296595-iso.log":     {"-> ISOSelect", "-> ISOReadBinary", "<- WRONG_P1_P2\n"},
		"c15-nodepcsc103-911c.log":   {"-> GetVersion\n<- ILLEGAL_COMMAND_CODE  Hardware.VendorID=04 Hardware.Type=01 Hardware.SubType=01 Hardware.Major=12"},
		"c06-nfcpcsc78-917e.log":     {"-> SelectApplication   [does not fit", "<- LENGTH_ERROR"},
		"g08-lacina-3k3des.log":      {"-> GetValue", "<- OPERATION_OK"},
		"c10-flipper3338-native.log": {},
	} {
		data, err := os.ReadFile("../testdata/cases/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text := said(parsed(t, data))
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in\n%s", name, w, text)
			}
		}
		if strings.Contains(text, "unknown status") || strings.Contains(text, "status 9104") {
			t.Errorf("%s: a status is not known:\n%s", name, text)
		}
	}
}

// What is built like the cases, each exchange with what must be said of it.
func TestForeignFrames(t *testing.T) {
	for _, tc := range []struct{ log, want string }{
		{"> FF CA 01 00 00\n< 06 75 77 81 02 80 90 00", "-> Get ATS\n<- OK  ATS=067577810280\n"},
		{"> FF CA 00 00 00\n< 04 11 22 33 44 55 80", "-> Get UID\n<- data  UID=04112233445580\n"}, // a UID without a status
		{"> FF CA 00 00 00\n< 63 00", "<- operation failed (6300)"},
		{"> FF CA 00 00 00\n< 6A 81", "<- function not supported by this reader or card (6A81)"},
		{"> FF CA 00 00 00\n< 1C", "-> Get UID\n<- ILLEGAL_COMMAND_CODE   [answered by a DESFire card]\n"}, // no reader between
		{"> 80 60 00 00 00 00\n< 91 1C", "-> SAM_GetVersion\n<- ILLEGAL_COMMAND_CODE   [answered by a DESFire card]\n"},
		{"> FF CA 00 00 00", "<- no answer\n"},
		{"> FF 00 48 00 00\n< 41 43 52 31 32 32 55 32 30 37", "-> Get Firmware Version\n<- data  Data=41435231323255323037\n"},
		{"> FF 00 00 00 08 D4 42 02 90 60 00 00 00\n< D5 43 00 02 04 01 01 33 00 18 05 91 AF 90 00", "-> GetVersion   via Direct Transmit, InCommunicateThru\n<- ADDITIONAL_FRAME  Hardware.VendorID=04 "},
		{"> FF 00 00 00 04 D4 40 01 60\n< D5 41 2B 90 00", "<- no answer   [the reader's chip says: 2B, the card left the field]\n"},
		{"> FF 00 00 00 04 D4 40 01 60\n< 63 00", "<- no answer   [the reader answers 6300: operation failed"},
		{"> FF 00 00 00 07 D4 40 01 5A 00 00 00\n< 61 05\n> FF C0 00 00 05\n< D5 41 00 00 90 00", "-> SelectApplication  AID=000000   via Direct Transmit, InDataExchange\n<- OPERATION_OK\n"},
		{"> D4 40 01 5A 00 00 00\n< D5 41 00 A0", "-> SelectApplication  AID=000000   via InDataExchange\n<- APPLICATION_NOT_FOUND\n"},
		{"> 60\n< AF 04 01 01 33 00 18 05\n> FF CA 00 00 00\n< 04 11 22 33 44 55 80 90 00\n> AF\n< AF 04 01 01 03 00 18 05\n> AF\n< 00 04 11 22 33 44 55 80 BA 54 90 DB 80 21 14",
			"YearProd=14\n-> Get UID\n<- OK  UID=04112233445580\n"}, // between the frames of a message
		{"> E0 00 00 18 00\n< E1 00 00 00 0F 41 43 52 31 32 35 32 55 5F 56 31 30 30 2E 30", "-> Get Firmware Version\n<- data  Data=E10000000F41"},
		{"> 26\n< 44 03\n> 93 20\n< 88 04 11 22 B9\n> 93 70 88 04 11 22 B9 12 34\n< 24\n> E0 80\n< 06 75 77 81 02 80\n> 60\n< AF 04 01 01 33 00 18 05", "-> REQA\n<- data  ATQA=4403\n-> ANTICOLLISION  Data=20\n<- data  UID=88041122B9\n-> SELECT (ISO/IEC 14443-3)  Data=7088041122B91234\n<- data  SAK=24\n-> RATS  Data=80\n<- data  ATS=067577810280\n-> GetVersion"},
		{"> 30 04\n< 04 11 22 B9 33 44 55 80 92 48 00 00 E1 10 12 00", "-> READ (MIFARE Classic, Ultralight)  Data=04\n<- data  Data=041122B933445580"},
		{"> 60\n< 00 04 04 02 01 00 11 03", "-> GET_VERSION (NTAG, Ultralight)\n<- data  Data=0004040201001103\n"},
		{"> A2 2B 11 22 33 44\n< 0A", "-> WRITE (Ultralight)  Data={(5 bytes)}   [cut: it may hold a key]\n<- data  Data=0A\n"},
		{"> 60 04\n< 11 22 33 44", "-> MIFARE Classic authentication with key A  Data=04\n<- data  Data=11223344\n"},
		{"> 3C 00\n< 90", "-> ReadSignature"},
		{"> 50 00", "-> HLTA"},
		{"> 93 70 04 11 22 33 04\n< 00", "<- data  SAK=00\n"},
		{"> 80 5A 00 00 03 01 02 03\n< 90 00", "-> SAM_SelectApplication  Data=010203\n<- OK\n"},
		{"> 80 0A 00 00 02 01 00 00\n< 11 22 90 AF", "-> SAM_AuthenticatePICC  Data=0100\n<- more to come (90AF)  Data=1122\n"},
		{"> 80 99 00 00 01 05\n< 6D 00", "-> command 80 99  Class={80, proprietary} Data={(1 bytes)}   [cut: it may hold a key]\n<- INS_NOT_SUPPORTED (6D00)"},
		{"> A0 A4 00 00 02 3F 00\n< 9F 17", "-> SELECT  Class={A0, SIM cards} Data=3F00\n<- 23 bytes are there to be had"},
		{"> 0C A4 04 0C 02 12 34\n< 69 88", "-> SELECT  Class={0C, secure messaging} DFName=1234\n<- SM_OBJECTS_INCORRECT"},
		{"> 00 A4 04 00 0E 32 50 41 59 2E 53 59 53 2E 44 44 46 30 31 00\n< 6A 82", "payment system environment"},
		{"> 00 20 00 81 04 31 32 33 34\n< 63 C2", "-> VERIFY  P1=00 P2=81 Data={(4 bytes)}   [cut: it may hold a key]\n<- WRONG_PASSWORD"},
		{"> 60\n< 6E 00", "<- CLASS_NOT_SUPPORTED   [answered as an APDU"},
		{"> 60\n< 1C", "-> GetVersion\n<- ILLEGAL_COMMAND_CODE\n"},
		{"> 90 60 00 00 00\n< 1C", "<- no status   [one byte, too short for a status; a card that speaks native frames means ILLEGAL_COMMAND_CODE"},
		{"> 90 60 00 00 00\n< 6E 00", "<- CLASS_NOT_SUPPORTED   [an answer of ISO 7816-4, not of DESFire]\n"},
		{"> 90 60 00 00 00\n< 67 00", "<- WRONG_LENGTH\n"},
		{"> 90 60 00 00 00\n< 04 01 01 33 00 18 05", "<- no status  Data=04010133001805\n"},
		{"> 90 60 00 00 00\n< 91 55", "unknown status 9155"}, // of a DESFire card, and of no table
		{"> 90 60 00 00 00 00\n< 67 00", "-> GetVersion   [no command frame: Lc 00 stands there, though no data follow]\n<- WRONG_LENGTH\n"},
		{"> 0C 01 E8 03 00 00\n< 00", "-> Credit  FileNo=1 Amount=1000\n<- OPERATION_OK\n"}, // native, not class 0C
		{"> CC 01 00 00 00 00 00 00 00 0A 00 00 00 00 00 00 00 00\n< 00", "-> CreateValueFile"},
	} {
		if text := said(parsed(t, []byte(tc.log))); !strings.Contains(text, tc.want) {
			t.Errorf("%s\nis\n%sand not\n%s", tc.log, text, tc.want)
		}
	}
}

// What Verify says of foreign frames is what Explain says.
func TestVerifyNamesForeignFrames(t *testing.T) {
	r := parsed(t, []byte("> FF CA 00 00 00\n< 04 11 22 33 44 55 80 90 00\n> 80 A4 00 00 02 00 00 00\n< 11 22 90 AF\n> 80 D5 00 00\n< 00 11 22 33 44 55 66 77 90 00\n> 00 CA 7F 68 00\n< 6D 00\n> FF CA 00 00 00\n< 04 11 22 33 44 55 80"))
	v := Verify(r, nil)
	var b strings.Builder
	for i := range v.Messages {
		b.WriteString(strings.Join(v.Messages[i].Lines(), "\n") + "\n")
	}
	for _, want := range []string{
		"   0 -> Get UID\n     <- OK  UID=04112233445580   [for the reader]\n", "   1 -> SAM_AuthenticateHost  Data=0000\n     <- more to come (90AF)  Data=1122   [for a SAM]\n",
		"   2 -> SAM_DumpSessionKey\n     <- OK  Data={(8 bytes)}   [for a SAM]\n", "   3 -> GET DATA  Tag={7F68 (cards' own objects, as Windows asks all)}\n     <- INS_NOT_SUPPORTED\n", "   4 -> Get UID\n     <- data  UID=04112233445580   [for the reader]\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if v.Verdict != Unverifiable || len(v.Failures) != 1 {
		t.Errorf("%v: %s", v.Verdict, v.Reason())
	}
}

// Keys in commands that are none of a DESFire card, and in frames inside of
// them, are neither shown nor recorded.
func TestForeignKeysAreCut(t *testing.T) {
	const secret = "5EC4E70011223344556677"
	for _, log := range []string{
		"> FF 82 00 00 0B " + secret + "\n< 90 00",
		"> FF 00 00 00 0F D4 40 01 60 04 " + secret[:12] + " 11 22 33 44\n< D5 41 00 90 00",
		"> FF 00 00 00 0F D4 40 01 C4 00 " + secret + "\n< D5 41 00 00 90 00",
		"> FF 00 00 00 15 D4 40 01 90 C4 00 00 0C 00 " + secret + " 00\n< D5 41 00 91 00 90 00",
		"> FF 00 00 00 15 D4 40 01 90 C4 00 00 0C 00 " + secret + " 00\n< 61 07\n> FF C0 00 00 07\n< D5 41 00 91 00 90 00",
		"> FF D6 00 03 0B " + secret + "\n< 90 00",
		"> FF C2 00 01 12 95 10 90 C4 00 00 0C 00 " + secret + "\n< C0 03 00 90 00 97 02 91 00 90 00",
		"> FF FE 00 00 0B " + secret + "\n< 90 00",
		"> FF 99 00 00 0B " + secret + "\n< 90 00",
		"> 80 C1 01 FF 0B " + secret + " 00\n< 90 00",
		"> 80 D5 00 00 00\n< " + secret + " 90 00",
		"> 80 D6 00 00 00\n< " + secret + " 90 00",
		"> 80 C4 00 00 02 00 00 00\n< " + secret + " 90 00",
		"> 00 20 00 81 0B " + secret + "\n< 90 00",
		"> 00 DB 3F FF 0B " + secret + "\n< 90 00",
		"> 1B " + secret[:8] + "\n< 80 80",
		"> A0 03 " + secret + "1122334455\n< 0A",
		"> D4 40 01 C4 00 " + secret + "\n< D5 41 00 00",
	} {
		r := parsed(t, []byte(log))
		shown := strings.ReplaceAll(fmt.Sprint(said(r), Verify(r, nil).Messages), " ", "")
		for _, l := range Explain(r) {
			shown += strings.ReplaceAll(l.String(), " ", "")
		}
		var b bytes.Buffer
		if err := r.Cut().Write(&b, FormatJSON); err != nil {
			t.Fatal(err)
		}
		for at := 0; at+8 <= len(secret); at += 2 {
			part := secret[at : at+8]
			if strings.Contains(strings.ToUpper(shown), part) {
				t.Errorf("%s\nis shown: %s", log, shown)
				break
			}
			if strings.Contains(strings.ToUpper(b.String()), part) {
				t.Errorf("%s\nis recorded: %s", log, b.String())
				break
			}
		}
		if c := r.Cut(); c.Exchanges[0].CutCommand.Len()+c.Exchanges[0].CutResponse.Len() == 0 {
			t.Errorf("%s\nis not marked as cut", log)
		}
	}
}

// A recording that went through a reader's direct transmit verifies as the one
// it was made of, keys are cut out of both alike, and a wrong bit is found.
func TestTunnelled(t *testing.T) {
	names, _ := filepath.Glob("../testdata/traces/*.json")
	n := 0
	for _, name := range names {
		r, err := ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want := Verify(r, &VerifyConfig{DefaultKeys: true})
		if want.Verdict != Verified || len(r.Exchanges) > 60 {
			continue
		}
		n++
		through := *r
		through.Exchanges, through.Framing = nil, ISO
		for _, e := range r.Exchanges {
			if len(e.Command) > 200 || len(e.Response) > 200 || len(e.Response) == 0 {
				through.Exchanges = nil
				break
			}
			native := e.framing(r.Framing)
			inner := append([]byte{0xD4, 0x40, 0x01}, e.Command...)
			e.Command = append([]byte{0xFF, 0, 0, 0, byte(len(inner))}, inner...)
			e.Response = append(append([]byte{0xD5, 0x41, 0x00}, e.Response...), 0x90, 0x00)
			e.CutCommand, e.CutResponse = Span{}, Span{}
			if v := new(opener).open(&e, ISO); v.framing != native {
				t.Errorf("%s: % X is %v inside", name, e.Command, v.framing)
			}
			through.Exchanges = append(through.Exchanges, e)
		}
		if through.Exchanges == nil {
			continue
		}
		got := Verify(&through, &VerifyConfig{DefaultKeys: true})
		if got.Verdict != Verified || got.MACs != want.MACs || got.CRCs != want.CRCs || got.Authentications != want.Authentications {
			t.Errorf("%s: %v, %d authentications, %d MACs, %d CRCs: %s", name, got.Verdict, got.Authentications, got.MACs, got.CRCs, got.Reason())
		}
		cut, throughCut := r.Cut(), through.Cut()
		for i := range cut.Exchanges {
			if a, b := cut.Exchanges[i].CutCommand, throughCut.Exchanges[i].CutCommand; a.Len() != b.Len() || a.Len() > 0 && b.From != a.From+8 {
				t.Errorf("%s: exchange %d: cut %v, inside %v", name, i, a, b)
			}
			if a, b := cut.Exchanges[i].CutResponse, throughCut.Exchanges[i].CutResponse; a.Len() != b.Len() {
				t.Errorf("%s: exchange %d: answer cut %v, inside %v", name, i, a, b)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d recordings", n)
	}
}

// FuzzForeign feeds frames with the headers of readers, SAMs and others.
func FuzzForeign(f *testing.F) {
	for _, s := range []string{
		"FFCA000000 0411223344558090 00", "FF00000004D4400160 D54100AF9000", "80C100FF0401020304 9000", "FF82000006A0A1A2A3A4A5 9000",
		"FF00000008D44001900A000001 0000 D54100112233445566778891AF9000", "FFC20001079505906000000000 C003009000970291AF9000",
	} {
		c, a, _ := strings.Cut(s, " ")
		command, _ := hex.DecodeString(c)
		answer, _ := hex.DecodeString(strings.ReplaceAll(a, " ", ""))
		f.Add(command, answer, []byte{0xFF, 0xC0, 0, 0, 0}, []byte{0xD5, 0x41, 0, 0, 0x90, 0})
	}
	f.Fuzz(func(t *testing.T, c1, a1, c2, a2 []byte) {
		if len(c1) == 0 || len(c2) == 0 {
			return
		}
		r := &Recording{Framing: ISO, Exchanges: []Exchange{{Command: c1, Response: a1}, {Command: c2, Response: a2}, {Command: c1, Response: a2}}}
		exercise(t, r)
		for i, e := range r.Cut().Exchanges {
			if from := r.Exchanges[i].Command; len(e.Command) != len(from) {
				t.Fatalf("exchange %d has another length", i)
			}
		}
		var x Explainer
		for i := range r.Exchanges {
			_ = x.Sent(&r.Exchanges[i]).String()
			x.Step(&r.Exchanges[i])
		}
	})
}

// No native command of a DESFire card is taken for an APDU, whatever is answered:
// numbers of files and keys may look like instructions of ISO 7816-4.
func TestNativeStaysNative(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for spec := range wire.Commands() {
		if spec.Class != wire.ClassNative {
			continue
		}
		for range 3000 {
			command := make([]byte, 2+rnd.IntN(20))
			answer := make([]byte, 1+rnd.IntN(20))
			for i := range command {
				command[i] = byte(rnd.Uint32())
			}
			for i := range answer {
				answer[i] = byte(rnd.Uint32())
			}
			command[0], command[1] = spec.INS, byte(rnd.IntN(32)|rnd.IntN(2)<<7)
			answer[0] = 0
			if n := len(answer); n > 2 {
				answer[n-2] = 0x67
			}
			e := Exchange{Command: command, Response: answer}
			if f := e.framing(""); f != wire.FramingNative {
				t.Fatalf("% X answered % X is %v", command, answer, f)
			}
		}
	}
}
