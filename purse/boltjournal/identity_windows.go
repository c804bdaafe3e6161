package boltjournal

import (
	"fmt"
	"os"
	"syscall"
)

// identity tells a file from a copy of it: by its number and by when it was made. A
// copy that was written over it has both.
func identity(f *os.File) (string, error) {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d-%d of %d", info.FileIndexHigh, info.FileIndexLow, info.CreationTime.Nanoseconds()), nil
}
