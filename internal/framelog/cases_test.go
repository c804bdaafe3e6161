package framelog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cases are the logs of testdata/cases whose frames do not simply stand behind
// > and <, as a person reads them: ">" command, "<" answer, "!" an answer that
// did not come and a word of why, "?" a line that is not taken and a word of why.
// Lines of the link and the anticollision are not listed.
var cases = map[string]string{
	"c02raw-nfctools5638.log": `
		> 0a00
		< af1cd9a50dabfc4373
		> af1974ca685252188 32e0235363f9c8926
		< 000fa0e0e3376da7a8
		> 5a000000
		< 00
		> c4002ef1c825e01f3e292ef1c825e01f3e2921cb46a3a4dbcd5d
		< ae`,
	"f01-chameleonmini-devzzo3.log": `
		> 0a00
		< af4b8bb034121c5566
		> af9c862f42e0c44cefea81cd807da0638e
		< ae`,
	"f02-ntag424java6-logcat.log": `
		> 90C4000029013D1442B431008048E624E35F03BFAC17BEA6FD83D0A87460A7E9C3CA3707246C3AE0084CC59EA75C00
		< 83FFF1280857061E9100
		> 9051000008D0AA91F09D86693A00
		< 6B6E7D87DC51E24DCEE692FBE0419C6BD65F7535D66C0FED9100`,
	"f03-nfcpcsc78-buffer.log":     "> 905a0000011700\n< 917e",
	"f04-so12926402-parens.log":    "> 90CA0000054141410F0E00\n< 917E",
	"f05b-libfreefare148-pcsc.log": "> 903D00000F06000000060000 8E66E6B0DA3CC6FF 00\n< 9100",
	"f06-libfreefare32-libnfcdebug.log": `
		> 90aa0000010000
		< 8db1f047075d4523806a4213904311 8091af
		> 90af0000206ac1fd0c479beaa30ee8b3cd0e8c0d46a0274801ce609c4ef0854a479ec1ea6f00
		! no frame
		? 16 no frame of the PN53x`,
	"f08-nci-nxp1081992.log": `
		> 00a4040007d276000085010100
		! incomplete
		> 00a4000c02e103
		< 6a86
		? 11 incomplete`,
	"f10-ev1-changekey-61prefix.log": `
		> 905A00000300000400
		!
		> 900A0000010000
		< AA55A05A86ED002391AF
		> 90AF000010CD72DFC6E6D040A4F011174EEBE03AA600
		< AD6CC16025CCFB7B9100`,
	"f11-iso7816-extauth.log": `
		> 0084000000
		< 152984E36AAAA6B79000
		> 0082000010B5020B804F95CBE78CA64DE9C1B123A700
		< 6700`,
	"f12-pm3-1517-native.log": "> aa02\n!\n> 90aa0000010200\n!",
	"f13-pm3-2961.log": `
		> 901A0000010000
		< 83B879409232725991AF
		> 90AF000010CC4506665C229B49BBD7B67113A942F300
		< 03FB11800B8204959100
		> 90FC000000
		< 0A2819F80BA056A09100`,
	"f14-pm3-wcmd.log":    "> 9060000000\n!\n> 90af000000\n!\n> 90af000000\n!",
	"f15-mcu-tag-nci.log": "> 0a00\n< afa48300fb5e29fd78\n> af8ca64de9c1b123a7edbfce53486b6d00\n< 008ca64de9c1b123a7",
	"f16-txrx-pn7642.log": "> 0A00\n< AF3526872E8D7696FA\n> AFEAB21A6B49D011C02824A26F703148DB\n< 00F8068C86FC27578B",
	"f17-c-array.log":     "> 00A4040007D2760000850100\n< 9000\n> 00A4000C02E103\n< 6a82",
	"f18-nxp929654-light.log": `
		> 908D00001F0000000005000077A2FD1B2BC19EC917B26D17694B6844CD3177470834C63400
		< 917E
		> 90AD00000F00000000190000E2B5F6406CF1FA8C00
		< 911E`,
	"f20-omnikey-in-out.log": `
		> 00a404000ba000000397434944 5f0100
		< 6a82
		> 00ca7f6800
		< 6d00
		> 00a4040009a00000030800001000
		< 6a82
		> 00a4040009a00000039742544659
		< 6a82`,
	"f21-ccid-comm.log":      "> 9060000000\n< 0401010100180591AF",
	"f24-pcsc-spy.log":       "> 9060000000\n< 0401013300180591AF\n> 90AF000000\n< 0401010300180591AF",
	"f25-opensc.log":         "> 9060000000\n< 0401010100180591AF",
	"f27-scriptor.log":       "> 9060000000\n< 0401010100180591AF\n> 90AF000000\n< 0401010104180591AF\n> 90AF000000\n< 04112233445580BA5490DB8021149100",
	"f29-android-signed.log": "> 9060000000\n< 0401010100180591AF",
	"f30-threemarks.log":     "> 9060000000\n< 0401010100180591AF",
	"f33-pm3-14a-apdu.log":   "> 9060000000\n< 0401013300180591AF",
	"f34-sam-forum.log": `
		> 806000000000
		< 04010103022801040101030228010411223344558098466900000509 1000A19000
		> 80A4000002000000
		< 80319040419E154D90AF
		> 80A4000010A3F591F7AB882443D749A13F360FB11700
		< BFDA8BBE9C4F0A0F9000`,
	"f36-cl-trace-issue646.log": "",
	"f40-utf16-powershell.log":  "> 9060000000\n< 0401013300180591AF",
	"f41-nfc-emulate.log": `
		> 00a4040007d276000085010100
		< 9000
		> 00a4000c02e103
		< 9000
		> 00b000000f
		< 000f20005400ff0406e104fffe00009000`,
	"f42-dropped-lines.log": `
		> 905A00000300000400
		< 9100
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401010300180591AF`,
	"f44.log": "> 905A00000314131200\n< 9100",
	"i01-so48220818-long-write.log": `
		> 903D0000120100 00000B00001234567890AABBCCDDEEFF00
		< 9100
		> 903D00003901000000320000 1234567890AABBCCDDEE1234567890AABBCCDDEE1234567890AABBCCDDEE1234567890AABBCCDDEE1234567890AABBCCDDEE00
		< 917E`,
	"i02-so62710637-contact-chip.log": "> 90AA0000010000\n< 6884",
	"i03-nxp395903-one-line.log":      "> 0A00\n< AFDED4E1046213C5B2\n> DB47CCD210DA8A43332B67E4DD8DC795\n< 007CB565E38B65BA74",
	"g07-unmarked.log":                "> 905A0000030000000000\n< 9100\n> 901A0000010000\n< 83B87940923272 5991AF",
}

