package pcsc

import (
	"math/bits"
	"runtime"
	"syscall"

	"golang.org/x/sys/windows"
)

func load() (winscard, error) {
	n := newNative(windowsLayout(bits.UintSize/8), windowsPlatform)
	library := windows.NewLazySystemDLL("winscard.dll")
	for _, s := range n.symbols("W", "SCardControl") {
		p := library.NewProc(s.name)
		if err := p.Find(); err != nil {
			return nil, unavailable(runtime.GOOS, err)
		}
		*s.address = p.Addr()
	}
	return n, nil
}

// call runs a function of the library. What args point to stays where it is
// until the function returns.
//
//go:uintptrescapes
func call(function uintptr, args ...uintptr) Error {
	r, _, _ := syscall.SyscallN(function, args...)
	return Error(r)
}
