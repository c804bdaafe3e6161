//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pcsc

import (
	"runtime"
	"sync"
	"unsafe"
)

// native is the platform's PC/SC library.
type native struct {
	layout
	system platform
	procs
	scratch sync.Pool // of *scratch
}

// procs are the addresses of the library's functions.
type procs struct {
	pEstablishContext, pReleaseContext, pIsValidContext, pListReaders, pGetStatusChange, pCancel,
	pConnect, pReconnect, pDisconnect, pBeginTransaction, pEndTransaction,
	pTransmit, pControl, pStatus, pGetAttrib uintptr
}

// symbol is a function of the library and where its address belongs.
type symbol struct {
	name    string
	address *uintptr
}

// symbols names the functions. wide functions end in W on Windows; control is
// SCardControl132 on macOS, whose SCardControl is an older one.
func (p *procs) symbols(wide, control string) []symbol {
	return []symbol{
		{"SCardEstablishContext", &p.pEstablishContext},
		{"SCardReleaseContext", &p.pReleaseContext},
		{"SCardIsValidContext", &p.pIsValidContext},
		{"SCardListReaders" + wide, &p.pListReaders},
		{"SCardGetStatusChange" + wide, &p.pGetStatusChange},
		{"SCardCancel", &p.pCancel},
		{"SCardConnect" + wide, &p.pConnect},
		{"SCardReconnect", &p.pReconnect},
		{"SCardDisconnect", &p.pDisconnect},
		{"SCardBeginTransaction", &p.pBeginTransaction},
		{"SCardEndTransaction", &p.pEndTransaction},
		{"SCardTransmit", &p.pTransmit},
		{control, &p.pControl},
		{"SCardStatus" + wide, &p.pStatus},
		{"SCardGetAttrib", &p.pGetAttrib},
	}
}

// scratch holds what a call passes by reference. It lives on the heap, where
// nothing moves, and is reused.
type scratch struct {
	a, b, c [8]byte // DWORDs and handles
	pci     [16]byte
}

func newNative(l layout, system platform) *native {
	n := &native{layout: l, system: system}
	n.scratch.New = func() any { return new(scratch) }
	return n
}

func (n *native) platform() platform { return n.system }

func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func (n *native) establishContext() (handle, Error) {
	var out [8]byte
	code := call(n.pEstablishContext, scopeSystem, 0, 0, uintptr(unsafe.Pointer(&out)))
	return handle(n.get(out[:], n.handle)), code
}

func (n *native) releaseContext(c handle) Error { return call(n.pReleaseContext, uintptr(c)) }
func (n *native) isValidContext(c handle) Error { return call(n.pIsValidContext, uintptr(c)) }
func (n *native) cancel(c handle) Error         { return call(n.pCancel, uintptr(c)) }

func (n *native) listReaders(c handle) ([]string, Error) {
	for size := 4096; ; size *= 4 {
		buffer := make([]byte, size)
		var length [8]byte
		n.putDWORD(length[:], uint32(size/n.char()))
		code := call(n.pListReaders, uintptr(c), 0, uintptr(address(buffer)), uintptr(unsafe.Pointer(&length)))
		switch {
		case code == codeInsufficientBuffer && size < 1<<20:
			continue
		case code == codeNoReaders:
			return nil, codeOK
		case code != codeOK:
			return nil, code
		}
		return n.strings(buffer[:min(int(n.getDWORD(length[:]))*n.char(), size)]), codeOK
	}
}

func (n *native) getStatusChange(c handle, timeout uint32, states []readerState) Error {
	var pin runtime.Pinner
	defer pin.Unpin()
	block := n.readerStates(states, func(b []byte) uintptr {
		if len(b) == 0 {
			return 0
		}
		pin.Pin(unsafe.SliceData(b)) // the structures hold addresses within it
		return uintptr(address(b))
	})
	code := call(n.pGetStatusChange, uintptr(c), uintptr(timeout), uintptr(address(block)), uintptr(len(states)))
	n.readStates(block, states)
	return code
}

