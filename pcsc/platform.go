package pcsc

// platform is what differs between the systems beyond byte layouts.
type platform struct {
	name     string // GOOS
	pcscLite bool   // error codes as pcsc-lite means them
	control  func(n uint32) uint32
	escape   uint32 // control number of the escape command where the driver names none

	// noPnP: the service has no reader that reports readers. Asked for it,
	// macOS may leave the state as it was, which looks like one that has.
	noPnP bool
	// changedIsReset: a card that was lifted and put back, or changed for
	// another, is reported as reset.
	changedIsReset bool
	// direct is the protocols to ask for in a direct connection.
	direct uint32
}

// The supported systems.
var (
	linuxPlatform = platform{
		name: "linux", pcscLite: true, control: controlCode, escape: ctlEscape,
	}
	// macOS: PnP and change of cards as in https://blog.apdu.fr, "El Capitan"
	// of 2015-12 and "High Sierra" of 2018-09; its direct connections refused
	// protocol 0 once (OpenSC, reader-pcsc.c).
	darwinPlatform = platform{
		name: "darwin", control: controlCode, escape: ctlEscape,
		noPnP: true, changedIsReset: true, direct: protocolT0 | protocolT1,
	}
	windowsPlatform = platform{
		name: "windows", control: controlCodeWindows, escape: ctlEscapeWindows,
	}
)

func controlCode(n uint32) uint32        { return 0x42000000 + n }  // SCARD_CTL_CODE of pcsc-lite
func controlCodeWindows(n uint32) uint32 { return 0x310000 | n<<2 } // FILE_DEVICE_SMARTCARD, method buffered

// meaning is a return code about a card, as the other systems give it. A card
// that may be another one has to be taken for removed: whoever goes on after a
// reset believes that it is the same.
func (p platform) meaning(code Error) Error {
	if p.changedIsReset && code == codeResetCard {
		return codeRemovedCard
	}
	return code
}
