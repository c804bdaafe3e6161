//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"unsafe"
)

// native is a module that was loaded, by its list of functions.
type native struct {
	layout
	list  unsafe.Pointer
	procs [len(functions)]uintptr

	alone bool       // the module cannot lock: one call at a time
	turn  sync.Mutex // of alone
}

// newNative reads the functions of a module, whose C_GetFunctionList is at get.
func newNative(l layout, get uintptr) (*native, error) {
	m := newMemory(l.pointer)
	defer m.free()
	out, outAt := m.take(l.pointer)
	if err := l.returned("C_GetFunctionList", call(get, outAt)); err != nil {
		return nil, err
	}
	n := &native{layout: l, list: *(*unsafe.Pointer)(unsafe.Pointer(&out[0]))}
	if n.list == nil {
		return nil, broken("C_GetFunctionList", "gives no list")
	}
	for i, f := range functions {
		at := unsafe.Slice((*byte)(unsafe.Add(n.list, l.function(f.at))), l.pointer)
		n.procs[i] = uintptr(l.get(at, l.pointer))
		if n.procs[i] == 0 {
			return nil, broken(f.name, "is missing in the module's list of functions")
		}
	}
	return n, nil
}

// identity tells modules of this process apart, by whatever name they were loaded.
func (n *native) identity() uintptr { return uintptr(n.list) }

func (l layout) returned(name string, r uintptr) error {
	code := Error(r)
	if l.ulong == 4 {
		code = Error(uint32(r))
	}
	if code == codeOK {
		return nil
	}
	return &callError{name, code}
}

func (n *native) call(f int, args ...uintptr) error {
	if n.alone {
		n.turn.Lock()
		defer n.turn.Unlock()
	}
	return n.returned(functions[f].name, call(n.procs[f], args...))
}

// memory is what a call passes by address: one block, which stays where it is and
// is overwritten in the end.
type memory struct {
	block []byte
	used  int
	pin   runtime.Pinner
}

func round(n int) int { return (n + 7) &^ 7 }

// newMemory makes room for parts of these sizes.
func newMemory(sizes ...int) *memory {
	total := 0
	for _, n := range sizes {
		total += round(n)
	}
	m := &memory{block: alignedBytes(total)}
	m.pin.Pin(unsafe.SliceData(m.block))
	return m
}

// take is the next part.
func (m *memory) take(n int) (part []byte, address uintptr) {
	at := m.used
	m.used += round(n)
	return m.block[at : at+n : at+n], uintptr(unsafe.Pointer(unsafe.SliceData(m.block))) + uintptr(at)
}

// with is take, filled.
func (m *memory) with(b []byte) uintptr {
	part, address := m.take(len(b))
	copy(part, b)
	return address
}

func (m *memory) free() {
	clear(m.block)
	m.pin.Unpin()
}

func (n *native) initialize(locking bool) error {
	if !locking {
		n.alone = true
		return n.call(fInitialize, 0)
	}
	args := n.initializeArgs(flagOSLockingOK)
	m := newMemory(len(args))
	defer m.free()
	return n.call(fInitialize, m.with(args))
}

func (n *native) finalize() error { return n.call(fFinalize, 0) }

// maxSlots bounds what is believed of a module's slots.
const maxSlots = 1024

func (n *native) slots() ([]slotID, error) {
	m := newMemory(n.layout.ulong, maxSlots*n.layout.ulong)
	defer m.free()
	count, countAt := m.take(n.layout.ulong)
	list, listAt := m.take(maxSlots * n.layout.ulong)
	// Without room it looks for slots anew, with room it tells what it found then.
	if err := n.call(fGetSlotList, 1, 0, countAt); err != nil {
		return nil, err
	}
	n.putUlong(count, maxSlots)
	if err := n.call(fGetSlotList, 1, listAt, countAt); err != nil {
		return nil, err
	}
	got := n.getUlong(count)
	if got > maxSlots {
		return nil, broken("C_GetSlotList", "tells %d slots where there is room for %d", got, maxSlots)
	}
	slots := make([]slotID, got)
	for i := range slots {
		slots[i] = slotID(n.getUlong(list[i*n.layout.ulong:]))
	}
	return slots, nil
}

// spare is room behind a structure, for a module that takes it for longer.
const spare = 64

func (n *native) token(s slotID) (tokenInfo, error) {
	m := newMemory(n.tokenInfo() + spare)
	defer m.free()
	b, at := m.take(n.tokenInfo() + spare)
	if err := n.call(fGetTokenInfo, uintptr(s), at); err != nil {
		return tokenInfo{}, err
	}
	return tokenInfo{
		label: padded(b[tokenLabel:tokenManufacturer]), manufacturer: padded(b[tokenManufacturer:tokenModel]),
		model: padded(b[tokenModel:tokenSerial]), serial: padded(b[tokenSerial:tokenFlags]), flags: n.getUlong(b[tokenFlags:]),
	}, nil
}

func (n *native) openSession(s slotID) (session, error) {
	m := newMemory(n.layout.ulong)
	defer m.free()
	h, at := m.take(n.layout.ulong)
	err := n.call(fOpenSession, uintptr(s), flagSerialSession, 0, 0, at)
	return session(n.getUlong(h)), err
}

func (n *native) closeSession(h session) error { return n.call(fCloseSession, uintptr(h)) }

func (n *native) state(h session) (uint64, error) {
	m := newMemory(n.sessionInfo() + spare)
	defer m.free()
	b, at := m.take(n.sessionInfo() + spare)
	err := n.call(fGetSessionInfo, uintptr(h), at)
	return n.getUlong(b[n.layout.ulong:]), err
}

