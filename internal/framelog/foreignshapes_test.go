package framelog

import (
	"strings"
	"testing"
)

// TestForeignShapes reads shapes of lines that people put on forums; the frames
// are those that a person reads in them, and none is made of words.
func TestForeignShapes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"both sides labelled on one line", "S:60 -> R:AF 04 01 01 01 00 18 05\nS:5A 00 00 00 R:00\n", "> 60\n< AF040101 01001805\n> 5A000000\n< 00"},
		{"send and receive on one line", "TX: 9060000000 => RX: 04010101001805 91AF\n", "> 9060000000\n< 0401010100180591AF"},
		{"an answer as long as a column of characters", "S: 9060000000 => R:91AF\nS:5A 00 00 00 R:00\n", "> 9060000000\n< 91AF\n> 5A000000\n< 00"},
		{"the answer behind a second arrow", "APDU> 9060000000  ->  04010101001805 (91AF)\n-> 5A 00 00 00 => 00\n", "> 9060000000\n< 0401010100180591AF\n> 5A000000\n< 00"},
		{"a letter and bytes", "[GetApplicationIDs]\ns 6a\nr 00 01 00 00\n", "> 6A\n< 00010000"},
		{"a word of digits", "-> 9060000000\n<- 91AF\nthe command should be: [0x00, 0xD6, 0x00, 0x00, 0x02, 0xBE, 0xBE]\n", "> 9060000000\n< 91AF\n> 00D6000002BEBE\n!"},
		{"javax.smartcardio", "CommandAPDU: 9 bytes, nc=3, ne=256\n90 5A 00 00 03 01 02 03 00\nResponseAPDU: 2 bytes, SW=91a0\n", "> 905A00000301020300\n< 91A0"},
		{"R for the reader", "R: 90 60 00 00 00\nC: 04 01 01 01 00 18 05 91 AF\n", "> 9060000000\n< 0401010100180591AF"},
		{"C and R", "C: 90 60 00 00 00\nR: 04 01 01 01 00 18 05 91 AF\n", "> 9060000000\n< 0401010100180591AF"},
		{"a list of Python", "cmd = bytes([0x90, 0x60, 0, 0, 0])\nresp = bytes([0x04, 0x01, 0x91, 0xaf])\n", "> 9060000000\n< 040191AF"},
		{"a sum of Python", "cmd = [0x90, 0x5A, 0x00, 0x00, 0x03] + aid + [0x00]\n-> 9060000000\n<- 91AF\n", "> 9060000000\n< 91AF\n? 1 bytes"},
		{"a remark in brackets", "-> 90 5A 00 00 03 01 02 [too short]\n<- 91 7E\n", "> 905A0000030102\n< 917E"},
		{"90 00 read from a file", "> BD 01 00 00 00 02 00 00\n< 00 90 00\n", "> BD01000000020000\n< 009000"},
		{"Android's NFC snoop log", "Time offset, received?, Data\n7142, false, 000009905a00000300000000\n3699, true, 600603010001\n6670, true, 0000029100\n7142, false, 0000059060000000\n3699, true, 600603010001\n6670, true, 0000090401010100180591af\n",
			"> 905A00000300000000\n< 9100\n> 9060000000\n< 0401010100180591AF"},
		{"a snoop log without the data", "7142, false, 000009\n3699, true, 600603010001\n6670, true, 000002\n7142, false, 0000059060000000\n6670, true, 0000090401010100180591af\n", "> 9060000000\n< 0401010100180591AF\n? 1 fit\n? 3 fit"},
		{"apdutool", "0x90 0x60 0x00 0x00 0x00;\nCLA: 90, INS: 60, P1: 00, P2: 00, Lc: 00, Le: 07, 04, 01, 01, 01, 00, 18, 05, SW1: 91, SW2: af\n", "> 9060000000\n< 0401010100180591AF"},
		{"Arduino's serial monitor", "12:01:02.123 -> Reader ready\n12:01:02.123 -> Sending: 0x90 0x5A 0x0 0x0 0x3 0x1 0x2 0x3 0x0\n12:01:02.200 -> Response: 0x91 0x0\n12:01:02.300 -> 90 60 00 00 00\n12:01:02.301 -> 04 01 01 01 00 18 05 91 AF\n12:01:02.301 -> \n", "> 905A00000301020300\n< 9100\n> 9060000000\n< 0401010100180591AF"},
		{"times before arrows", "12:01:02.123 -> 90 60 00 00 00\n12:01:02.200 <- 91 AF\n12:01:03.123 -> 90 AF 00 00 00\n", "> 9060000000\n< 91AF\n> 90AF000000\n!"},
		{"a table of pages", "| Command | Response |\n|---|---|\n| 90 60 00 00 00 | 04 01 01 01 00 18 05 91 AF |\n| 90 5A 00 00 03 00 00 00 00 | 91 00 |\n", "> 9060000000\n< 0401010100180591AF\n> 905A00000300000000\n< 9100"},
		{"dumps of ESP-IDF", "D (5012) NFC: Command:\nI (5012) NFC: 0x3ffb1234   90 60 00 00 00                                    |.`...|\nD (5032) NFC: Response:\nI (5032) NFC: 0x3ffb1300   04 01 01 01 00 18 05 91  af                       |.........|\n", "> 9060000000\n< 0401010100180591AF"},
		{"frames of a PN53x without labels", "I (1234) pn532: sending\nI (1235) pn532: 00 00 FF 04 FC D4 40 01 60 8B 00\nI (1236) pn532: 00 00 ff 00 ff 00\nI (1240) pn532: 00 00 FF 0B F5 D5 41 00 AF 04 01 01 01 00 18 05 17 00\n", "> 60\n< AF04010101001805"},
		{"data and status of an answer on lines of their own", ">>> cmd  = 90 60 00 00 00\n<<< data = 04 01 01 01 00 18 05\n<<< sw   = 91 AF\n>>> cmd  = 90 5A 00 00 03 01 02 03 00\n<<< data =\n<<< sw   = 91 A0\n",
			"> 9060000000\n< 0401010100180591AF\n> 905A00000301020300\n< 91A0"},
		{"words for bytes", "-> 90 8D 00 00 71 00 00 00 00 00 01 00 |--- 87 bytes of data ---| 00\n<- 91 7E\n-> 9060000000\n<- 91AF\n", "> 9060000000\n< 91AF\n? 1 bytes\n? 2 1"},
		{"names for bytes", "cmd: 90 5f 00 00 19 02 {encData} + {macT} + {LE}\n<- 91 1E\n-> 9060000000\n<- 91AF\n", "> 9060000000\n< 91AF\n? 1 bytes\n? 2 1"},
		{"a remark behind a wrong Lc", "-> 90 5A 00 00 03 01 02 (one byte too few)\n<- 91 7E\n", "> 905A0000030102\n< 917E"},
		{"a name at the end of an array", "unsigned char cmd[] = {0x90, 0x71, 0x00, 0x00, 0x02, 0x00, 0x00, LE};\n-> 9060000000\n<- 91AF\n", "> 9060000000\n< 91AF\n? 1 bytes"},
		{"casts of Kotlin", "val cmd = byteArrayOf(0x90.toByte(), 0x60.toByte(), 0x00, 0x00, 0x00)\nval resp = byteArrayOf(0x04, 0x01, 0x91.toByte(), 0xAF.toUByte())\n", "> 9060000000\n< 040191AF"},
		{"90 00 behind native answers", "-> 60\n<- AF 04 01 01 01 00 18 05 90 00\n-> 5A 00 00 00\n<- 00 90 00\n", "> 60\n< AF04010101001805\n> 5A000000\n< 00"},
		{"90 00 behind short ones", "-> 60\n<- AF 04 01 01 01 00 18 05\n-> 5A 00 00 00\n<- 00 90 00\n", "> 60\n< AF04010101001805\n> 5A000000\n< 00"},
		{"90 00 that may be data", "-> 60\n<- AF 04 01 01 01 00 18 05\n-> 45\n<- 00 90 00\n", "> 60\n< AF04010101001805\n> 45\n< 009000"},
		{"90 00 of wrapped answers", "-> 905A00000300000000\n<- 009000\n", "> 905A00000300000000\n< 009000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := read(t, c.text)
			compare(t, l, c.want)
			traced(t, c.text, l)
		})
	}
}

// A key that is declared in rows of any length is named without its digits.
func TestSkippedRowsShowNoKey(t *testing.T) {
	l := read(t, "byte[] AUTHENTICATION_KEY = new byte[]{\n 0xA1,0xB2,0xC3,0xD4,\n 0xE5,0xF6,0x07,\n};\n-> 9060000000\n<- 91AF\n")
	for _, s := range l.Skipped {
		if text := strings.ToLower(s.Text); strings.Contains(text, "b2") || strings.Contains(text, "f6") {
			t.Errorf("shows %q", s.Text)
		}
	}
	if len(l.Exchanges) != 1 {
		t.Error(shown(l))
	}
}
