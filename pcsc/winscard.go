package pcsc

// winscard is what this package uses of PC/SC. The platform's library
// implements it; tests replace it. Calls block their goroutine until the
// service answers. Each context and each card is used by one goroutine at a
// time, except that cancel may come from another.
type winscard interface {
	platform() platform
	establishContext() (handle, Error)
	releaseContext(context handle) Error
	isValidContext(context handle) Error
	listReaders(context handle) ([]string, Error)
	getStatusChange(context handle, timeout uint32, states []readerState) Error
	cancel(context handle) Error
	connect(context handle, reader string, share, protocols uint32) (card handle, protocol uint32, code Error)
	reconnect(card handle, share, protocols, initialization uint32) (protocol uint32, code Error)
	disconnect(card handle, disposition uint32) Error
	beginTransaction(card handle) Error
	endTransaction(card handle, disposition uint32) Error
	transmit(card handle, protocol uint32, command, response []byte) (int, Error)
	control(card handle, code uint32, command, response []byte) (int, Error)
	status(card handle) (status, Error)
	getAttrib(card handle, id uint32, value []byte) (int, Error)
}

// readerState is a SCARD_READERSTATE. The high words of current and event are
// counters: of insertions and removals, or of readers.
type readerState struct {
	reader  string
	current uint32
	event   uint32
	atr     []byte
}

// status is what SCardStatus tells about a connection.
type status struct {
	reader   string
	state    uint32
	protocol uint32
	atr      []byte
}
