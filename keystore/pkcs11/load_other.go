//go:build !windows && !darwin && !(linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"fmt"
	"runtime"
)

type native struct{ cryptoki }

func (*native) identity() uintptr { return 0 }

func open(string) (*native, error) {
	return nil, fmt.Errorf("modules are not supported on %s/%s", runtime.GOOS, runtime.GOARCH)
}
