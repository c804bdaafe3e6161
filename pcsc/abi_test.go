package pcsc

// The structures as the headers of each system declare them, for the compiler
// of any target to lay out; TestABI also has go/types do it for those it does not
// run on. Sources: winscard.h of the Windows SDK and of mingw-w64 (ULONG_PTR
// handles, DWORD of 32 bits, rgbAtr[36], default alignment), pcsclite.h and
// wintypes.h of macOS (int32_t handles, uint32_t DWORD, MAX_ATR_SIZE 33,
// #pragma pack(1)) and of pcsc-lite (long and unsigned long).

type windowsReaderState struct { // SCARD_READERSTATEW
	szReader, pvUserData                uintptr
	dwCurrentState, dwEventState, cbAtr uint32
	rgbAtr                              [36]byte
}

type windowsIORequest struct { // SCARD_IO_REQUEST
	dwProtocol, cbPciLength uint32
}

type windowsHandle uintptr // SCARDCONTEXT, SCARDHANDLE

type darwinReaderState struct { // SCARD_READERSTATE, packed in C
	szReader, pvUserData                uintptr
	dwCurrentState, dwEventState, cbAtr uint32
	rgbAtr                              [33]byte
}

type darwinIORequest struct {
	dwProtocol, cbPciLength uint32
}

type darwinHandle int32

type linuxReaderState struct {
	szReader, pvUserData                uintptr
	dwCurrentState, dwEventState, cbAtr uint // unsigned long is as wide as Go's uint there
	rgbAtr                              [33]byte
}

type linuxIORequest struct {
	dwProtocol, cbPciLength uint
}

type linuxHandle int
