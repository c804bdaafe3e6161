package mobile

// Transceiver is a tag that takes whole frames: IsoDep of Android. The app implements it.
type Transceiver interface {
	// Transceive sends one frame and returns the tag's answer. It may block; Close makes it
	// return. After an error the tag may have had the frame.
	Transceive(command []byte) ([]byte, error)
	// MaxLength is how long a frame may be, in bytes: getMaxTransceiveLength. 0: not known.
	MaxLength() int
	// Present tells after an error whether the tag is still there: isConnected. False is an
	// answer that is always safe.
	Present() bool
	// Close ends the connection, and an exchange under way with an error. It may be called while
	// Transceive runs, from another thread, and is called once.
	Close()
}

// Transceiver7816 is a tag that takes the fields of an APDU: NFCISO7816Tag of an iPhone. The app
// implements it. Native DESFire frames cannot travel so: they are wrapped.
type Transceiver7816 interface {
	// Transceive sends one command and returns what the tag answered. cla, ins and the
	// parameters are bytes. le is how many bytes are expected, 256 or 65536 for all there are, or -1 for none. A
	// command with more than 255 bytes of data, or with le above 256, is an extended one.
	Transceive(cla, ins, parameter1, parameter2 int, data []byte, le int) (*Answer7816, error)
	// Present tells after an error whether the tag is still there: isAvailable.
	Present() bool
	// Close ends the connection, and an exchange under way with an error: invalidate of the
	// session. It may be called while Transceive runs, from another thread, and is called once.
	Close()
}

// Answer7816 is what a tag answered to the fields of a command.
type Answer7816 struct {
	Data []byte
	SW1  int // a byte
	SW2  int // a byte
}

// NewAnswer7816 makes an answer of data, without its status, and the status.
func NewAnswer7816(data []byte, sw1, sw2 int) *Answer7816 {
	return &Answer7816{append([]byte(nil), data...), sw1, sw2}
}
