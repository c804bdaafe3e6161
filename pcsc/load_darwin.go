package pcsc

import (
	"math/bits"
	"runtime"
)

func load() (winscard, error) {
	n := newNative(darwinLayout(bits.UintSize/8), darwinPlatform)
	if err := n.open("SCardControl132", "/System/Library/Frameworks/PCSC.framework/PCSC"); err != nil {
		return nil, unavailable(runtime.GOOS, err)
	}
	return n, nil
}