// shown writes a log down as cases are.
func shown(l *Log) string {
	var b strings.Builder
	for _, e := range l.Exchanges {
		fmt.Fprintf(&b, "> %x\n", e.Command.Bytes)
		if e.Answer != nil {
			fmt.Fprintf(&b, "< %x\n", e.Answer.Bytes)
		} else {
			fmt.Fprintf(&b, "! %s\n", e.Failed)
		}
	}
	for _, s := range l.Skipped {
		if !s.Control {
			fmt.Fprintf(&b, "? %d %s\n", s.Line, s.Reason)
		}
	}
	return b.String()
}

// compare holds a log against what a person read.
func compare(t *testing.T, l *Log, want string) {
	t.Helper()
	have := strings.Split(strings.TrimSpace(shown(l)), "\n")
	lines := strings.Split(strings.TrimSpace(want), "\n")
	if len(have) != len(lines) {
		t.Fatalf("%d lines, want %d:\n%s", len(have), len(lines), shown(l))
	}
	for i, w := range lines {
		w = strings.TrimSpace(w)
		var ok bool
		switch {
		case w == "":
			ok = have[i] == ""
		case w[0] == '>' || w[0] == '<':
			ok = have[i] == w[:2]+strings.ToLower(strings.ReplaceAll(w[2:], " ", ""))
		default:
			ok = have[i][0] == w[0] && strings.HasPrefix(have[i], strings.SplitAfter(w, " ")[0]) && strings.Contains(have[i], w[strings.LastIndexByte(w, ' ')+1:])
		}
		if !ok {
			t.Errorf("line %d: %q, want %q", i, have[i], w)
		}
	}
}

