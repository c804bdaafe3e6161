package pkcs11

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// symbol loads a library by its whole path, with what it needs from its own folder,
// and finds C_GetFunctionList. It is never unloaded.
func symbol(path string) (uintptr, error) {
	library, err := windows.LoadLibraryEx(path, 0, windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR|windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
	if err != nil {
		return 0, err
	}
	return windows.GetProcAddress(library, "C_GetFunctionList")
}

// call runs a function of a module.
func call(function uintptr, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(function, args...)
	return r
}
