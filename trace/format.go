package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/internal/framelog"
)

// Format is a way to write a recording down.
type Format uint8

// Formats. Those after FormatLines are logs of other programs: they can be read
// only.
const (
	FormatJSON      Format = iota // our own, that of testdata/traces
	FormatLines                   // "> 9060000000" and "< 04010133001805 91AF", or with other labels
	FormatPyscard                 // what ConsoleCardConnectionObserver prints
	FormatPcscd                   // pcscd --apdu
	FormatPM3                     // the APDU log of Proxmark's hf mfdes
	FormatPM3Trace                // Proxmark's trace list
	FormatPM3Raw                  // Proxmark's hf 14a raw and hf 14a apdu
	FormatLibnfc                  // libnfc at debug level
	FormatPN53x                   // frames of a PN532 and its like
	FormatNCI                     // packets of NCI
	FormatTXRX                    // TX: and RX:, as NXP's reader library prints them
	FormatLogcat                  // Android
	FormatNode                    // buffers of Node.js
	FormatGPPro                   // GlobalPlatformPro -d
	FormatSpy                     // pcsc-spy
	FormatCCID                    // blocks of CCID
	FormatOpenSC                  // OpenSC's tools
	FormatScriptor                // scriptor
	FormatChameleon               // ChameleonMini
	FormatArray                   // arrays of bytes in C, Java or Python
	FormatAir                     // frames off the air
	FormatFlipper                 // Flipper Zero
)

func (f Format) String() string {
	if f == FormatJSON {
		return "JSON recording"
	}
	for k, g := range formatOf {
		if g == f {
			return k.String()
		}
	}
	return fmt.Sprintf("trace.Format(%d)", uint8(f))
}

// formatOf is the format of what a log was found to be.
var formatOf = map[framelog.Kind]Format{
	framelog.KindLines: FormatLines, framelog.KindPyscard: FormatPyscard, framelog.KindPcscd: FormatPcscd, framelog.KindPM3: FormatPM3,
	framelog.KindPM3Trace: FormatPM3Trace, framelog.KindPM3Raw: FormatPM3Raw, framelog.KindLibnfc: FormatLibnfc, framelog.KindPN53x: FormatPN53x,
	framelog.KindNCI: FormatNCI, framelog.KindNXP: FormatTXRX, framelog.KindLogcat: FormatLogcat, framelog.KindNode: FormatNode,
	framelog.KindGPPro: FormatGPPro, framelog.KindSpy: FormatSpy, framelog.KindCCID: FormatCCID, framelog.KindOpenSC: FormatOpenSC,
	framelog.KindScriptor: FormatScriptor, framelog.KindChameleon: FormatChameleon, framelog.KindArray: FormatArray, framelog.KindAir: FormatAir,
	framelog.KindFlipper: FormatFlipper,
}