func read(t *testing.T, text string) *Log {
	t.Helper()
	l, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCases(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "cases")
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(names) < 50 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		base := filepath.Base(name)
		want, special := cases[base]
		if base == "f13b-pm3-2961-isoselect.log" {
			continue // see TestLongSelect
		}
		t.Run(base, func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !special {
				want = plainCase(t, string(data))
			}
			for _, ends := range []string{"\n", "\r\n"} {
				text, err := Decode(bytes.ReplaceAll(data, []byte("\n"), []byte(ends)))
				if bytes.HasPrefix(data, []byte("\xff\xfe")) {
					text, err = Decode(data)
				}
				if err != nil {
					t.Fatal(err)
				}
				l := read(t, text)
				compare(t, l, want)
				traced(t, text, l)
			}
		})
	}
}

// plainCase reads lines that have nothing but > or < and digits.
func plainCase(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(line, ">>", ">"), "<<", "<"))
		if line == "" {
			continue
		}
		if line[0] != '>' && line[0] != '<' || strings.Trim(line[1:], " 0123456789abcdefABCDEF") != "" {
			t.Fatalf("%q is no plain line: the case needs its frames written down", line)
		}
		if open && line[0] == '>' {
			b.WriteString("!\n")
		}
		open = line[0] == '>'
		b.WriteString(line[:1] + " " + line[1:] + "\n")
	}
	if open {
		b.WriteString("!\n")
	}
	return b.String()
}

// A select with a name of 224 bytes, as long as the log has it.
func TestLongSelect(t *testing.T) {
	data, err := os.ReadFile("../../testdata/cases/f13b-pm3-2961-isoselect.log")
	if err != nil {
		t.Fatal(err)
	}
	l := read(t, string(data))
	if len(l.Exchanges) != 1 || l.Exchanges[0].Command.Line != 2 || l.Exchanges[0].Answer == nil || !bytes.Equal(l.Exchanges[0].Answer.Bytes, []byte{0x6A, 0x87}) {
		t.Fatal(shown(l))
	}
	line := strings.Split(string(data), "\n")[1]
	if want := strings.Fields(line[strings.Index(line, ">>>>")+4:]); len(l.Exchanges[0].Command.Bytes) != len(want) {
		t.Errorf("%d bytes, want %d", len(l.Exchanges[0].Command.Bytes), len(want))
	}
}

// traced holds every byte against the text: it stands there, and the bytes of a
// frame stand in their order.
func traced(t *testing.T, text string, l *Log) {
	t.Helper()
	for i := range l.Exchanges {
		e := &l.Exchanges[i]
		for _, f := range []*Frame{e.Command, e.Answer} {
			if f == nil {
				continue
			}
			if len(f.Bytes) == 0 || len(f.Bytes) != len(f.At) {
				t.Fatalf("exchange %d: %d bytes with %d places", i, len(f.Bytes), len(f.At))
			}
			for k, at := range f.At {
				if f.StatusFirst && k == len(f.At)-2 {
					if at >= f.At[0] {
						t.Fatalf("exchange %d: the status does not stand before the data", i)
					}
				} else if k > 0 && at <= f.At[k-1] {
					t.Fatalf("exchange %d: byte %d stands before the one before it", i, k)
				}
				if !standsAt(text, at, f.Bytes[k]) {
					t.Fatalf("exchange %d: byte %02X is not at %d: %.12q", i, f.Bytes[k], at, text[at:])
				}
			}
		}
		if e.Answer != nil && e.Answer.At[len(e.Answer.At)-1] <= e.Command.At[0] {
			t.Fatalf("exchange %d: the answer stands before the command", i)
		}
	}
}

