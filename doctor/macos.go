package doctor

import (
	"context"
	"strings"
)

// noMacReader finds out why macOS has no reader.
func (x *exam) noMacReader() {
	out, err := ask(x, question, func(ctx context.Context) (string, error) {
		return x.m.Run(ctx, "ioreg", "-r", "-c", "IOUSBHostInterface", "-w0", "-l")
	})
	switch {
	case err != nil:
		x.find("reader-none", "USB", "", "")
		x.find("unseen-usb", "ioreg", "what is on USB could not be asked: "+err.Error(), "")
	case strings.Contains(out, `"bInterfaceClass" = 11`):
		x.find("macos-driver", "USB", "", "")
	default:
		x.find("reader-none", "USB", "", "")
	}
}
