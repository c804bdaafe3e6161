package framelog

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-desfire/desfire/internal/crc"
)

// session is a recorded session of testdata/traces: its frames.
type session struct {
	name      string
	exchanges [][2][]byte
}

func sessions(t *testing.T) (list []session) {
	t.Helper()
	names, _ := filepath.Glob("../../testdata/traces/*.json")
	if len(names) < 50 {
		t.Fatalf("%d recordings", len(names))
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Exchanges []struct{ C, R string }
		}
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		s := session{name: filepath.Base(name)}
		for _, e := range f.Exchanges {
			c, _ := hex.DecodeString(strings.ReplaceAll(e.C, " ", ""))
			r, _ := hex.DecodeString(strings.ReplaceAll(e.R, " ", ""))
			s.exchanges = append(s.exchanges, [2][]byte{c, r})
		}
		list = append(list, s)
	}
	return list
}

func spaced(b []byte) string { return fmt.Sprintf("% X", b) }
func packed(b []byte) string { return fmt.Sprintf("%x", b) }

func numbers(b []byte, signed bool) string {
	words := make([]string, len(b))
	for i, c := range b {
		if words[i] = fmt.Sprint(c); signed {
			words[i] = fmt.Sprint(int8(c))
		}
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func prefixed(b []byte, between string) string {
	words := make([]string, len(b))
	for i, c := range b {
		words[i] = fmt.Sprintf("0x%02x", c)
	}
	return strings.Join(words, between)
}

// rows are 16 bytes a line.
func rows(b []byte, first, next string, ascii bool) string {
	var out strings.Builder
	for at := 0; at == 0 || at < len(b); at += 16 {
		part := b[at:min(at+16, len(b))]
		lead := first
		if at > 0 {
			lead = next
		}
		out.WriteString(lead)
		if strings.Contains(lead, "%") {
			out.Reset()
		}
		fmt.Fprintf(&out, "%-47s", spaced(part))
		if ascii {
			out.WriteString("  ")
			for _, c := range part {
				if c < ' ' || c > '~' {
					c = '.'
				}
				out.WriteByte(c)
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// dump is rows with an offset.
func dump(b []byte, label string) string {
	var out strings.Builder
	for at := 0; at == 0 || at < len(b); at += 16 {
		fmt.Fprintf(&out, "%s %04x   %s\n", label, at, strings.ToLower(spaced(b[at:min(at+16, len(b))])))
	}
	return out.String()
}

// pn53x is a frame of the PN532 around data for the card.
func pn53x(b []byte, card bool) []byte {
	data := append([]byte{0xD4, 0x40, 0x01}, b...)
	if card {
		data = append([]byte{0xD5, 0x41, 0x00}, b...)
	}
	out := []byte{0, 0, 0xFF, byte(len(data)), byte(-len(data))}
	if len(data) > 255 {
		h, l := byte(len(data)>>8), byte(len(data))
		out = []byte{0, 0, 0xFF, 0xFF, 0xFF, h, l, -h - l}
	}
	var sum byte
	for _, c := range data {
		sum -= c
	}
	return append(append(out, data...), sum, 0)
}

func ccid(kind byte, b []byte) []byte {
	head := append([]byte{kind}, binary.LittleEndian.AppendUint32(nil, uint32(len(b)))...)
	return append(append(head, 0, 7, 0, 0, 0), b...)
}

// writing is a way to write a session down. It says how the frame of a command
// and that of an answer are written.
type writing struct {
	name            string
	command, answer func(b []byte, i int) string
	head            string
}

// both is a writing whose two labels have the same bytes behind them.
func both(name, command, answer string, f func([]byte) string) writing {
	line := func(label string) func([]byte, int) string {
		return func(b []byte, _ int) string { return label + f(b) + "\n" }
	}
	return writing{name: name, command: line(command), answer: line(answer)}
}

func air(b []byte, i int) []byte {
	f := append([]byte{byte(2 + i%2)}, b...)
	s := crc.Sum16(f)
	return append(f, byte(s), byte(s>>8))
}

var writings = []writing{
	both("lines", "> ", "< ", spaced),
	both("packed", ">", "<", packed),
	both("arrows", "12:00:01.123 --> ", "12:00:01.200 <-- ", spaced),
	both("ANSI", "\x1b[32m>> ", "\x1b[31m<< ", func(b []byte) string { return packed(b) + "\x1b[0m" }),
	both("pm3", "[+] >>>> ", "[+] <<<< ", spaced),
	both("txrx", "TX: ", "RX: ", spaced),
	both("txrx with a comment", "TX: ", "RX: ", func(b []byte) string { return spaced(b) + " /* what it is */" }),
	both("signed", "D/NfcTest: send: ", "D/NfcTest: recv: ", func(b []byte) string { return numbers(b, true) }),
	both("unsigned", "sending ", "received ", func(b []byte) string { return numbers(b, false) }),
	both("buffers", "[step 1 - select app] sending <Buffer ", "[step 1 - select app] received data <Buffer ", func(b []byte) string { return strings.ToLower(spaced(b)) + ">" }),
	both("arrays", "uint8_t command[] = {", "uint8_t response[] = {", func(b []byte) string { return prefixed(b, ", ") + "};" }),
	both("prefixed", "Sending : ", "Received: ", func(b []byte) string { return prefixed(b, " ") }),
	both("colons", "Command: ", "Response: ", func(b []byte) string { return strings.ReplaceAll(spaced(b), " ", ":") }),
	both("cards", "APDU to Card = ", "Response from Card = ", packed),
	both("apdus", "C-APDU: ", "R-APDU: ", spaced),
	both("inout", "OUT : ", "IN  : ", spaced),
	both("logcat", "2024-04-22 14:14:12.264 32221-32278 NfcApp com.example.demo D  Communicator: BytesSending: ", "2024-04-22 14:14:12.287 32221-32278 NfcApp com.example.demo D  Communicator: BytesReceived: ", packed),
	both("brackets", "[TX] [", "[RX] [", func(b []byte) string { return spaced(b) + "]" }),
	both("data of iOS", "Send: <", "Recv: <", func(b []byte) string { return packed(b) + ">" }),
	both("python", "sent b'", "recv b'", func(b []byte) string {
		var s strings.Builder
		for _, c := range b {
			fmt.Fprintf(&s, `\x%02x`, c)
		}
		return s.String() + "'"
	}),
	both("pcscd", "00000005 [140017007589056] APDU: ", "00171781 [140017007589056] SW: ", spaced),
	both("page", "&gt; ", "&lt; ", spaced),
	{"hexdump of libfreefare", func(b []byte, _ int) string { return dump(b, "===>") }, func(b []byte, _ int) string { return dump(b, "<===") }, ""},
	{"OpenSC", func(b []byte, _ int) string {
		return fmt.Sprintf("0x7f 12:00:01.123 [opensc-tool] reader-pcsc.c:284:pcsc_transmit: \nOutgoing APDU (%d bytes):\n%s", len(b), rows(b, "", "", true))
	}, func(b []byte, _ int) string {
		return fmt.Sprintf("0x7f 12:00:01.136 [opensc-tool] reader-pcsc.c:293:pcsc_transmit: \nIncoming APDU (%d bytes):\n%s", len(b), rows(b, "", "", true))
	}, ""},
	{"pcsc-spy", func(b []byte, _ int) string {
		return fmt.Sprintf("SCardTransmit\n i hCard: 0x5A2B3C4D\n i pioSendPci: T1\n i bSendBuffer[%d]\n i %s\n", len(b), spaced(b))
	}, func(b []byte, _ int) string {
		return fmt.Sprintf(" o bRecvBuffer[%d]\n o %s\n => Command successful. (SCARD_S_SUCCESS [0x00000000]) [0.012345]\n", len(b), spaced(b))
	}, ""},
	{"continued", func(b []byte, _ int) string { return rows(b, "TX: ", "    ", false) }, func(b []byte, _ int) string { return rows(b, "RX: ", "    ", false) }, ""},
	{"ccid", func(b []byte, _ int) string { return "-> 000000 " + spaced(ccid(0x6F, b)) + " \n" }, func(b []byte, _ int) string { return "<- 000000 " + spaced(ccid(0x80, b)) + " \n" }, ""},
	{"libnfc", func(b []byte, _ int) string {
		return "debug\tlibnfc.bus.uart\tTX: " + strings.ToLower(spaced(pn53x(b, false))) + " \ndebug\tlibnfc.bus.uart\tRX: 00 00 ff 00 ff 00 \n"
	}, func(b []byte, _ int) string {
		f := pn53x(b, true)
		at := []int{5, 7, len(f) - 2}
		if f[3] == 0xFF && f[4] == 0xFF {
			at = []int{8, 10, len(f) - 2}
		}
		var s strings.Builder
		from := 0
		for _, to := range append(at, len(f)) {
			if to > from {
				s.WriteString("debug\tlibnfc.bus.uart\tRX: " + strings.ToLower(spaced(f[from:to])) + " \n")
			}
			from = to
		}
		return s.String()
	}, ""},
	{"air", func(b []byte, i int) string {
		return fmt.Sprintf("%11d | %10d | Rdr |%s |  ok | SOMETHING\n", i, i+1, strings.ReplaceAll(spaced(air(b, i)), " ", "  "))
	}, func(b []byte, i int) string {
		return fmt.Sprintf("%11d | %10d | Tag |%s |  ok | \n", i, i+1, strings.ReplaceAll(spaced(air(b, i)), " ", "  "))
	}, "          0 |        992 | Rdr |52(7)      |     | WUPA\n       2100 |       4468 | Tag |44  03     |     |\n"},
	{"chameleon", func(b []byte, i int) string {
		f := air(b, i)
		return fmt.Sprintf("46295 ms <    +5 ms>:CODEC RX         (%-3d bytes) [%-20x]\n", len(f), f)
	}, func(b []byte, i int) string {
		f := air(b, i)
		return fmt.Sprintf("46295 ms <    +0 ms>:CODEC TX         (%-3d bytes) [%-20x]\n", len(f), f)
	}, ""},
	{"nci", func(b []byte, _ int) string {
		return "NCI >> " + packed(append([]byte{0, 0, byte(len(b))}, b...)) + "\nNCI << 60 06 03 01 00 01\n"
	}, func(b []byte, _ int) string {
		return "NCI << " + packed(append([]byte{0, 0, byte(len(b))}, b...)) + "\n"
	}, "NCI >> 20 00 01 01\nNCI << 40 00 03 00 11 01\n"},
}

// TestWritings writes what cards really said in every way and reads it again.
func TestWritings(t *testing.T) {
	all := sessions(t)
	for _, w := range writings {
		t.Run(w.name, func(t *testing.T) {
			for _, s := range all {
				text := w.head
				for i, e := range s.exchanges {
					if len(e[0]) > 250 || len(e[1]) > 250 {
						continue // more than one packet
					}
					text += w.command(e[0], i)
					if len(e[1]) > 0 {
						text += w.answer(e[1], i)
					}
				}
				l := read(t, text)
				traced(t, text, l)
				same(t, s, l, text)
			}
		})
	}
}

// same reports where a log differs from the session that it was written from.
func same(t *testing.T, s session, l *Log, text string) {
	t.Helper()
	i := 0
	for n, e := range s.exchanges {
		if len(e[0]) > 250 || len(e[1]) > 250 {
			continue
		}
		if i >= len(l.Exchanges) {
			t.Errorf("%s: %d exchanges\n%s\n%s", s.name, len(l.Exchanges), shown(l), text[:min(len(text), 3000)])
			return
		}
		have := l.Exchanges[i]
		var answer []byte
		if have.Answer != nil {
			answer = have.Answer.Bytes
		}
		if !bytes.Equal(have.Command.Bytes, e[0]) || !bytes.Equal(answer, e[1]) {
			t.Errorf("%s: exchange %d: %x %x\nwant %x %x\nskipped %v", s.name, n, have.Command.Bytes, answer, e[0], e[1], l.Skipped)
			return
		}
		i++
	}
	if i != len(l.Exchanges) {
		t.Errorf("%s: %d exchanges, want %d", s.name, len(l.Exchanges), i)
	}
	if k := slices.IndexFunc(l.Skipped, func(k Skipped) bool { return !k.Control }); k >= 0 {
		t.Errorf("%s: skipped %+v", s.name, l.Skipped[k])
	}
}

// TestUTF16 reads what PowerShell writes, in both orders, with and without its
// mark.
func TestUTF16(t *testing.T) {
	const text = "> 9060000000\r\n< 0401013300180591AF\r\n"
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, mark := range []string{"\uFEFF", ""} {
			var data []byte
			for _, u := range utf16.Encode([]rune(mark + text)) {
				data = order.AppendUint16(data, u)
			}
			got, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, read(t, got), "> 9060000000\n< 0401013300180591AF")
		}
	}
}