func (n *native) login(h session, pin []byte) error {
	if pin == nil {
		return n.call(fLogin, uintptr(h), userType, 0, 0)
	}
	m := newMemory(len(pin))
	defer m.free()
	return n.call(fLogin, uintptr(h), userType, m.with(pin), uintptr(len(pin)))
}

// template lays out an array of attributes and their values in one block.
func (n *native) template(list []attribute, more int) (m *memory, array []byte, at uintptr) {
	sizes := []int{len(list) * n.triple(), more}
	for _, a := range list {
		sizes = append(sizes, len(a.value))
	}
	m = newMemory(sizes...)
	array, at = m.take(len(list) * n.triple())
	for i, a := range list {
		n.putTriple(array[i*n.triple():], a.typ, uint64(m.with(a.value)), uint64(len(a.value)))
	}
	return m, array, at
}

func (n *native) find(h session, template []attribute, limit int) (found []object, err error) {
	room := limit * n.layout.ulong
	m, _, at := n.template(template, round(room)+n.layout.ulong)
	defer m.free()
	list, listAt := m.take(room)
	count, countAt := m.take(n.layout.ulong)
	if err := n.call(fFindObjectsInit, uintptr(h), at, uintptr(len(template))); err != nil {
		return nil, err
	}
	defer func() {
		if e := n.call(fFindObjectsFinal, uintptr(h)); err == nil {
			err = e
		}
	}()
	for len(found) < limit {
		left := limit - len(found)
		clear(count)
		if err := n.call(fFindObjects, uintptr(h), listAt, uintptr(left), countAt); err != nil {
			return nil, err
		}
		got := n.getUlong(count)
		if got > uint64(left) {
			return nil, broken("C_FindObjects", "tells %d objects where there is room for %d", got, left)
		}
		if got == 0 {
			break
		}
		for i := range int(got) {
			found = append(found, object(n.getUlong(list[i*n.layout.ulong:])))
		}
	}
	return found, nil
}

// maxAttribute bounds the value of an attribute that is read.
const maxAttribute = 256

func (n *native) attributes(h session, o object, want []attribute) error {
	room := make([]attribute, len(want))
	value := make([]byte, maxAttribute)
	for i := range want {
		room[i] = attribute{want[i].typ, value}
	}
	m, array, at := n.template(room, 0)
	defer m.free()
	err := n.call(fGetAttributeValue, uintptr(h), uintptr(o), at, uintptr(len(want)))
	switch codeOf(err) {
	case codeOK, codeAttributeSensitive, codeAttributeTypeInvalid, codeBufferTooSmall:
	default:
		return err
	}
	at0 := round(len(array))
	for i := range want {
		want[i].value = nil
		length := n.tripleLength(array[i*n.triple():])
		switch {
		case length == n.unavailable():
		case length > maxAttribute:
			return broken("C_GetAttributeValue", "tells %d bytes where there is room for %d", length, maxAttribute)
		default:
			b := m.block[at0+i*maxAttribute:]
			want[i].value = append([]byte{}, b[:length]...)
		}
	}
	return nil
}

func (n *native) crypt(h session, encrypt bool, mechanism uint64, o object, iv, dst, src []byte) error {
	begin, do := fDecryptInit, fDecrypt
	if encrypt {
		begin, do = fEncryptInit, fEncrypt
	}
	m := newMemory(n.triple(), len(iv), len(src), len(src), n.layout.ulong)
	defer m.free()
	mech, mechAt := m.take(n.triple())
	n.putTriple(mech, mechanism, uint64(m.with(iv)), uint64(len(iv)))
	in := m.with(src)
	out, outAt := m.take(len(src))
	length, lengthAt := m.take(n.layout.ulong)
	n.putUlong(length, uint64(len(out)))
	if err := n.call(begin, uintptr(h), mechAt, uintptr(o)); err != nil {
		return err
	}
	if err := n.call(do, uintptr(h), in, uintptr(len(src)), outAt, lengthAt); err != nil {
		return err
	}
	if got := n.getUlong(length); got != uint64(len(out)) {
		return broken(functions[do].name, "gives %d bytes for %d", got, len(out))
	}
	copy(dst, out)
	return nil
}

func (n *native) sign(h session, mechanism uint64, o object, mac, message []byte) error {
	m := newMemory(n.triple(), len(message), len(mac)+spare, n.layout.ulong)
	defer m.free()
	mech, mechAt := m.take(n.triple())
	n.putTriple(mech, mechanism, 0, 0)
	in := m.with(message)
	out, outAt := m.take(len(mac) + spare)
	length, lengthAt := m.take(n.layout.ulong)
	n.putUlong(length, uint64(len(out)))
	if err := n.call(fSignInit, uintptr(h), mechAt, uintptr(o)); err != nil {
		return err
	}
	if err := n.call(fSign, uintptr(h), in, uintptr(len(message)), outAt, lengthAt); err != nil {
		return err
	}
	if got := n.getUlong(length); got != uint64(len(mac)) {
		return broken("C_Sign", "gives a MAC of %d bytes instead of %d", got, len(mac))
	}
	copy(mac, out)
	return nil
}

func (n *native) ulong(v uint64) []byte {
	b := make([]byte, n.layout.ulong)
	n.putUlong(b, v)
	return b
}

// system is the layout of modules here.
func system() layout {
	if runtime.GOOS == "windows" {
		return windowsLayout(bits.UintSize / 8)
	}
	return unixLayout(bits.UintSize / 8)
}

// open loads a module and reads its list of functions.
func open(path string) (*native, error) {
	get, err := symbol(path)
	if err != nil {
		return nil, fmt.Errorf("the module cannot be loaded: %w", err)
	}
	return newNative(system(), get)
}
