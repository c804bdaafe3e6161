package operations

import "golang.org/x/sys/windows"

// Disk is how many bytes are free for this program on the disk of a folder, and how many it has in all.
func Disk(dir string) (free, size uint64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	var total uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, &size, &total)
	return free, size, err
}
