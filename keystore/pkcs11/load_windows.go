package pkcs11

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// symbol loads a library by its whole path, which is never unloaded, and finds
// C_GetFunctionList.
func symbol(path string) (uintptr, error) {
	p := windows.NewLazyDLL(path).NewProc("C_GetFunctionList")
	if err := p.Find(); err != nil {
		return 0, err
	}
	return p.Addr(), nil
}

// call runs a function of a module.
func call(function uintptr, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(function, args...)
	return r
}
