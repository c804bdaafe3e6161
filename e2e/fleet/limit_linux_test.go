package fleet

import "golang.org/x/sys/unix"

// limitFiles lets a process write no further into any file than to this byte, until it is
// told otherwise: writes fail then, as on a full disk, with EFBIG.
func limitFiles(pid int, bytes uint64) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &now); err != nil {
		return err
	}
	now.Cur = min(bytes, now.Max)
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &now, nil)
}

const noLimit = ^uint64(0)