func (n *native) connect(c handle, reader string, share, protocols uint32) (handle, uint32, Error) {
	name := alignedBytes(len(reader)*2 + 2)
	copy(name, n.appendString(nil, reader))
	var card, protocol [8]byte
	code := call(n.pConnect, uintptr(c), uintptr(address(name)), uintptr(share), uintptr(protocols),
		uintptr(unsafe.Pointer(&card)), uintptr(unsafe.Pointer(&protocol)))
	return handle(n.get(card[:], n.handle)), n.getDWORD(protocol[:]), code
}

func (n *native) reconnect(h handle, share, protocols, initialization uint32) (uint32, Error) {
	var protocol [8]byte
	code := call(n.pReconnect, uintptr(h), uintptr(share), uintptr(protocols), uintptr(initialization),
		uintptr(unsafe.Pointer(&protocol)))
	return n.getDWORD(protocol[:]), code
}

func (n *native) disconnect(h handle, disposition uint32) Error {
	return call(n.pDisconnect, uintptr(h), uintptr(disposition))
}

func (n *native) beginTransaction(h handle) Error { return call(n.pBeginTransaction, uintptr(h)) }

func (n *native) endTransaction(h handle, disposition uint32) Error {
	return call(n.pEndTransaction, uintptr(h), uintptr(disposition))
}

func (n *native) transmit(h handle, protocol uint32, command, response []byte) (int, Error) {
	s := n.scratch.Get().(*scratch)
	defer n.scratch.Put(s)
	n.putIORequest(s.pci[:], protocol)
	n.putDWORD(s.a[:], uint32(len(response)))
	code := call(n.pTransmit, uintptr(h), uintptr(unsafe.Pointer(&s.pci)),
		uintptr(address(command)), uintptr(len(command)), 0,
		uintptr(address(response)), uintptr(unsafe.Pointer(&s.a)))
	return n.length(code, s.a[:], response), code
}

func (n *native) control(h handle, code uint32, command, response []byte) (int, Error) {
	s := n.scratch.Get().(*scratch)
	defer n.scratch.Put(s)
	n.putDWORD(s.a[:], 0)
	rc := call(n.pControl, uintptr(h), uintptr(code), uintptr(address(command)), uintptr(len(command)),
		uintptr(address(response)), uintptr(len(response)), uintptr(unsafe.Pointer(&s.a)))
	return n.length(rc, s.a[:], response), rc
}

func (n *native) status(h handle) (status, Error) {
	name := alignedBytes(512)
	atr := alignedBytes(n.atr)
	var length, atrLength, state, protocol [8]byte
	n.putDWORD(length[:], uint32(len(name)/n.char()))
	n.putDWORD(atrLength[:], uint32(len(atr)))
	code := call(n.pStatus, uintptr(h), uintptr(address(name)), uintptr(unsafe.Pointer(&length)),
		uintptr(unsafe.Pointer(&state)), uintptr(unsafe.Pointer(&protocol)),
		uintptr(address(atr)), uintptr(unsafe.Pointer(&atrLength)))
	if code != codeOK {
		return status{}, code
	}
	s := status{state: n.getDWORD(state[:]), protocol: n.getDWORD(protocol[:])}
	s.reader, _ = n.string(name)
	s.atr = atr[:n.length(code, atrLength[:], atr)]
	return s, codeOK
}

func (n *native) getAttrib(h handle, id uint32, value []byte) (int, Error) {
	var length [8]byte
	n.putDWORD(length[:], uint32(len(value)))
	code := call(n.pGetAttrib, uintptr(h), uintptr(id), uintptr(address(value)), uintptr(unsafe.Pointer(&length)))
	return n.length(code, length[:], value), code
}

// length is what the library wrote, never more than there is room for.
func (n *native) length(code Error, dword, buffer []byte) int {
	if code != codeOK {
		return 0
	}
	return min(int(n.getDWORD(dword)), len(buffer))
}
