//go:build unix

package operations

import "golang.org/x/sys/unix"

// Disk is how many bytes are free for this program on the disk of a folder, and how many it has in all.
func Disk(dir string) (free, size uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize)                                       //nolint:gosec // it is signed or not, by the system
	return uint64(s.Bavail) * block, uint64(s.Blocks) * block, nil //nolint:gosec,unconvert // as above
}
