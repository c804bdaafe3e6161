//go:build darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pcsc

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// open finds the functions in the first of the libraries that loads.
func (n *native) open(control string, libraries ...string) error {
	var first error
	for _, name := range libraries {
		library, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		for _, s := range n.symbols("", control) {
			if *s.address, err = purego.Dlsym(library, s.name); err != nil {
				return fmt.Errorf("%s lacks %s: %w", name, s.name, err)
			}
		}
		return nil
	}
	return first
}

// call runs a function of the library. What args point to stays where it is
// until the function returns.
//
//go:uintptrescapes
func call(function uintptr, args ...uintptr) Error {
	r, _, _ := purego.SyscallN(function, args...)
	return Error(r) // a LONG of 64 bits on some systems; the code is in the low 32
}
