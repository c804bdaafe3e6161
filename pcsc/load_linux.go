//go:build !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64)

package pcsc

import (
	"math/bits"
	"runtime"
)

func load() (winscard, error) {
	n := newNative(linuxLayout(bits.UintSize/8), linuxPlatform)
	if err := n.open("SCardControl", "libpcsclite.so.1", "libpcsclite.so"); err != nil {
		return nil, unavailable(runtime.GOOS, err)
	}
	return n, nil
}
