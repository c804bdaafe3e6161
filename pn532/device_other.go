//go:build !linux

package pn532

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

func openI2C(_ context.Context, at address) (line, error) { return nil, noBus(i2cAdvice, at) }

func openSPI(_ context.Context, at address) (line, error) { return nil, noBus(spiAdvice, at) }

func noBus(b busAdvice, at address) error {
	return b.problem(at, fmt.Errorf("%s is reached on Linux only, and this is %s: %w", b.name, runtime.GOOS, errors.ErrUnsupported))
}
