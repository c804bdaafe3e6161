package bench_test

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/pcsc"
)

// bareService speaks to a card through pcscd as simply as Go can: SCardTransmit.
// What is passed by reference lies on the heap, where nothing moves.
type bareService struct {
	function        uintptr
	card            uint
	pci             struct{ protocol, length uint }
	length          uint
	command, answer []byte
}

const (
	scopeSystem = 2
	exclusive   = 1
	anyProtocol = 3
)

func openBare(t testing.TB, reader string) *bareService {
	t.Helper()
	library, err := purego.Dlopen("libpcsclite.so.1", purego.RTLD_NOW|purego.RTLD_LOCAL)
	must(t, err)
	call := func(name string, args ...uintptr) uint32 {
		f, err := purego.Dlsym(library, name)
		must(t, err)
		code, _, _ := purego.SyscallN(f, args...)
		return uint32(code)
	}
	b := &bareService{answer: make([]byte, 1<<10), command: make([]byte, 0, 1<<10)}
	b.function, err = purego.Dlsym(library, "SCardTransmit")
	must(t, err)
	in := new(struct{ context, protocol uint })
	if code := call("SCardEstablishContext", scopeSystem, 0, 0, uintptr(unsafe.Pointer(&in.context))); code != 0 {
		t.Fatalf("SCardEstablishContext: %08X", code)
	}
	t.Cleanup(func() { call("SCardReleaseContext", uintptr(in.context)) })
	name := append([]byte(reader), 0)
	for n := 0; ; n++ {
		code := call("SCardConnect", uintptr(in.context), uintptr(unsafe.Pointer(&name[0])), exclusive, anyProtocol,
			uintptr(unsafe.Pointer(&b.card)), uintptr(unsafe.Pointer(&in.protocol)))
		if code == 0 {
			break
		}
		if n == 200 {
			t.Fatalf("SCardConnect %s: %08X", reader, code)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Cleanup(func() { call("SCardDisconnect", uintptr(b.card), 0) })
	b.pci.protocol, b.pci.length = in.protocol, 16
	return b
}

func (b *bareService) transmit(t testing.TB, command []byte) []byte {
	b.command = append(b.command[:0], command...)
	b.length = uint(len(b.answer))
	code, _, _ := purego.SyscallN(b.function, uintptr(b.card), uintptr(unsafe.Pointer(&b.pci)), uintptr(unsafe.Pointer(&b.command[0])), uintptr(len(b.command)),
		0, uintptr(unsafe.Pointer(&b.answer[0])), uintptr(unsafe.Pointer(&b.length)))
	if uint32(code) != 0 {
		t.Fatalf("SCardTransmit: %08X", uint32(code))
	}
	return b.answer[:b.length]
}

// services are exchanges through a real pcscd, with two virtual readers.
func services(t testing.TB, s size) []row {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stack := pcsctest.Start(t)
	startCards(t, stack.Slot(0)+" "+stack.Slot(1))
	bare := openBare(t, stack.Reader(1))
	readers, err := pcsc.Open(nil)
	must(t, err)
	var c *pcsc.Conn
	for range 200 {
		if c, err = readers.Connect(ctx, stack.Reader(0)); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	must(t, err)
	defer c.Close()
	return wires(ctx, t, s, "a card in another process, through pcscd and vpcd", c, func(command []byte) []byte { return bare.transmit(t, command) })
}
