//go:build !windows && !darwin && !(linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pcsc

import (
	"fmt"
	"runtime"
)

func load() (winscard, error) {
	return nil, unavailable(runtime.GOOS, fmt.Errorf("not supported on %s/%s", runtime.GOOS, runtime.GOARCH))
}