// standsAt reports whether a byte is written at a place, in any notation.
func standsAt(text string, at int, b byte) bool {
	rest := cleaned(line{text: text[at:min(len(text), at+60)]}).text // escape sequences may stand among digits
	try := []string{
		fmt.Sprintf("%02x", b), fmt.Sprintf("%x", b), fmt.Sprint(b), fmt.Sprintf("%03d", b), fmt.Sprint(int8(b)), string([]byte{b}), fmt.Sprintf(`\x%02x`, b), `\` + string([]byte{b}),
	}
	if b == '\n' || b == '\r' || b == '\t' {
		try = append(try, map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`}[b])
	}
	for _, w := range try {
		if len(rest) >= len(w) && strings.EqualFold(rest[:len(w)], w) {
			return true
		}
	}
	return false
}

// What is no log is not taken for one.
func TestNoLog(t *testing.T) {
	random := make([]byte, 100_000)
	x := uint32(1)
	for i := range random {
		x = x*1664525 + 1013904223
		random[i] = byte(x >> 24)
	}
	if _, err := Decode(random); err == nil {
		t.Error("random bytes are a text")
	}
	if _, err := Decode(append([]byte("a head of text\n> 9060000000\n< 9100\n"), random...)); err == nil {
		t.Error("random bytes behind a head are a text")
	}
	var rows, plain, csv, groups strings.Builder
	for at := 0; at < len(random); at += 16 {
		part := random[at:min(at+16, len(random))]
		var column strings.Builder
		for _, c := range part {
			if c < ' ' || c > '~' {
				c = '.'
			}
			column.WriteByte(c)
		}
		fmt.Fprintf(&rows, "%08x  % x  |%s|\n", at, part, column.String())
		fmt.Fprintf(&groups, "%08x: %x %x %x  %s\n", at, part[:4], part[4:8], part[8:], column.String())
		fmt.Fprintf(&plain, "%x\n", part)
		fmt.Fprintf(&csv, "%d,%d,%d,%d\n", part[0], part[1], part[2], int(part[3])*100)
	}
	for name, text := range map[string]string{
		"hexdump": rows.String(), "xxd": groups.String(), "digits": plain.String(), "CSV": csv.String(),
		"prose":       "In 12 steps the card returns AE, and in the end 00. Status 91 AE -> see page 24.\nCAFE is no frame, nor is 1234 -> 56.\n",
		"certificate": "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\nq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ\n-----END CERTIFICATE-----\n",
		"source":      "for i := 0; i < 10; i++ {\n\tx -> y\n\tif a >= 0x10 && b <= 0x20 {\n\t\treturn []byte{0x12, 0x34}, nil\n\t}\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if l := read(t, text); len(l.Exchanges) > 0 {
				t.Errorf("%d exchanges, the first is %x", len(l.Exchanges), l.Exchanges[0].Command.Bytes)
			}
		})
	}
}

// Lines that may hold a key are named without their digits.
func TestSkippedShowsNoKey(t *testing.T) {
	const digits = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	for _, text := range []string{digits, "> key " + digits, "session key >> " + digits, "TX: RndB: " + digits, "send buffer before encryption: " + digits} {
		l := read(t, "> 9060000000\n< 9100\n"+text+"\n")
		for _, s := range l.Skipped {
			if strings.Contains(s.Text, digits[:4]) {
				t.Errorf("%q shows %q", text, s.Text)
			}
		}
		if len(l.Exchanges) != 1 {
			t.Errorf("%q: %s", text, shown(l))
		}
	}
}
