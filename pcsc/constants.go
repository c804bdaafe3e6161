package pcsc

// handle is a SCARDCONTEXT or SCARDHANDLE, widened.
type handle uintptr

const scopeSystem = 2

// Share modes of SCardConnect.
const (
	shareExclusive = 1
	shareShared    = 2
	shareDirect    = 3
)

// Protocols. A direct connection has protocol 0.
const (
	protocolT0 = 1
	protocolT1 = 2
)

// What happens to the card on Disconnect and Reconnect.
const (
	leaveCard   = 0
	resetCard   = 1
	unpowerCard = 2
)

const infinite = 0xFFFFFFFF // milliseconds

// State says what a reader and its card are doing: the SCARD_STATE flags.
type State uint16

// Reader states.
const (
	StateUnaware     State = 0x0000
	StateIgnore      State = 0x0001
	StateChanged     State = 0x0002
	StateUnknown     State = 0x0004 // there is no such reader
	StateUnavailable State = 0x0008 // the reader does not work at the moment
	StateEmpty       State = 0x0010 // no card
	StatePresent     State = 0x0020
	StateATRMatch    State = 0x0040
	StateExclusive   State = 0x0080 // a program uses the card exclusively
	StateInUse       State = 0x0100 // programs share the card
	StateMute        State = 0x0200 // the card does not answer
	StateUnpowered   State = 0x0400
)

const pnpReader = `\\?PnP?\Notification` // the reader whose state is the list of readers

// Sizes, from pcsc-lite's pcsclite.h.
const (
	maxATR    = 33
	maxBuffer = 4 + 3 + 1<<16 + 3 + 2 // MAX_BUFFER_SIZE_EXTENDED: a longest extended APDU
)

// Control codes, before the platform's base is added.
const (
	ctlEscape         = 1    // IOCTL_SMARTCARD_VENDOR_IFD_EXCHANGE of the CCID driver
	ctlEscapeWindows  = 3500 // the same of Microsoft's driver
	ctlGetFeatures    = 3400 // CM_IOCTL_GET_FEATURE_REQUEST, PC/SC part 10
	featureProperties = 0x12 // FEATURE_GET_TLV_PROPERTIES
	featureEscape     = 0x13 // FEATURE_CCID_ESC_COMMAND
	propertyMaxAPDU   = 0x0A // PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize
)

var stateNames = [...]string{"ignored", "changed", "unknown", "unavailable", "empty", "card present",
	"ATR match", "in exclusive use", "in use", "mute", "unpowered"}

func (s State) String() string {
	text := ""
	for i, name := range stateNames {
		if s&(1<<i) != 0 && State(1<<i) != StateChanged {
			if text != "" {
				text += ", "
			}
			text += name
		}
	}
	if text == "" {
		return "unaware"
	}
	return text
}
