package framelog

import (
	"fmt"
	"slices"
	"strings"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// Kind is what wrote a log, or what wraps the frames in it.
type Kind uint8

// Kinds.
const (
	KindLines     Kind = iota // > and < or other labels
	KindPyscard               // ConsoleCardConnectionObserver
	KindPcscd                 // pcscd --apdu
	KindPM3                   // APDU log of Proxmark
	KindPM3Trace              // Proxmark's trace list
	KindPM3Raw                // hf 14a raw, hf 14a apdu
	KindLibnfc                // LIBNFC_LOG_LEVEL=3
	KindPN53x                 // frames of the PN53x
	KindNCI                   // NCI packets
	KindNXP                   // TX: and RX: of NXP's reader library
	KindLogcat                // Android
	KindNode                  // <Buffer ...> of Node.js
	KindGPPro                 // GlobalPlatformPro -d, apdu4j
	KindSpy                   // pcsc-spy
	KindCCID                  // CCID blocks
	KindOpenSC                // opensc-tool -vvv
	KindScriptor              // scriptor
	KindChameleon             // ChameleonMini
	KindArray                 // arrays of C, Java or Python
	KindAir                   // frames with their CRC
	KindFlipper               // Flipper Zero
	kinds
)

func (k Kind) String() string {
	names := [...]string{
		"hex lines", "pyscard log", "pcscd log", "Proxmark APDU log", "Proxmark trace list", "Proxmark hf 14a log", "libnfc log", "frames of the PN53x",
		"NCI packets", "TX/RX log", "Android log", "Node.js buffers", "GlobalPlatformPro log", "pcsc-spy log", "CCID blocks", "OpenSC log", "scriptor log",
		"ChameleonMini log", "arrays of bytes", "frames off the air", "Flipper log",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("framelog.Kind(%d)", uint8(k))
}

// signs are what only one program writes.
var signs = [...]struct {
	text string
	kind Kind
}{
	{"connecting to ", KindPyscard}, {"libnfc.", KindLibnfc}, {"NCI >", KindNCI}, {"NCI>", KindNCI}, {"NCI<", KindNCI}, {"NCI: ", KindNCI}, {"NCI <", KindNCI}, {"NciX", KindNCI}, {"NciR", KindNCI}, {"CODEC RX", KindChameleon}, {"CODEC TX", KindChameleon},
	{"<Buffer", KindNode}, {"A>> ", KindGPPro}, {"A<< ", KindGPPro}, {"bSendBuffer", KindSpy}, {"bRecvBuffer", KindSpy}, {"Outgoing APDU", KindOpenSC}, {"Incoming APDU", KindOpenSC},
	{" >>>>", KindPM3}, {" <<<<", KindPM3}, {"hf 14a ", KindPM3Raw}, {"[WCMD", KindPM3Raw}, {"BytesSending", KindLogcat}, {"BytesReceived", KindLogcat},
	{": Normal processing", KindScriptor}, {": Additional frame", KindScriptor}, {"TX: ", KindNXP}, {"RX: ", KindNXP}, {"{0x", KindArray}, {"{ 0x", KindArray}, {"[-", KindArray}, {" FuriHal", KindFlipper}, {"[Nfc", KindFlipper}, {"[MfDesfire", KindFlipper}, {"[Iso14443_4", KindFlipper},
}

// kindCount counts the signs.
type kindCount [kinds]int

func (c *kindCount) add(k Kind)      { c[k]++ }
func (c *kindCount) has(k Kind) bool { return c[k] > 0 }

func (c *kindCount) see(line string) {
	for _, s := range signs {
		if strings.Contains(line, s.text) {
			c[s.kind]++
		}
	}
	if strings.HasPrefix(line, ">>>>") || strings.HasPrefix(line, "<<<<") {
		c[KindPM3]++
	}
}

// list are the kinds, those of programs before those of wrappers.
func (c *kindCount) list() []Kind {
	weaker := map[Kind][]Kind{
		KindNXP:      {KindLibnfc, KindPN53x, KindNCI, KindLogcat},
		KindPM3:      {KindPM3Raw},
		KindScriptor: {KindOpenSC},
		KindPyscard:  {KindGPPro},
		KindAir:      {KindPM3Trace, KindChameleon},
		KindArray:    {KindNode},
		KindPcscd:    {KindGPPro, KindLogcat, KindOpenSC},
	}
	var out []Kind
	for k := Kind(1); k < kinds; k++ {
		if c[k] == 0 || slices.ContainsFunc(weaker[k], c.has) {
			continue
		}
		out = append(out, k)
	}
	wrapper := func(k Kind) int {
		switch k {
		case KindPN53x, KindCCID, KindAir, KindArray:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b Kind) int {
		if w := wrapper(a) - wrapper(b); w != 0 {
			return w
		}
		return c[b] - c[a]
	})
	if len(out) == 0 {
		out = []Kind{KindLines}
	}
	return out
}
