package pcsc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/bits"
	"slices"
	"testing"
	"unsafe"
)

// These do not compile for a target that lays the structures out otherwise.
const pointerSize = unsafe.Sizeof(uintptr(0))

var (
	_ = [1]int{}[unsafe.Sizeof(windowsReaderState{})-(2*pointerSize+3*4+36)]
	_ = [1]int{}[unsafe.Offsetof(windowsReaderState{}.rgbAtr)-(2*pointerSize+3*4)]
	_ = [1]int{}[unsafe.Sizeof(windowsIORequest{})-8]
	_ = [1]int{}[unsafe.Sizeof(windowsHandle(0))-pointerSize]
	_ = [1]int{}[unsafe.Offsetof(darwinReaderState{}.rgbAtr)-(2*pointerSize+3*4)]
	_ = [1]int{}[unsafe.Sizeof(darwinIORequest{})-8]
	_ = [1]int{}[unsafe.Sizeof(darwinHandle(0))-4]
)

// abi is how a target lays out the structures of a system.
type abi struct {
	offsets                   []int64 // of the fields of SCARD_READERSTATE
	readerState, request, end int64   // end: without the padding behind
	handle                    int64
}

// layOut has go/types lay out the structures of abi_test.go.
func layOut(t *testing.T, goos, goarch string) abi {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "abi_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	sizes := types.SizesFor("gc", goarch)
	if sizes == nil {
		t.Fatalf("no sizes for %s", goarch)
	}
	p, err := (&types.Config{Sizes: sizes}).Check("pcsc", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	named := func(what string) types.Type { return p.Scope().Lookup(goos + what).Type() }
	state := named("ReaderState").Underlying().(*types.Struct)
	var fields []*types.Var
	for i := range state.NumFields() {
		fields = append(fields, state.Field(i))
	}
	a := abi{
		offsets:     sizes.Offsetsof(fields),
		readerState: sizes.Sizeof(state),
		request:     sizes.Sizeof(named("IORequest")),
		handle:      sizes.Sizeof(named("Handle")),
	}
	a.end = a.offsets[len(fields)-1] + sizes.Sizeof(fields[len(fields)-1].Type())
	return a
}

// layouts are the targets and what we build for them.
var layouts = []struct {
	goos, goarch string
	layout       layout
	state        int // bytes of SCARD_READERSTATE as a C compiler says
}{
	{"windows", "amd64", windowsLayout(8), 64},
	{"windows", "arm64", windowsLayout(8), 64},
	{"windows", "386", windowsLayout(4), 56},
	{"darwin", "arm64", darwinLayout(8), 61},
	{"darwin", "amd64", darwinLayout(8), 61},
	{"linux", "amd64", linuxLayout(8), 80},
	{"linux", "arm64", linuxLayout(8), 80},
	{"linux", "arm", linuxLayout(4), 56},
	{"linux", "386", linuxLayout(4), 56},
}

func TestABI(t *testing.T) {
	for _, test := range layouts {
		l, a := test.layout, layOut(t, test.goos, test.goarch)
		if l.packed { // the fields have no gaps, the structures none behind
			a.readerState = a.end
		}
		got := []int64{0, int64(l.pointer), int64(l.currentState()), int64(l.eventState()), int64(l.atrLength()), int64(l.atrBytes())}
		if !slices.Equal(got, a.offsets) {
			t.Errorf("%s/%s: fields at %v, want %v", test.goos, test.goarch, got, a.offsets)
		}
		if n := int64(l.readerState()); n != a.readerState || l.readerState() != test.state {
			t.Errorf("%s/%s: SCARD_READERSTATE has %d bytes, want %d, %d in C", test.goos, test.goarch, n, a.readerState, test.state)
		}
		if n := int64(l.ioRequest()); n != a.request {
			t.Errorf("%s/%s: SCARD_IO_REQUEST has %d bytes, want %d", test.goos, test.goarch, n, a.request)
		}
		if n := int64(l.handle); n != a.handle {
			t.Errorf("%s/%s: a handle has %d bytes, want %d", test.goos, test.goarch, n, a.handle)
		}
	}
}

// The second structure of an array begins where the library looks for it, and
// what a structure points to is aligned for its characters.
func TestReaderStateArray(t *testing.T) {
	for _, test := range layouts {
		l := test.layout
		block := l.readerStates([]readerState{{reader: "A"}, {reader: "Bä"}, {reader: pnpReader}}, func(b []byte) uintptr { return 1 << 20 })
		for i, want := range []string{"A", "Bä", pnpReader} {
			at := l.get(block[i*test.state:], l.pointer) - 1<<20
			if at < uint64(3*test.state) || at >= uint64(len(block)) || at%uint64(l.char()) != 0 {
				t.Fatalf("%s/%s: name %d is at %d of %d", test.goos, test.goarch, i, at, len(block))
			}
			if got, _ := l.string(block[at:]); got != want {
				t.Errorf("%s/%s: name %d is %q, want %q", test.goos, test.goarch, i, got, want)
			}
		}
		if uintptr(unsafe.Pointer(&block[0]))%8 != 0 {
			t.Errorf("%s/%s: the array is not aligned", test.goos, test.goarch)
		}
	}
}

// What the compiler of this target says of all three systems with its pointers.
func TestABIHere(t *testing.T) {
	n := bits.UintSize / 8
	if got, want := windowsLayout(n).readerState(), int(unsafe.Sizeof(windowsReaderState{})); got != want {
		t.Errorf("windows: %d, want %d", got, want)
	}
	if got, want := darwinLayout(n).readerState(), int(unsafe.Offsetof(darwinReaderState{}.rgbAtr))+33; got != want {
		t.Errorf("darwin: %d, want %d", got, want)
	}
	if got, want := linuxLayout(n).readerState(), int(unsafe.Sizeof(linuxReaderState{})); got != want {
		t.Errorf("linux: %d, want %d", got, want)
	}
	if got, want := linuxLayout(n).ioRequest(), int(unsafe.Sizeof(linuxIORequest{})); got != want {
		t.Errorf("linux SCARD_IO_REQUEST: %d, want %d", got, want)
	}
	if got, want := linuxLayout(n).handle, int(unsafe.Sizeof(linuxHandle(0))); got != want {
		t.Errorf("linux handle: %d, want %d", got, want)
	}
	if got, want := linuxLayout(n).atrBytes(), int(unsafe.Offsetof(linuxReaderState{}.rgbAtr)); got != want {
		t.Errorf("linux rgbAtr: %d, want %d", got, want)
	}
}
